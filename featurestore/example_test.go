package featurestore_test

import (
	"context"
	"fmt"

	"recsys/featurestore"
	"recsys/schema"
	"recsys/tensor"
)

func Example() {
	ctx := context.Background()
	codec, err := featurestore.NewCodec(schema.Schema{
		{Name: "age", DType: schema.DType{DType: tensor.Int64}},
		{Name: "likes", DType: schema.DType{DType: tensor.String}, Length: 3},
	})
	if err != nil {
		panic(err)
	}
	row, err := codec.Encode(tensor.Map{
		"age":   tensor.Of([]int64{31}, 1),
		"likes": tensor.Of([]string{"jazz", "chess", ""}, 1, 3),
	}, 0)
	if err != nil {
		panic(err)
	}

	store := featurestore.NewMemory()
	records := func(yield func(featurestore.Record, error) bool) {
		yield(featurestore.Record{UserID: "42", Row: row, History: []string{"17"}, Seen: []string{"17"}}, nil)
	}
	if _, err := store.Load(ctx, records); err != nil {
		panic(err)
	}
	if err := store.AddEvents(ctx, []featurestore.Event{{ID: "e1", UserID: "42", ItemID: "99"}}); err != nil {
		panic(err)
	}
	user, err := store.User(ctx, "42", 50)
	if err != nil {
		panic(err)
	}
	values, err := codec.Decode(codec.Pick(user.Rows))
	if err != nil {
		panic(err)
	}
	fmt.Println(values["age"].Any(), values["likes"].Any(), user.History)
	// Output: [31] [jazz chess ] [17 99]
}
