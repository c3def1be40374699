package stage

import (
	"errors"
	"fmt"

	"recsys/ensemble"
	"recsys/graph"
	"recsys/tensor"
)

// Lookup makes a stage that returns the rows of the candidates from tables of item columns, [V] or [V,L], all of the same V: encoded ones, and raw ones
// for stages of other origin. The tables are part of the model; k is the number of candidates.
func Lookup(encoded, raw tensor.Map, k int) (ensemble.Stage, error) {
	if len(encoded)+len(raw) == 0 || k < 1 {
		return ensemble.Stage{}, fmt.Errorf("stage %q: %w", LookupName, errors.New("want at least one table and one candidate"))
	}
	b := graph.NewBuilder(LookupName)
	candidates := b.Input(Candidates, tensor.Int64, graph.Shape{graph.Sym(ensemble.BatchDim), graph.Fixed(k)})
	rows := -1
	for _, tables := range []struct {
		tensor.Map
		scope string
		name  func(string) string
	}{{encoded, "table/", Item}, {raw, "raw/", RawItem}} {
		for _, column := range tables.Names() {
			t := tables.Map[column]
			if t.Rank() < 1 || t.Rank() > 2 || rows >= 0 && t.Dim(0) != rows {
				return ensemble.Stage{}, fmt.Errorf("stage %q: table of column %q is %s: want [V] or [V,L] with the V of the others",
					LookupName, column, t)
			}
			rows = t.Dim(0)
			b.Output(tables.name(column), rowsOf(b, tables.scope+column, t, candidates))
		}
	}
	return build(LookupName, b)
}

// rowsOf returns the candidates' rows of a table. ONNX Runtime (1.32) copies the first string of a row alone, so lists of strings are
// gathered element by element.
func rowsOf(b *graph.Builder, name string, t *tensor.Tensor, candidates *graph.Value) *graph.Value {
	if t.DType() != tensor.String || t.Rank() == 1 {
		return b.Gather(b.Const(name, t), candidates, 0)
	}
	l := t.Dim(1)
	places := make([]int64, l)
	for i := range places {
		places[i] = int64(i)
	}
	flat := b.Const(name, tensor.Of(tensor.MustData[string](t), t.Len()))
	at := b.Mul(b.Unsqueeze(candidates, []int64{2}), b.Int64(int64(l)))
	return b.Gather(flat, b.Add(at, b.Const("", tensor.Of(places, l))), 0)
}
