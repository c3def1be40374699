package graph_test

import (
	"strings"
	"testing"

	"recsys/graph"
	"recsys/graph/graphtest"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// lookup is a graph of a table [3,2], a parameter or a constant, that two Gathers read, and the number of its rows.
func lookup(t *testing.T, param bool) *graph.Graph {
	t.Helper()
	b := graph.NewBuilder("lookup")
	ids := b.Input("ids", tensor.Int64, graph.Shape{batch})
	rows := tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 3, 2)
	var table *graph.Value
	if param {
		table = b.Param("table", graph.Dims(3, 2), graph.Zero())
	} else {
		table = b.Const("table", rows)
	}
	b.Output("rows", b.Gather(table, ids, 0))
	b.Output("double", b.Mul(b.Gather(table, ids, 0), b.Float32(2)))
	b.Output("turned", b.Transpose(table, []int64{1, 0}))
	g := build(t, b)
	if param {
		if err := g.Load(tensor.Map{"table": rows}); err != nil {
			t.Fatal(err)
		}
	}
	return g
}

func TestReplaceGrowsATable(t *testing.T) {
	for name, param := range map[string]bool{"parameter": true, "constant": false} {
		t.Run(name, func(t *testing.T) {
			g := lookup(t, param)
			grown, err := g.Replace(tensor.Map{"table": tensor.Of([]float32{1, 2, 3, 4, 5, 6, 7, 8}, 4, 2)})
			if err != nil {
				t.Fatal(err)
			}
			got, err := graphtest.Run(grown, tensor.Map{"ids": tensor.Of([]int64{3, 0}, 2)}, kernel.Portable())
			if err != nil {
				t.Fatal(err)
			}
			want := tensor.Map{
				"rows": tensor.Of([]float32{7, 8, 1, 2}, 2, 2), "double": tensor.Of([]float32{14, 16, 2, 4}, 2, 2),
				"turned": tensor.Of([]float32{1, 3, 5, 7, 2, 4, 6, 8}, 2, 4),
			}
			for name, want := range want {
				if err := graphtest.Compare(got[name], want, 0); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			if param != (len(grown.Params) == 1) || len(grown.Nodes) != len(g.Nodes) {
				t.Errorf("%d parameters and %d nodes, before %d and %d", len(grown.Params), len(grown.Nodes), len(g.Params), len(g.Nodes))
			}
			if _, err := graphtest.Run(g, tensor.Map{"ids": tensor.Of([]int64{3}, 1)}, kernel.Portable()); err == nil {
				t.Error("the graph itself has grown")
			}
		})
	}
}

func TestReplaceErrors(t *testing.T) {
	g := lookup(t, true)
	for want, tensors := range map[string]tensor.Map{
		`no node reads a constant or parameter "tabel"`: {"tabel": tensor.Zeros(tensor.Float32, 3, 2)},
		"has another type or number of axes":            {"table": tensor.Zeros(tensor.Float32, 6)},
		"replace table float32[3,2]: int64":             {"table": tensor.Zeros(tensor.Int64, 3, 2)},
		`no node reads a constant or parameter "ids"`:   {"ids": tensor.Zeros(tensor.Int64, 3)},
	} {
		if _, err := g.Replace(tensors); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got the error %v, want %q", err, want)
		}
	}
}
