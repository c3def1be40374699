package modeltest

import (
	"fmt"

	"recsys/internal/portable"
	"recsys/schema"
	"recsys/tensor"
	"recsys/train"
)

// Sizes of the world. The first three rows of each are padding, null and unknown.
const (
	first         = 3
	users         = first + 40
	items         = first + 24
	historyLength = 5
	perUser       = 12
)

// Examples makes the small world: two kinds of users and of items; users meet items of their own kind four times out of
// five, and like (label "like") those they meet of their own kind; of those they buy (label "buy") every third item. Every column that a model may read is there: ids,
// categories, numbers, lists, the history, a context column, and one of users and items together.
func Examples() *train.Examples {
	rng := portable.New(7, "modeltest")
	ints := func(n, low, high int) *tensor.Tensor {
		data := make([]int64, n)
		for i := range data {
			data[i] = int64(low + rng.IntN(high-low))
		}
		return tensor.Of(data, n)
	}
	floats := func(n int) *tensor.Tensor {
		data := make([]float32, n)
		for i := range data {
			data[i] = float32(rng.Normal())
		}
		return tensor.Of(data, n)
	}
	e := &train.Examples{Schema: worldSchema(), First: first, Labels: map[string][]float32{}, Context: tensor.Map{}}
	e.Users = tensor.Map{"user_id": count(users), "segment": ints(users, first, 7), "age": floats(users)}
	tags := make([]int64, items*3)
	for i := range items {
		for j := range i % 4 { // 0 to 3 tags
			tags[3*i+j] = int64(first + rng.IntN(5))
		}
	}
	e.Items = tensor.Map{
		"item_id": count(items), "category": ints(items, first, 6), "tags": tensor.Of(tags, items, 3), "price": floats(items),
	}
	var order []int64
	for u := first; u < users; u++ {
		for n := range perUser {
			item := first + rng.IntN(items-first)
			if item%2 != u%2 && rng.IntN(5) > 0 {
				item = first + (item-first+1)%(items-first)
			}
			e.User, e.Item, order = append(e.User, int32(u)), append(e.Item, int32(item)), append(order, int64(n))
			like := float32(1 - (u+item)%2)
			e.Labels["like"] = append(e.Labels["like"], like)
			if item%3 > 0 {
				like = 0
			}
			e.Labels["buy"] = append(e.Labels["buy"], like)
		}
	}
	var err error
	e.Sequences, e.Position, err = train.NewSequences(users, e.User, e.Item, order)
	if err != nil {
		panic(fmt.Sprintf("modeltest: %v", err)) // the world is fixed
	}
	e.Context["hour"] = ints(len(e.User), first, first+24)
	e.Context["gap"] = floats(len(e.User))
	return e
}

func worldSchema() schema.Schema {
	column := func(name string, dtype tensor.DType, length, cardinality int, tags ...schema.Tag) schema.Column {
		return schema.Column{
			Name: name, DType: schema.DType{DType: dtype}, Length: length, Cardinality: cardinality, Tags: tags,
		}
	}
	return schema.Schema{
		column("user_id", tensor.Int64, 0, users, schema.User, schema.ID, schema.Categorical),
		column("segment", tensor.Int64, 0, 7, schema.User, schema.Categorical),
		column("age", tensor.Float32, 0, 0, schema.User, schema.Continuous),
		column("history", tensor.Int64, historyLength, items, schema.User, schema.Sequence, schema.Categorical),
		column("hour", tensor.Int64, 0, first+24, schema.Context, schema.Categorical),
		column("gap", tensor.Float32, 0, 0, schema.Interaction, schema.Continuous),
		column("item_id", tensor.Int64, 0, items, schema.Item, schema.ID, schema.Categorical),
		column("category", tensor.Int64, 0, 6, schema.Item, schema.Categorical),
		column("tags", tensor.Int64, 3, 8, schema.Item, schema.Categorical),
		column("price", tensor.Float32, 0, 0, schema.Item, schema.Continuous),
	}
}

// count returns 0 to n-1.
func count(n int) *tensor.Tensor {
	data := make([]int64, n)
	for i := range data {
		data[i] = int64(i)
	}
	return tensor.Of(data, n)
}

// all returns the rows of every interaction.
func all(e *train.Examples) []int32 {
	rows := make([]int32, e.Len())
	for i := range rows {
		rows[i] = int32(i)
	}
	return rows
}
