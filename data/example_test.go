package data_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"recsys/data"
	"recsys/schema"
	"recsys/tensor"
)

func Example() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "ratings.csv")
	if err := os.WriteFile(path, []byte("user,item,time\nann,7,10\nann,8,30\nann,9,20\n"), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	ratings, err := data.Read(context.Background(), data.Spec{Path: path})
	if err != nil {
		fmt.Println(err)
		return
	}
	parts, err := data.Split{By: data.ByLast, User: "user", Order: "time"}.Assign(ratings)
	if err != nil {
		fmt.Println(err)
		return
	}
	items, err := data.Values[int64](ratings, "item")
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, item := range items {
		fmt.Println(item, parts[i])
	}
	// Output:
	// 7 train
	// 8 test
	// 9 valid
}

func ExampleWriteBlocks() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "encoded.cols")
	header := data.BlocksHeader{
		Key: "ratings of May", BlockRows: 4,
		Columns: schema.Schema{{Name: "device", DType: schema.DType{DType: tensor.Int64}, Cardinality: 7}},
	}
	rows, err := data.WriteBlocks(path, header, func(yield func(tensor.Map, error) bool) {
		for batch := range int64(3) { // of three rows
			if !yield(tensor.Map{"device": tensor.Of([]int64{batch, batch + 1, batch + 2}, 3)}, nil) {
				return
			}
		}
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	blocks, err := data.OpenBlocks(path)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer blocks.Close() //nolint:errcheck // only read from
	device := tensor.Zeros(tensor.Int64, blocks.BlockRows())
	if err := blocks.ReadBlock(1, tensor.Map{"device": device}); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(rows, blocks.Key(), device.Any())
	// Output: 9 ratings of May [2 3 2 3]
}
