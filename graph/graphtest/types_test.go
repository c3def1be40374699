package graphtest_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"recsys/graph"
	"recsys/graph/graphtest"
	"recsys/graph/kernel"
	"recsys/onnx"
	"recsys/tensor"
	"recsys/test/ort"
)

// perType is how many cases of an operator are tried with each element type.
const perType = 3

// TestTypes gives every operator inputs of every element type in place of those that its cases have. What the shape rule takes,
// the kernel has to compute, and ONNX Runtime, where it has a kernel for the type, has to agree; anything else is an error that
// names the type.
func TestTypes(t *testing.T) {
	ops := graph.Standard()
	for _, typ := range slices.Sorted(maps.Keys(ops)) {
		t.Run(typ, func(t *testing.T) {
			file, err := graphtest.Read(opFile(typ))
			if err != nil {
				t.Fatal(err)
			}
			var trials []*trial
			for d := tensor.Bool; d <= tensor.String; d++ {
				tried := 0
				for _, c := range file.Cases {
					if c.Error != "" || len(c.Inputs) == 0 || tried == perType {
						continue
					}
					tried++
					trial, err := withType(ops[typ], c, d)
					if err != nil {
						t.Errorf("case %q with %s: %v", c.Name, d, err)
					} else if trial != nil {
						trials = append(trials, trial)
					}
				}
			}
			t.Run("onnxruntime", func(t *testing.T) {
				for _, trial := range trials {
					trial.judge(t)
				}
			})
		})
	}
}

// trial is a case with another type, and what we make of it.
type trial struct {
	name      string
	model     []byte
	fed, got  tensor.Map
	tolerance float64
}

// withType runs the case with the type d for input 0 and the others of its type. It returns nil where an error refuses the
// type.
func withType(op *graph.Op, c graphtest.Case, d tensor.DType) (*trial, error) {
	b := graph.NewBuilder(op.Type)
	inputs, fed := make([]*graph.Value, len(c.Inputs)), tensor.Map{}
	for i, in := range c.Inputs {
		if in.Data == nil {
			continue
		}
		data, name := in.Data, fmt.Sprintf("x%d", i)
		shape := i > 0 && in.Const && data.DType() == tensor.Int64 // or axes, sizes, …: int64 whatever input 0 is
		if data.DType() == c.Inputs[0].Data.DType() && !shape {
			data = converted(data, d)
		}
		if in.Const {
			inputs[i] = b.Const(name, data)
			continue
		}
		inputs[i] = b.Input(name, data.DType(), graph.Dims(data.Shape()...))
		fed[name] = data
	}
	for i, y := range b.Apply(op, c.Attrs, inputs...) {
		b.Output(fmt.Sprintf("y%d", i), y)
	}
	g, err := b.Build()
	if err != nil {
		if strings.Contains(err.Error(), d.String()) {
			return nil, nil // That is how a type is refused.
		}
		return nil, fmt.Errorf("the error does not name the type: %w", err)
	}
	got, err := graphtest.Run(g, fed, kernel.Portable())
	if err != nil {
		return nil, fmt.Errorf("the shape rule takes it: %w", err)
	}
	if op.Type == "Gather" && d == tensor.String {
		return nil, nil // ONNX Runtime 1.32 copies the first string of each row only; the data file has rows of one.
	}
	data, err := onnx.Marshal(g, onnx.Meta{})
	return &trial{
		name: fmt.Sprintf("case %q with %s", c.Name, d), model: data, fed: fed, got: got,
		tolerance: max(c.Tolerance, graphtest.DefaultTolerance),
	}, err
}

// judge asks ONNX Runtime, which has not every type.
func (r *trial) judge(t *testing.T) {
	t.Helper()
	want, err := ort.Try(t, r.model, r.fed, nil)
	if err != nil {
		return
	}
	for name, w := range want {
		if err := graphtest.Compare(r.got[name], w, r.tolerance); err != nil {
			t.Errorf("%s: %s: %v", r.name, name, err)
		}
	}
}

// converted makes a tensor of type d from t's elements. Integers are 1 to 99, so that they divide.
func converted(t *tensor.Tensor, d tensor.DType) *tensor.Tensor {
	if t.DType() == d {
		return t
	}
	out := tensor.Zeros(d, t.Shape()...)
	for i := range t.Len() {
		v := float64(i%3) + 1
		switch data := t.Any().(type) {
		case []float32:
			v = float64(data[i])
		case []int64:
			v = float64(data[i])
		case []int32:
			v = float64(data[i])
		case []bool:
			v = 0
			if data[i] {
				v = 1
			}
		}
		set(out, i, v)
	}
	return out
}

func set(t *tensor.Tensor, i int, v float64) {
	n := int64(3)
	if v >= 1 && v < 100 {
		n = int64(v)
	}
	switch data := t.Any().(type) {
	case []bool:
		data[i] = v > 0
	case []float32:
		data[i] = float32(v)
	case []float64:
		data[i] = v
	case []int64:
		data[i] = n
	case []int32:
		data[i] = int32(n)
	case []int16:
		data[i] = int16(n)
	case []int8:
		data[i] = int8(n)
	case []uint64:
		data[i] = uint64(n)
	case []uint32:
		data[i] = uint32(n)
	case []uint16:
		data[i] = uint16(n)
	case []uint8:
		data[i] = uint8(n)
	case []string:
		data[i] = strconv.FormatInt(n, 10)
	}
}
