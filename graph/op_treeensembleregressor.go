package graph

import (
	"errors"
	"fmt"
	"slices"

	"recsys/tensor"
)

// TreeEnsembleRegressor returns the scores [N,targets] float32 of an ensemble of decision trees for the rows of x [N,F]
// (float32, float64, int64, int32): for every target the "SUM", "AVERAGE" (over all trees), "MIN" or "MAX" of the
// votes, "" meaning the sum, plus the base, transformed. With one target the transform is NONE or PROBIT. float64 is
// compared and added up as such, everything else as float32, tree by tree.
func (b *Builder) TreeEnsembleRegressor(x *Value, trees TreeEnsemble, targets int64, aggregate string) *Value {
	attrs := trees.attrs("target_")
	attrs["n_targets"] = targets
	if aggregate != "" {
		attrs["aggregate_function"] = aggregate
	}
	return b.op("TreeEnsembleRegressor", attrs, x)
}

func opTreeEnsembleRegressor() *Op {
	return &Op{
		Type: "TreeEnsembleRegressor", Domain: "ai.onnx.ml", Since: 3,
		Infer: inferRegressor,
		Prepare: func(n *Node) (any, error) {
			if n.Inputs[0].dtype == tensor.Float64 {
				return newRegressor[float64](n.Attrs)
			}
			return newRegressor[float32](n.Attrs)
		},
		Kernel: regressorKernel,
	}
}

func inferRegressor(c *InferContext) error {
	if err := inferTrees(c); err != nil {
		return err
	}
	a := c.Node.Attrs
	n := a.Int("n_targets", 0)
	if n < 1 || n > maxTargets {
		return fmt.Errorf("attribute n_targets is %d; supported are 1 to %d", n, maxTargets)
	}
	if how := a.Str("aggregate_function", "SUM"); !slices.Contains(aggregates(), how) {
		return fmt.Errorf("attribute aggregate_function is %q; supported are %v", how, aggregates())
	}
	supported := transforms()
	if n == 1 {
		supported = []string{"NONE", "PROBIT"} // ONNX Runtime passes over the others.
	}
	if t := a.Str("post_transform", "NONE"); !slices.Contains(supported, t) {
		return fmt.Errorf("attribute post_transform is %q; supported for %d targets are %v", t, n, supported)
	}
	c.Out(0, tensor.Float32, Shape{c.In[0].Shape[0], Fixed(int(n))})
	return nil
}

// maxTargets bounds the targets and classes of an ensemble.
const maxTargets = 1 << 20

type regressor[T float32 | float64] struct {
	*forest[T]
	how aggregate
}

func newRegressor[T float32 | float64](a Attrs) (*regressor[T], error) {
	f, err := newForest[T](a, "target_", int(a.Int("n_targets", 0)))
	if err != nil {
		return nil, err
	}
	if len(f.base) > 0 && !f.complete() {
		return nil, errors.New("attribute base_values: there may be rows for which no leaf votes for a target, and runtimes " +
			"disagree whether it gets its base then; give the leaves votes of 0")
	}
	return &regressor[T]{f, aggregate(slices.Index(aggregates(), a.Str("aggregate_function", "SUM")))}, nil
}

// complete reports whether every target gets a vote in every row: it has a tree whose leaves all vote for it.
func (f *forest[T]) complete() bool {
	sure := make([]bool, f.targets)
	for i, root := range f.roots {
		end := len(f.nodes)
		if i+1 < len(f.roots) {
			end = int(f.roots[i+1])
		}
		leaves, votes := 0, map[int32]int{}
		for _, n := range f.nodes[root:end] {
			if n.mode == leaf {
				leaves++
				for _, v := range f.votes[n.next : n.next+n.feature] {
					votes[v.target]++
				}
			}
		}
		for target, n := range votes {
			sure[target] = sure[target] || n == leaves
		}
	}
	return !slices.Contains(sure, false)
}

func regressorKernel(r *Run, _ *Node, in, out []*tensor.Tensor) error {
	switch f := r.Prepared.(type) {
	case *regressor[float64]:
		return regress(r, f, tensor.MustData[float64](in[0]), in[0], out[0])
	case *regressor[float32]:
		switch x := in[0].Any().(type) {
		case []float32:
			return regress(r, f, x, in[0], out[0])
		case []int64:
			return regress(r, f, x, in[0], out[0])
		case []int32:
			return regress(r, f, x, in[0], out[0])
		}
	}
	return fmt.Errorf("no kernel for %s", in[0].DType())
}

func regress[T float32 | float64, X float32 | float64 | int64 | int32](r *Run, f *regressor[T], x []X, in, out *tensor.Tensor) error {
	if err := f.wide(in); err != nil {
		return err
	}
	buffer := f.buffer()
	defer f.buffers.Put(buffer)
	scores := *buffer
	y, width := tensor.MustData[float32](out), in.Dim(1)
	for i := range in.Dim(0) {
		tally(f.forest, f.how, x[i*width:(i+1)*width], scores)
		row := y[i*f.targets : (i+1)*f.targets]
		for k, s := range scores {
			row[k] = float32(s.value)
		}
		transformScores(r, f.transform, row)
	}
	return nil
}
