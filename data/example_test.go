package data_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"recsys/data"
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
