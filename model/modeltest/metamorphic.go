package modeltest

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/graph/kernel"
	"recsys/schema"
	"recsys/tensor"
)

// plans are a graph's, with every kernel set by name.
type plans map[string]*exec.Plan

func compile(g *graph.Graph) (plans, error) {
	p := plans{}
	for _, set := range kernel.Sets() {
		var err error
		if p[set.Name], err = exec.Compile(g, exec.Options{Kernels: set}); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// agree checks that inputs changed by change give the outputs changed by it, to the bit: every row is computed by the
// same operations in the same order whatever stands beside it.
func (p plans) agree(ctx context.Context, what string, in tensor.Map, change func(tensor.Map) (tensor.Map, error)) error {
	changed, err := change(in)
	if err != nil {
		return err
	}
	for name, plan := range p {
		whole, err := plan.Run(ctx, in)
		if err != nil {
			return err
		}
		want, err := change(whole)
		if err != nil {
			return err
		}
		got, err := plan.Run(ctx, changed)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if err := equal(what+", "+name+" kernels", got, want); err != nil {
			return err
		}
	}
	return nil
}

// equal compares two sets of outputs to the bit.
func equal(what string, got, want tensor.Map) error {
	for _, name := range want.Names() {
		if got[name] == nil || !slices.Equal(got[name].Shape(), want[name].Shape()) {
			return fmt.Errorf("%s: output %q is %v, not %s", what, name, got[name], want[name])
		}
		if !got[name].Equal(want[name]) {
			return fmt.Errorf("%s: output %q has other bits: %v, not %v", what, name, got[name].Any(), want[name].Any())
		}
	}
	return nil
}

// rowsAlone checks that a row's output depends on the row's inputs only: split, reordered and repeated batches give the
// same bits. n is the number of rows of in.
func rowsAlone(ctx context.Context, g *graph.Graph, in tensor.Map, n int) error {
	p, err := compile(g)
	if err != nil {
		return err
	}
	reversed := make([]int, n)
	for i := range reversed {
		reversed[i] = n - 1 - i
	}
	for _, rows := range [][]int{{0}, {n - 1}, {2, 0, 1}, {n - 1, n - 2, 0, 0}, {0, 1, 2}, {3, 4, 5, 6}, {0, 1, 2, 3, 4, 5, 6}, reversed} {
		what := fmt.Sprintf("rows %v of a batch of %d by themselves", rows, n)
		if err := p.agree(ctx, what, in, func(m tensor.Map) (tensor.Map, error) { return take(m, rows) }); err != nil {
			return err
		}
	}
	return nil
}

// paddingLength is by how many places lists are lengthened.
const paddingLength = 3

// longerLists returns the schema with longer lists.
func longerLists(s schema.Schema) schema.Schema {
	longer := slices.Clone(s)
	for i := range longer {
		if longer[i].Length > 0 {
			longer[i].Length += paddingLength
		}
	}
	return longer
}

// paddingChangesNothing checks that the model built for longer lists, with the same parameters, gives the same outputs
// when the additional places hold padding. They are compared within the tolerance: kernels add up longer lists in other
// groups. Models with parameters for each place of a list are passed over.
func paddingChangesNothing(ctx context.Context, g, longer *graph.Graph, in tensor.Map) error {
	state := g.State()
	for _, p := range longer.Params {
		if t := state[p.Path]; t == nil || !p.Shape.Same(graph.Dims(t.Shape()...)) {
			return nil
		}
	}
	if err := longer.Load(state); err != nil {
		return err
	}
	padded := make(tensor.Map, len(in))
	for _, v := range longer.Inputs {
		t := in[v.Name()]
		if t == nil {
			return errors.New("the model reads other inputs when lists are longer")
		}
		if last := v.Shape()[v.Rank()-1]; v.Rank() > 1 && last.IsFixed() && last.Size == t.Dim(-1)+paddingLength {
			var err error
			if t, err = padLists(t); err != nil {
				return err
			}
		}
		padded[v.Name()] = t
	}
	short, err := compile(g)
	if err != nil {
		return err
	}
	long, err := compile(longer)
	if err != nil {
		return err
	}
	for name, plan := range short {
		want, err := plan.Run(ctx, in)
		if err != nil {
			return err
		}
		got, err := long[name].Run(ctx, padded)
		if err != nil {
			return err
		}
		if err := same("with longer lists, "+name+" kernels", got, want); err != nil {
			return err
		}
	}
	return nil
}

// padLists adds zeros behind every list [...,L] int64.
func padLists(t *tensor.Tensor) (*tensor.Tensor, error) {
	ids, err := tensor.Data[int64](t)
	if err != nil {
		return nil, err
	}
	n := t.Dim(-1)
	var data []int64
	for at := 0; at < len(ids); at += n {
		data = append(append(data, ids[at:at+n]...), make([]int64, paddingLength)...)
	}
	shape := slices.Clone(t.Shape())
	shape[len(shape)-1] += paddingLength
	return tensor.New(data, shape)
}
