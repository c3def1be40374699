package graph

import (
	"errors"
	"fmt"
	"slices"

	"recsys/tensor"
)

// TreeEnsembleClassifier returns the labels [N] and the scores [N,C] float32 of the C classes that an ensemble of decision
// trees gives the rows of x [N,F] (float32, float64, int64, int32). Labels are int64 or string. The scores are the sums
// of the votes plus the base, transformed; the label is that of the greatest sum, the first of equal ones.
//
// With two classes all votes are for class 0 and make the score s of the second class: without a transform the scores
// are 1-s and s where no weight is negative, else -s and s; with LOGISTIC they are the sigmoids of -s and s. The label is
// the second one when s is above 0.5 where no weight is negative, else above 0. Converters of XGBoost, LightGBM and
// scikit-learn write binary classifiers so, and ONNX Runtime reads them so.
func (b *Builder) TreeEnsembleClassifier(x *Value, trees TreeEnsemble, labels *tensor.Tensor) (label, scores *Value) {
	attrs := trees.attrs("class_")
	switch list := labels.Any().(type) {
	case []int64:
		attrs["classlabels_int64s"] = slices.Clone(list)
	case []string:
		attrs["classlabels_strings"] = slices.Clone(list)
	default:
		v := b.Fail(fmt.Errorf("TreeEnsembleClassifier: the labels are %s; use int64 or string", labels))
		return v, v
	}
	outs := b.Apply(b.ops["TreeEnsembleClassifier"], attrs, x)
	return outs[0], outs[1]
}

func opTreeEnsembleClassifier() *Op {
	return &Op{
		Type: "TreeEnsembleClassifier", Domain: "ai.onnx.ml", Since: 3,
		Infer: inferClassifier,
		Prepare: func(n *Node) (any, error) {
			if n.Inputs[0].dtype == tensor.Float64 {
				return newClassifier[float64](n.Attrs)
			}
			return newClassifier[float32](n.Attrs)
		},
		Kernel: classifierKernel,
	}
}

func inferClassifier(c *InferContext) error {
	if err := inferTrees(c); err != nil {
		return err
	}
	a := c.Node.Attrs
	ints, strings := a.Ints("classlabels_int64s"), a.Strs("classlabels_strings")
	n, dtype := len(ints), tensor.Int64
	if len(strings) > 0 {
		n, dtype = len(strings), tensor.String
	}
	if len(ints) > 0 && len(strings) > 0 || n < 2 || n > maxTargets {
		return fmt.Errorf("attributes classlabels_int64s and classlabels_strings have %d and %d elements; one of them has to have "+
			"2 to %d", len(ints), len(strings), maxTargets)
	}
	supported := transforms()
	if n == 2 {
		supported = []string{"NONE", "LOGISTIC"}
		if slices.ContainsFunc(a.Ints("class_ids"), func(id int64) bool { return id != 0 }) {
			return errors.New("attribute class_ids: with two classes all votes have to be for class 0, which makes them the score " +
				"of the second class; for others runtimes disagree about the label")
		}
	}
	if t := a.Str("post_transform", "NONE"); !slices.Contains(supported, t) {
		return fmt.Errorf("attribute post_transform is %q; supported for %d classes are %v", t, n, supported)
	}
	c.Out(0, dtype, Shape{c.In[0].Shape[0]})
	c.Out(1, tensor.Float32, Shape{c.In[0].Shape[0], Fixed(n)})
	return nil
}

type classifier[T float32 | float64] struct {
	*forest[T]    // of one target where there are two classes
	classes       int
	nonNegative   bool // all weights are
	labels        []int64
	labelsStrings []string
}

func newClassifier[T float32 | float64](a Attrs) (*classifier[T], error) {
	c := &classifier[T]{labels: a.Ints("classlabels_int64s"), labelsStrings: a.Strs("classlabels_strings")}
	c.classes = len(c.labels) + len(c.labelsStrings)
	targets := c.classes
	if targets == 2 {
		targets = 1
	}
	var err error
	if c.forest, err = newForest[T](a, "class_", targets); err != nil {
		return nil, err
	}
	c.nonNegative = !slices.ContainsFunc(c.votes, func(v vote[T]) bool { return v.weight < 0 })
	return c, nil
}

func classifierKernel(r *Run, _ *Node, in, out []*tensor.Tensor) error {
	switch f := r.Prepared.(type) {
	case *classifier[float64]:
		return classify(r, f, tensor.MustData[float64](in[0]), in[0], out)
	case *classifier[float32]:
		switch x := in[0].Any().(type) {
		case []float32:
			return classify(r, f, x, in[0], out)
		case []int64:
			return classify(r, f, x, in[0], out)
		case []int32:
			return classify(r, f, x, in[0], out)
		}
	}
	return fmt.Errorf("no kernel for %s", in[0].DType())
}

func classify[T float32 | float64, X float32 | float64 | int64 | int32](r *Run, f *classifier[T], x []X, in *tensor.Tensor, out []*tensor.Tensor) error {
	if err := f.wide(in); err != nil {
		return err
	}
	buffer := f.buffer()
	defer f.buffers.Put(buffer)
	scores := *buffer
	y, width := tensor.MustData[float32](out[1]), in.Dim(1)
	for i := range in.Dim(0) {
		tally(f.forest, sum, x[i*width:(i+1)*width], scores)
		row := y[i*f.classes : (i+1)*f.classes]
		var class int
		if f.classes == 2 {
			class = f.binary(scores[0].value, row)
		} else {
			class = best(scores)
			for k, s := range scores {
				row[k] = float32(s.value)
			}
		}
		if f.classes > 2 || f.transform == "LOGISTIC" {
			transformScores(r, f.transform, row)
		}
		switch labels := out[0].Any().(type) {
		case []int64:
			labels[i] = f.labels[class]
		case []string:
			labels[i] = f.labelsStrings[class]
		}
	}
	return nil
}

// binary sets the scores of two classes from the one that was voted for, before the transform, and returns the class.
func (f *classifier[T]) binary(s T, row []float32) int {
	threshold := T(0)
	row[0], row[1] = float32(-s), float32(s)
	if f.nonNegative {
		threshold = 0.5
		if f.transform != "LOGISTIC" {
			row[0] = float32(1 - s)
		}
	}
	if s > threshold {
		return 1
	}
	return 0
}

// best returns the first class with the greatest score among those that got a vote, the first one when none did.
func best[T float32 | float64](scores []score[T]) int {
	at := -1
	for i, s := range scores {
		if s.given && (at < 0 || s.value > scores[at].value) {
			at = i
		}
	}
	return max(at, 0)
}
