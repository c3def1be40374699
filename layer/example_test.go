package layer_test

import (
	"fmt"

	"recsys/graph"
	"recsys/layer"
	"recsys/tensor"
)

func Example() {
	b := graph.NewBuilder("tower")
	ids := b.Input("encoded_user_id", tensor.Int64, graph.Shape{graph.Sym("B")})
	x := layer.Embedding{Name: "user_id", Rows: 6043, Dim: 16}.Apply(b, ids)
	b.Output("query", layer.MLP{Name: "query", Units: []int{64, 32}}.Apply(b, x))
	g, err := b.Build()
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(g.Output("query").Shape())
	for _, p := range g.Params {
		fmt.Println(p.Path, p.Shape)
	}
	// Output:
	// [B,32]
	// embedding/user_id [6043,16]
	// query/0/bias [64]
	// query/0/weight [16,64]
	// query/1/bias [32]
	// query/1/weight [64,32]
}
