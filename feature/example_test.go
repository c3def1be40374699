package feature_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"recsys/feature"
	"recsys/feature/op"
	"recsys/schema"
	"recsys/tensor"
)

func Example() {
	ctx := context.Background()
	raw := schema.Schema{
		{Name: "movie_id", DType: schema.DType{DType: tensor.Int64}, Tags: []schema.Tag{schema.Item, schema.ID}},
		{Name: "age", DType: schema.DType{DType: tensor.Float32}, Tags: []schema.Tag{schema.User}},
	}
	source := feature.Tables{Tables: []tensor.Map{
		{"movie_id": tensor.Of([]int64{50, 50, 7}, 3)}, // interactions
		{"age": tensor.Of([]float32{20, 40}, 2)},       // users
	}}
	workflow := feature.Workflow{Operators: []feature.Operator{
		&op.Categorify{Columns: []string{"movie_id"}},
		&op.Normalize{Columns: []string{"age"}},
		&op.Sequence{Column: "history", Of: "movie_id", Length: 3},
	}}
	fitted, err := workflow.Fit(ctx, raw, source)
	if err != nil {
		fmt.Println(err)
		return
	}
	user, err := fitted.Tagged(schema.User)
	if err != nil {
		fmt.Println(err)
		return
	}
	out, err := user.Transform(ctx, tensor.Map{
		"age":     tensor.Of([]float32{50}, 1),
		"history": tensor.Of([]int64{7, 99, tensor.NullInt64}, 1, 3),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(out["age"].Any(), out["history"].Any())
	// Output: [2] [4 2 0]
}

func ExampleFittedWorkflow_Save() {
	dir, err := os.MkdirTemp("", "workflow")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	fitted, err := feature.Workflow{Operators: []feature.Operator{
		&op.Bucketize{Columns: []string{"age"}, Boundaries: []float64{18, 65}},
	}}.Fit(context.Background(), schema.Schema{
		{Name: "age", DType: schema.DType{DType: tensor.Float32}, Tags: []schema.Tag{schema.User}},
	}, feature.Tables{})
	if err != nil {
		fmt.Println(err)
		return
	}
	path := filepath.Join(dir, "workflow.json")
	if err := fitted.Save(path); err != nil {
		fmt.Println(err)
		return
	}
	again, err := feature.Load(op.Registry(), path)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range again.Schema() {
		fmt.Println(c.Name, c.DType, c.Cardinality, c.Tags)
	}
	// Output: age int64 5 [user categorical]
}

func ExampleWindow() {
	history := make([]int64, 5)
	feature.Window(history, []int32{12, 7, 9, 31}, 3)
	fmt.Println(history)
	// Output: [12 7 9 0 0]
}
