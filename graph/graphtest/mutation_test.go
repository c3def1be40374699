package graphtest_test

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"

	"recsys/graph"
	"recsys/graph/graphtest"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// The mutation check breaks every operator in every way below, one at a time, and wants the suite to reject each of them
// with the cases that the operator's data file has. A mutant that survives asks for another case.

type kernelFunc = func(r *graph.Run, n *graph.Node, in, out []*tensor.Tensor) error

// mutant is a fault of kernels.
type mutant struct {
	// applies tells whether the fault changes anything that a case may be expected to show.
	applies func(c graphtest.Case) bool
	breakIt func(right kernelFunc) kernelFunc
}

// kernelMutants are faults of kernels by name.
func kernelMutants() map[string]mutant {
	after := func(change func(out []*tensor.Tensor)) func(right kernelFunc) kernelFunc {
		return func(right kernelFunc) kernelFunc {
			return func(r *graph.Run, n *graph.Node, in, out []*tensor.Tensor) error {
				err := right(r, n, in, out)
				if err == nil {
					change(out)
				}
				return err
			}
		}
	}
	before := func(change func(n *graph.Node, i int, t *tensor.Tensor)) func(right kernelFunc) kernelFunc {
		return func(right kernelFunc) kernelFunc {
			return func(r *graph.Run, n *graph.Node, in, out []*tensor.Tensor) error {
				changed := slices.Clone(in)
				for i, t := range in {
					if t != nil && n.Inputs[i].Kind() != graph.FromConst {
						changed[i] = t.Clone()
						change(n, i, changed[i])
					}
				}
				return right(r, n, changed, out)
			}
		}
	}
	floats := func(change func(v float32) float32) func(right kernelFunc) kernelFunc {
		return before(func(_ *graph.Node, _ int, t *tensor.Tensor) {
			data, _ := t.Any().([]float32)
			for i, v := range data {
				data[i] = change(v)
			}
		})
	}
	always := func(c graphtest.Case) bool { return c.Error == "" }
	return map[string]mutant{
		"one element is off":              {always, after(func(out []*tensor.Tensor) { nudge(out[0]) })},
		"last output: one element is off": {always, after(func(out []*tensor.Tensor) { nudge(out[len(out)-1]) })},
		"two elements change places":      {always, after(func(out []*tensor.Tensor) { exchange(out[0]) })},
		"the last element is not written": {always, func(right kernelFunc) kernelFunc {
			return func(r *graph.Run, n *graph.Node, in, out []*tensor.Tensor) error {
				found := out[0].Clone()
				err := right(r, n, in, out)
				keepLast(out[0], found)
				return err
			}
		}},
		"the sign of what is negative is lost": {computes[float32], floats(abs32)},
		"what is negative is halved":           {computes[float32], floats(func(v float32) float32 { return max(v, v/2) })},
		"NaN is 0": {computes[float32], floats(func(v float32) float32 {
			if v != v {
				return 0
			}
			return v
		})},
		"infinity is the greatest number": {computes[float32], floats(func(v float32) float32 {
			return max(-math.MaxFloat32, min(math.MaxFloat32, v))
		})},
		"integers go through float32": {computes[int64], before(func(_ *graph.Node, _ int, t *tensor.Tensor) {
			data, _ := t.Any().([]int64)
			for i, v := range data {
				data[i] = int64(float32(v))
			}
		})},
		"empty inputs are refused": {computed, func(right kernelFunc) kernelFunc {
			return func(r *graph.Run, n *graph.Node, in, out []*tensor.Tensor) error {
				if slices.ContainsFunc(in, func(t *tensor.Tensor) bool { return t != nil && t.Len() == 0 }) {
					return errors.New("there are no elements")
				}
				return right(r, n, in, out)
			}
		}},
		"the first two inputs change places": {interchangeable, func(right kernelFunc) kernelFunc {
			return func(r *graph.Run, n *graph.Node, in, out []*tensor.Tensor) error {
				if in[0].DType() == in[1].DType() && slices.Equal(in[0].Shape(), in[1].Shape()) {
					in = append([]*tensor.Tensor{in[1], in[0]}, in[2:]...)
				}
				return right(r, n, in, out)
			}
		}},
	}
}

func abs32(v float32) float32 { return float32(math.Abs(float64(v))) }

// nudge changes one element: of floats the greatest, by 1000 units in its last place.
func nudge(t *tensor.Tensor) {
	if t.Len() == 0 {
		return
	}
	switch data := t.Any().(type) {
	case []float32:
		at := -1
		for i, v := range data {
			if v-v == 0 && (at < 0 || abs32(v) > abs32(data[at])) {
				at = i
			}
		}
		if at >= 0 {
			data[at] = math.Float32frombits(math.Float32bits(data[at]) + 1000)
		}
	case []float64:
		data[0]++
	case []int64:
		data[len(data)-1]++
	case []int32:
		data[len(data)-1]++
	case []uint32:
		data[len(data)-1]++
	case []uint8:
		data[len(data)-1]++
	case []bool:
		data[len(data)-1] = !data[len(data)-1]
	case []string:
		data[len(data)-1] += "x"
	}
}

// exchange swaps the first element with the last that differs from it.
func exchange(t *tensor.Tensor) {
	switch data := t.Any().(type) {
	case []float32:
		exchangeIn(data)
	case []float64:
		exchangeIn(data)
	case []int64:
		exchangeIn(data)
	case []int32:
		exchangeIn(data)
	case []uint32:
		exchangeIn(data)
	case []uint8:
		exchangeIn(data)
	case []bool:
		exchangeIn(data)
	case []string:
		exchangeIn(data)
	}
}

func exchangeIn[T comparable](x []T) {
	if len(x) == 0 {
		return
	}
	for i, v := range slices.Backward(x) {
		if v != x[0] {
			x[0], x[i] = v, x[0]
			return
		}
	}
}

// keepLast puts back what the last element of t was before.
func keepLast(t, before *tensor.Tensor) {
	if t.Len() == 0 {
		return
	}
	last := t.Len() - 1
	switch data := t.Any().(type) {
	case []float32:
		data[last] = before.Any().([]float32)[last]
	case []float64:
		data[last] = before.Any().([]float64)[last]
	case []int64:
		data[last] = before.Any().([]int64)[last]
	case []uint8:
		data[last] = before.Any().([]uint8)[last]
	case []int8:
		data[last] = before.Any().([]int8)[last]
	case []int32:
		data[last] = before.Any().([]int32)[last]
	case []bool:
		data[last] = before.Any().([]bool)[last]
	case []string:
		data[last] = before.Any().([]string)[last]
	}
}

// gradientMutants are faults of an operator's gradient. inputs are those that have one.
func gradientMutants(op *graph.Op, inputs []int) map[string]func(op *graph.Op) {
	mutants := map[string]func(op *graph.Op){
		"the gradient is 1 % too large": changeUpstream(func(c *graph.GradContext, g *graph.Value) *graph.Value {
			return c.B.Mul(g, c.B.Float32(1.01))
		}),
		"the gradient ignores what comes from above": changeUpstream(func(c *graph.GradContext, g *graph.Value) *graph.Value {
			return c.B.Expand(c.B.Float32(1), c.B.ShapeOf(g))
		}),
	}
	for _, i := range inputs {
		mutants[fmt.Sprintf("no gradient for input %d", i)] = changeGradient(i, func(_ *graph.GradContext, _ *graph.Value) *graph.Value {
			return nil
		})
		mutants[fmt.Sprintf("the gradient of input %d is negated", i)] = changeGradient(i, func(c *graph.GradContext, g *graph.Value) *graph.Value {
			return c.B.Neg(g)
		})
	}
	if op.SparseGrad != nil {
		mutants["sparse rows are 1 % too large"] = changeSparse(func(c *graph.GradContext, ids, rows *graph.Value) (i, r *graph.Value) {
			return ids, c.B.Mul(rows, c.B.Float32(1.01))
		})
		mutants["sparse rows all go to row 0"] = changeSparse(func(c *graph.GradContext, ids, rows *graph.Value) (i, r *graph.Value) {
			return c.B.Mul(ids, c.B.Int64(0)), rows
		})
	}
	return mutants
}

// changeGradient changes the gradient of input at.
func changeGradient(at int, change func(c *graph.GradContext, g *graph.Value) *graph.Value) func(op *graph.Op) {
	return func(op *graph.Op) {
		right := op.Grad
		op.SparseGrad = nil
		op.Grad = func(c *graph.GradContext) {
			right(c)
			if at < len(c.Grads()) && c.Grads()[at] != nil {
				c.Set(at, change(c, c.Grads()[at]))
			}
		}
	}
}

// changeUpstream makes the gradient rule see other gradients of the outputs.
func changeUpstream(change func(c *graph.GradContext, g *graph.Value) *graph.Value) func(op *graph.Op) {
	return func(op *graph.Op) {
		right := op.Grad
		op.SparseGrad = nil
		op.Grad = func(c *graph.GradContext) {
			upstream := make([]*graph.Value, len(c.Node.Outputs))
			for i := range upstream {
				if g := c.Upstream(i); g != nil {
					upstream[i] = change(c, g)
				}
			}
			wrong := graph.NewGradContext(c.B, c.Node, upstream)
			right(wrong)
			for i, g := range wrong.Grads() {
				c.Set(i, g)
			}
		}
	}
}

func changeSparse(change func(c *graph.GradContext, ids, rows *graph.Value) (i, r *graph.Value)) func(op *graph.Op) {
	return func(op *graph.Op) {
		right := op.SparseGrad
		op.SparseGrad = func(c *graph.GradContext) (ids, rows *graph.Value) {
			if ids, rows = right(c); ids != nil {
				return change(c, ids, rows)
			}
			return ids, rows
		}
	}
}

// changeRows changes what the rule computes that goes row by row.
func changeRows(change func(y []float32)) func(op *graph.Op) {
	return func(op *graph.Op) {
		right := op.Rows
		op.Rows = func(n *graph.Node) *graph.RowRule {
			rule := right(n)
			if rule == nil {
				return nil
			}
			wrong := *rule
			wrong.Compute = func(r *graph.Run, n *graph.Node, y []float32, x [][]float32, width int) {
				rule.Compute(r, n, y, x, width)
				change(y)
			}
			return &wrong
		}
	}
}

func TestEveryMutantIsRejected(t *testing.T) {
	equivalent := equivalentMutants()
	made := 0
	for _, typ := range slices.Sorted(maps.Keys(graph.Standard())) {
		file, err := graphtest.Read(opFile(typ))
		if err != nil {
			t.Fatal(err)
		}
		mutants := mutantsOf(typ, file)
		made += len(mutants)
		for _, name := range slices.Sorted(maps.Keys(mutants)) {
			op := graph.Standard()[typ]
			mutants[name](op)
			killed := rejected(op, file)
			reason := equivalent[typ+": "+name]
			delete(equivalent, typ+": "+name)
			switch {
			case !killed && reason == "":
				t.Errorf("%s: %s: no case of %s sees it", typ, name, file.Path)
			case killed && reason != "":
				t.Errorf("%s: %s: is rejected, although %s", typ, name, reason)
			}
		}
	}
	for name := range equivalent {
		t.Errorf("there is no mutant %q", name)
	}
	t.Logf("%d mutants", made)
}

// mutantsOf returns the mutants of the standard operator typ. Faults of values apply where a case has such values to
// compute with; that every type has a case is another test's.
func mutantsOf(typ string, file *graphtest.File) map[string]func(op *graph.Op) {
	mutants := map[string]func(op *graph.Op){}
	for name, m := range kernelMutants() {
		if !slices.ContainsFunc(file.Cases, m.applies) {
			continue
		}
		mutants[name] = func(op *graph.Op) { op.Kernel = m.breakIt(op.Kernel) }
	}
	op := graph.Standard()[typ]
	if op.Rows != nil {
		mutants["row by row: one element is off"] = changeRows(func(y []float32) { nudge(tensor.Of(y, len(y))) })
		mutants["row by row: two elements change places"] = changeRows(func(y []float32) { exchangeIn(y) })
	}
	if op.Grad == nil {
		return mutants
	}
	with := map[int]bool{}
	right := op.Grad
	op.SparseGrad, op.Grad = nil, func(c *graph.GradContext) {
		right(c)
		for i, g := range c.Grads() {
			if g != nil && c.In(i).Kind() == graph.FromParam {
				with[i] = true
			}
		}
	}
	rejected(op, file)
	maps.Copy(mutants, gradientMutants(graph.Standard()[typ], slices.Sorted(maps.Keys(with))))
	return mutants
}

// computes tells whether a case computes with values of a type.
func computes[T tensor.Element](c graphtest.Case) bool {
	return c.Error == "" && slices.ContainsFunc(c.Inputs, func(in graphtest.Input) bool {
		return in.Data != nil && !in.Const && in.Data.DType() == tensor.DTypeOf[T]()
	})
}

// computed tells whether a case has an input that is no constant.
func computed(c graphtest.Case) bool {
	return c.Error == "" && slices.ContainsFunc(c.Inputs, func(in graphtest.Input) bool { return in.Data != nil && !in.Const })
}

// interchangeable tells whether the first two inputs of a case have one type and shape.
func interchangeable(c graphtest.Case) bool {
	return computed(c) && len(c.Inputs) > 1 && c.Inputs[1].Data != nil && !c.Inputs[1].Const &&
		c.Inputs[0].Data.DType() == c.Inputs[1].Data.DType() && slices.Equal(c.Inputs[0].Data.Shape(), c.Inputs[1].Data.Shape())
}

// rejected reports whether the suite, with the portable kernels, finds fault with op.
func rejected(op *graph.Op, file *graphtest.File) bool {
	portable := kernel.Portable()
	for i := range file.Cases { // first what takes no time
		if graphtest.Forward(op, &file.Cases[i], portable) != nil || graphtest.Rows(op, &file.Cases[i], portable) != nil {
			return true
		}
	}
	return slices.ContainsFunc(file.Cases, func(c graphtest.Case) bool {
		return len(graphtest.Check(op, &c, []*kernel.Set{portable})) > 0
	})
}

// equivalentMutants are the mutants that compute the same, each with the reason.
func equivalentMutants() map[string]string {
	by := map[string]map[string][]string{
		"the first two inputs change places": {"it is commutative": {"Add", "And", "Equal", "Max", "Min", "Mul", "Or"}},
		"what is negative is halved": {
			"order and equality stay":             {"ArgMax", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"},
			"its kind and sign stay":              {"IsInf", "IsNaN", "Sign"},
			"all that is negative gives the same": {"Log", "Relu", "Sqrt"},
		},
		"the sign of what is negative is lost": {"it does not look at signs": {"Abs", "IsNaN", "ReduceL2"}},
		"infinity is the greatest number": {
			"the limit is reached before": {"Erf", "Exp", "HardSigmoid", "Sigmoid", "Tanh"},
			"the square overflows":        {"ReduceL2"},
			"neither is NaN":              {"IsNaN"},
			"both have a sign":            {"Sign"},
		},
		"NaN is 0": {"neither is infinite": {"IsInf"}},
		"integers go through float32": {
			"the sign stays": {"Sign"}, "such an index is beyond any depth": {"OneHot"},
			"they are compared as float32": {"TreeEnsembleClassifier", "TreeEnsembleRegressor"},
		},
		"two elements change places": {"all elements are equal": {"ConstantOfShape"}},
	}
	for _, name := range []string{
		"NaN is 0", "infinity is the greatest number", "the sign of what is negative is lost", "what is negative is halved",
		"integers go through float32",
	} {
		by[name]["it does not read its input's elements"] = []string{"Shape"}
	}
	list := map[string]string{}
	for name, reasons := range by {
		for reason, types := range reasons {
			for _, typ := range types {
				list[typ+": "+name] = reason
			}
		}
	}
	return list
}
