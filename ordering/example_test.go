package ordering_test

import (
	"context"
	"fmt"

	"recsys/internal/expression"
	"recsys/ordering"
	"recsys/schema"
	"recsys/tensor"
)

func Example() {
	items := schema.Schema{{Name: "brand", DType: schema.DType{DType: tensor.String}, Tags: []schema.Tag{schema.Item}}}
	table := expression.NewTable(items)
	if err := table.Append(4, tensor.Map{"brand": tensor.Of([]string{"acme", "acme", "bolt", "core"}, 4)}); err != nil {
		panic(err)
	}
	rules, err := ordering.Compile(ordering.Policy{
		Boosts: []ordering.Boost{{Where: "brand == 'core'", Times: 2}},
		Caps:   map[string]int{"brand": 1},
	}, items, nil)
	if err != nil {
		panic(err)
	}
	picks, err := rules.Order(ordering.Request{
		Candidates: []ordering.Candidate{{Item: 0, Score: 0.9}, {Item: 1, Score: 0.8}, {Item: 2, Score: 0.7}, {Item: 3, Score: 0.4}},
		Results:    3, Items: table,
		Holds: func(c *expression.Condition) ([]byte, error) { return c.Rows(context.Background(), table, nil) },
	})
	if err != nil {
		panic(err)
	}
	for _, p := range picks {
		fmt.Println(p.Item, p.Score)
	}
	// Output:
	// 0 0.9
	// 3 0.4
	// 2 0.7
}
