package pipeline

import (
	"fmt"
	"slices"

	"recsys/feature"
	"recsys/graph"
	"recsys/model"
	"recsys/tensor"
)

// growth says how embedding tables of item ids become longer.
type growth struct {
	// inputs are the graph inputs that hold item ids: those of the columns that the item key's vocabulary encodes.
	inputs []string
	// from is the number of ids before, rows the ids that new items had until now: those of out-of-vocabulary buckets. Each new id
	// gets a copy of that row.
	from int
	rows []int64
}

func newGrowth(w *feature.FittedWorkflow, key string, rows []int64) growth {
	v, _ := w.Vocabulary(key)
	g := growth{from: v.Cardinality(), rows: rows}
	for _, c := range w.Schema() {
		if other, ok := w.Vocabulary(c.Name); ok && other.Name() == v.Name() {
			g.inputs = append(g.inputs, model.QueryInput(c.Name), model.ItemInput(c.Name))
		}
	}
	return g
}

// tables returns the graph with longer tables. Models look ids up as they come, so that what is not looked up in a table of all ids is
// refused.
func (g growth) tables(m *graph.Graph) (*graph.Graph, error) {
	ids := map[*graph.Value]bool{}
	for _, in := range m.Inputs {
		ids[in] = slices.Contains(g.inputs, in.Name())
	}
	grown := tensor.Map{}
	for _, n := range m.Nodes {
		switch n.Op.Type {
		case "Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Expand", "Flatten":
			ids[n.Outputs[0]] = ids[n.Inputs[0]]
		case "Gather":
			if !ids[n.Inputs[1]] {
				continue
			}
			table := n.Inputs[0]
			if table.Data() == nil || table.Rank() == 0 || table.Data().Dim(0) != g.from || n.Attrs.Int("axis", 0) != 0 {
				return nil, fmt.Errorf("graph %q: node %q looks up item ids in %s, which has no row for each of the %d ids", m.Name, n.Name, table, g.from)
			}
			var err error
			if grown[table.Name()], err = g.table(table.Data()); err != nil {
				return nil, err
			}
		}
	}
	return m.Replace(grown)
}

// table returns t with the rows of new ids behind its own.
func (g growth) table(t *tensor.Tensor) (*tensor.Tensor, error) {
	shape := slices.Clone(t.Shape())
	shape[0] += len(g.rows)
	out := tensor.Zeros(t.DType(), shape...)
	if err := tensor.Copy(out.Rows(0, g.from), t); err != nil {
		return nil, err
	}
	for i, row := range g.rows {
		at := g.from + i
		if err := tensor.Copy(out.Rows(at, at+1), t.Rows(int(row), int(row)+1)); err != nil {
			return nil, err
		}
	}
	return out, nil
}
