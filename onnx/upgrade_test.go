package onnx_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"recsys/graph"
	"recsys/graph/graphtest"
	"recsys/graph/kernel"
	"recsys/internal/onnxpb"
	"recsys/onnx"
	"recsys/tensor"
	"recsys/test/ort"
)

// oldestRun is the oldest operator set that ONNX Runtime promises to run.
const oldestRun = 7

// TestOldOperatorSets takes the cases of every operator back to the oldest operator set that is read and asks ONNX Runtime: it
// has to give what it gives for the newest.
func TestOldOperatorSets(t *testing.T) {
	rewritten := strings.Fields("Softmax LogSoftmax Squeeze Unsqueeze ReduceSum Split Slice Pad Clip Dropout") // TestUpgrade
	ops := graph.Standard()
	for _, typ := range slices.Sorted(maps.Keys(ops)) {
		op := ops[typ]
		version := max(onnx.Oldest(op), oldestRun)
		if op.Domain != "" || version >= int64(op.Since) || slices.Contains(rewritten, typ) {
			continue
		}
		t.Run(typ, func(t *testing.T) {
			file, err := graphtest.Read(filepath.Join("../graph/graphtest/testdata/ops", strings.ToLower(typ)+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			judged := 0
			for _, c := range file.Cases {
				if c.Error != "" || c.Skip["onnxruntime"] != "" {
					continue
				}
				m, fed := model(t, op, c)
				for _, set := range m.Opsets {
					set.Version = version
				}
				out, err := ort.Try(t, m.Marshal(), fed, nil)
				if err != nil {
					continue // An element type or attribute that came later.
				}
				judged++
				for i, want := range c.Want {
					if err := graphtest.Compare(out[fmt.Sprintf("y%d", i)], want, c.Tolerance); err != nil {
						t.Errorf("case %q means something else in version %d: output %d: %v", c.Name, version, i, err)
					}
				}
			}
			if judged == 0 {
				t.Errorf("ONNX Runtime runs no case in version %d", version)
			}
		})
	}
}

// model is a case as the file that we write.
func model(tb testing.TB, op *graph.Op, c graphtest.Case) (*onnxpb.Model, tensor.Map) {
	tb.Helper()
	b := graph.NewBuilder(op.Type)
	inputs, fed := make([]*graph.Value, len(c.Inputs)), tensor.Map{}
	for i, in := range c.Inputs {
		name := fmt.Sprintf("x%d", i)
		switch {
		case in.Data == nil:
		case in.Const:
			inputs[i] = b.Const(name, in.Data)
		default:
			inputs[i] = b.Input(name, in.Data.DType(), graph.Dims(in.Data.Shape()...))
			fed[name] = in.Data
		}
	}
	for i, y := range b.Apply(op, c.Attrs, inputs...) {
		b.Output(fmt.Sprintf("y%d", i), y)
	}
	g, err := b.Build()
	if err != nil {
		tb.Fatal(err)
	}
	m, err := onnxpb.Unmarshal(marshal(tb, g))
	if err != nil {
		tb.Fatal(err)
	}
	return m, fed
}

// node makes a model of one node on the float32 input x [2,3,4]. Attributes are int64, float32, string or []int64.
func node(version int64, typ string, outputs int, attrs map[string]any) *onnxpb.Model {
	dims := func(sizes ...int64) *onnxpb.Shape {
		s := &onnxpb.Shape{}
		for _, n := range sizes {
			s.Dims = append(s.Dims, &onnxpb.Dim{HasValue: true, Value: n})
		}
		return s
	}
	value := func(name string, s *onnxpb.Shape) *onnxpb.ValueInfo {
		return &onnxpb.ValueInfo{Name: name, Type: &onnxpb.Type{Tensor: &onnxpb.TensorType{ElemType: onnxpb.Float, Shape: s}}}
	}
	n := &onnxpb.Node{Name: "n", OpType: typ, Inputs: []string{"x"}}
	for _, name := range slices.Sorted(maps.Keys(attrs)) {
		a := &onnxpb.Attribute{Name: name}
		switch v := attrs[name].(type) {
		case int:
			a.Type, a.I = onnxpb.AttributeInt, int64(v)
		case float32:
			a.Type, a.F = onnxpb.AttributeFloat, v
		case string:
			a.Type, a.S = onnxpb.AttributeString, v
		case []int64:
			a.Type, a.Ints = onnxpb.AttributeInts, v
		}
		n.Attributes = append(n.Attributes, a)
	}
	m := &onnxpb.Model{
		IRVersion: 7, Opsets: []*onnxpb.OperatorSetID{{Version: version}},
		Graph: &onnxpb.Graph{Name: "g", Inputs: []*onnxpb.ValueInfo{value("x", dims(2, 3, 4))}, Nodes: []*onnxpb.Node{n}},
	}
	for i := range outputs {
		name := fmt.Sprintf("y%d", i)
		n.Outputs = append(n.Outputs, name)
		m.Graph.Outputs = append(m.Graph.Outputs, value(name, nil))
	}
	return m
}

func TestUpgrade(t *testing.T) {
	type attrs = map[string]any
	tests := []struct {
		name, typ string
		version   int64
		outputs   int
		attrs     attrs
		want      string // the error
	}{
		{"softmax along the last axis", "Softmax", 12, 1, attrs{"axis": 2}, ""},
		{"softmax along the last axis, negative", "Softmax", 11, 1, attrs{"axis": -1}, ""},
		{
			"softmax over two axes", "Softmax", 11, 1,
			attrs{"axis": 1},
			"operator Softmax in version 11 of its set is over all axes from 1 on; supported is the last axis, 2: export with opset_version=13",
		},
		{"softmax over two axes by default", "Softmax", 11, 1, nil, "over all axes from 1 on"},
		{"softmax along an axis that is not there", "Softmax", 12, 1, attrs{"axis": 3}, "axis 3 is outside [-3,2]"},
		{"logarithm of softmax", "LogSoftmax", 9, 1, attrs{"axis": 2}, ""},
		{"logarithm of softmax over two axes", "LogSoftmax", 9, 1, attrs{"axis": 0}, "operator LogSoftmax in version 9"},
		{"axes of Unsqueeze", "Unsqueeze", 11, 1, attrs{"axes": []int64{0, 2}}, ""},
		{"axes of Squeeze", "Squeeze", 11, 1, attrs{"axes": []int64{0}}, "axis 0 of [2,3,4] is 2, not 1"},
		{"axes of ReduceSum", "ReduceSum", 11, 1, attrs{"axes": []int64{1}, "keepdims": 0}, ""},
		{"no axes of ReduceSum", "ReduceSum", 11, 1, nil, ""},
		{"sizes of Split", "Split", 11, 2, attrs{"axis": 2, "split": []int64{1, 3}}, ""},
		{"equal parts of Split", "Split", 11, 2, attrs{"axis": 2}, ""},
		{"equal parts of a new Split", "Split", 17, 3, attrs{"axis": 1}, ""},
		{"unequal parts of Split", "Split", 17, 2, attrs{"axis": 1}, "axis 1 of [2,3,4] does not split into 2 equal parts; name their sizes"},
		{"sizes of a new Split as attribute", "Split", 17, 2, attrs{"axis": 2, "split": []int64{2, 2}}, `attribute "split" is not supported; supported are: axis`},
		{"ranges of Slice", "Slice", 9, 1, attrs{"starts": []int64{0, 1}, "ends": []int64{2, -1}, "axes": []int64{1, 2}}, ""},
		{"ranges of Slice without axes", "Slice", 9, 1, attrs{"starts": []int64{1}, "ends": []int64{1000}}, ""},
		{"pads of Pad", "Pad", 10, 1, attrs{"pads": []int64{0, 1, 0, 0, 0, 2}, "value": float32(1.5)}, ""},
		{"pads of Pad without a value", "Pad", 10, 1, attrs{"pads": []int64{1, 0, 0, 0, 0, -1}, "mode": "constant"}, ""},
		{"reflecting Pad", "Pad", 10, 1, attrs{"pads": []int64{0, 1, 0, 0, 0, 0}, "mode": "reflect"}, `operator Pad: attribute "mode" is reflect; supported is constant only`},
		{"bounds of Clip", "Clip", 10, 1, attrs{"min": float32(-0.5), "max": float32(0.25)}, ""},
		{"one bound of Clip", "Clip", 7, 1, attrs{"max": float32(0.25)}, ""},
		{"bounds of a new Clip as attributes", "Clip", 11, 1, attrs{"max": float32(0.25)}, `operator Clip: attribute "max" is not supported; supported are: none`},
		{"axes of the wrong type", "Unsqueeze", 11, 1, attrs{"axes": 0}, `operator Unsqueeze: attribute "axes" is not supported`},
		{"ratio of Dropout", "Dropout", 10, 1, attrs{"ratio": float32(0.25)}, ""},
		{"operators before their semantics", "Clip", 5, 1, nil, "operator Clip is meant as in version 5 of its set; supported are versions 6 to 17"},
		{"concat without an axis", "Concat", 3, 1, nil, "operator Concat is meant as in version 3 of its set; supported are versions 4 to 17"},
	}
	x := numbers(2, 3, 4)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			data := node(tt.version, tt.typ, tt.outputs, tt.attrs).Marshal()
			g, err := onnx.Unmarshal(data)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), `node 0 "n"`) {
					t.Errorf("got error %v, want one of node 0 with %s", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got, err := graphtest.Run(g, tensor.Map{"x": x}, kernel.Portable())
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range ort.Run(t, data, tensor.Map{"x": x}, nil) {
				if err := graphtest.Compare(got[name], want, graphtest.DefaultTolerance); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

// TestMatMulOfVectors compares with ONNX Runtime, which takes vectors as numpy does.
func TestMatMulOfVectors(t *testing.T) {
	tests := []struct {
		name        string
		left, right []int
	}{
		{"vector and matrix", []int{3}, []int{3, 2}},
		{"matrix and vector", []int{2, 3}, []int{3}},
		{"two vectors", []int{3}, []int{3}},
		{"vector and batch", []int{3}, []int{2, 3, 4}},
		{"batch and vector", []int{2, 4, 3}, []int{3}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := node(17, "MatMul", 1, nil)
			m.Graph.Nodes[0].Inputs = []string{"x", "w"}
			x, w := numbers(tt.left...), numbers(tt.right...)
			dims := &onnxpb.Shape{}
			for _, n := range tt.left {
				dims.Dims = append(dims.Dims, &onnxpb.Dim{HasValue: true, Value: int64(n)})
			}
			m.Graph.Inputs[0].Type.Tensor.Shape = dims
			weights := &onnxpb.Tensor{Name: "w", DataType: onnxpb.Float, FloatData: tensor.MustData[float32](w)}
			for _, n := range tt.right {
				weights.Dims = append(weights.Dims, int64(n))
			}
			m.Graph.Initializers = []*onnxpb.Tensor{weights}
			g, err := onnx.Unmarshal(m.Marshal())
			if err != nil {
				t.Fatal(err)
			}
			got, err := graphtest.Run(g, tensor.Map{"x": x}, kernel.Portable())
			if err != nil {
				t.Fatal(err)
			}
			want := ort.Run(t, m.Marshal(), tensor.Map{"x": x}, nil)["y0"]
			if err := graphtest.Compare(got["y0"], want, graphtest.DefaultTolerance); err != nil {
				t.Error(err)
			}
		})
	}
}

// numbers makes a tensor of different numbers in [-1,2).
func numbers(shape ...int) *tensor.Tensor {
	x := tensor.Zeros(tensor.Float32, shape...)
	for i := range tensor.MustData[float32](x) {
		tensor.MustData[float32](x)[i] = float32(i*7%24)/8 - 1
	}
	return x
}
