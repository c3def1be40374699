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
			b.Output(tables.name(column), b.Gather(b.Const(tables.scope+column, t), candidates, 0))
		}
	}
	return build(LookupName, b)
}
