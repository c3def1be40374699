package onnx_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/graph"
	"recsys/graph/graphtest"
	"recsys/internal/onnxpb"
	"recsys/onnx"
	"recsys/tensor"
)

// foreign is a model as other exporters write it: unnamed nodes and batch axis, an initialiser that is an input too, typed
// data, a Constant node, attributes at their defaults, the long name of ONNX's domain.
func foreign() *onnxpb.Model {
	float := func(name string, dims ...*onnxpb.Dim) *onnxpb.ValueInfo {
		return &onnxpb.ValueInfo{Name: name, Type: &onnxpb.Type{Tensor: &onnxpb.TensorType{
			ElemType: onnxpb.Float, Shape: &onnxpb.Shape{Dims: dims},
		}}}
	}
	two := &onnxpb.Dim{HasValue: true, Value: 2}
	return &onnxpb.Model{
		IRVersion: 7, Opsets: []*onnxpb.OperatorSetID{{Domain: "ai.onnx", Version: 17}},
		Graph: &onnxpb.Graph{
			Name:         "foreign",
			Inputs:       []*onnxpb.ValueInfo{float("x", &onnxpb.Dim{}, two), float("w", two, two)},
			Outputs:      []*onnxpb.ValueInfo{float("y", &onnxpb.Dim{Param: "N"}, &onnxpb.Dim{HasValue: true, Value: 4})},
			Initializers: []*onnxpb.Tensor{{Name: "w", DataType: onnxpb.Float, Dims: []int64{2, 2}, FloatData: []float32{1, 2, 3, 4}}},
			Nodes: []*onnxpb.Node{
				{OpType: "Constant", Outputs: []string{"shape"}, Attributes: []*onnxpb.Attribute{
					{Name: "value_ints", Type: onnxpb.AttributeInts, Ints: []int64{-1, 2}},
				}},
				{OpType: "MatMul", Inputs: []string{"x", "w"}, Outputs: []string{"h"}},
				{
					OpType: "Reshape", Inputs: []string{"h", "shape"}, Outputs: []string{"r"},
					Attributes: []*onnxpb.Attribute{{Name: "allowzero", Type: onnxpb.AttributeInt}},
				},
				{OpType: "Concat", Inputs: []string{"r", "x"}, Outputs: []string{"y"}, Attributes: []*onnxpb.Attribute{
					{Name: "axis", Type: onnxpb.AttributeInt, I: -1},
				}},
			},
		},
	}
}

func TestUnmarshalForeign(t *testing.T) {
	g, err := onnx.Unmarshal(foreign().Marshal())
	if err != nil {
		t.Fatal(err)
	}
	text, err := onnx.Dump(g)
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "foreign.txt", []byte(text))
}

func TestTypedData(t *testing.T) {
	tests := []struct {
		name string
		in   *onnxpb.Tensor
		want *tensor.Tensor
	}{
		{"float64", &onnxpb.Tensor{DataType: onnxpb.Double, DoubleData: []float64{1}}, tensor.Of([]float64{1}, 1)},
		{"int64", &onnxpb.Tensor{DataType: onnxpb.Int64, Int64Data: []int64{-1}}, tensor.Of([]int64{-1}, 1)},
		{"int32", &onnxpb.Tensor{DataType: onnxpb.Int32, Int32Data: []int32{-1}}, tensor.Of([]int32{-1}, 1)},
		{"int16", &onnxpb.Tensor{DataType: onnxpb.Int16, Int32Data: []int32{-1}}, tensor.Of([]int16{-1}, 1)},
		{"int8", &onnxpb.Tensor{DataType: onnxpb.Int8, Int32Data: []int32{-1}}, tensor.Of([]int8{-1}, 1)},
		{"uint8", &onnxpb.Tensor{DataType: onnxpb.Uint8, Int32Data: []int32{255}}, tensor.Of([]uint8{255}, 1)},
		{"uint16", &onnxpb.Tensor{DataType: onnxpb.Uint16, Int32Data: []int32{65535}}, tensor.Of([]uint16{65535}, 1)},
		{"uint32", &onnxpb.Tensor{DataType: onnxpb.Uint32, Uint64Data: []uint64{1 << 31}}, tensor.Of([]uint32{1 << 31}, 1)},
		{"uint64", &onnxpb.Tensor{DataType: onnxpb.Uint64, Uint64Data: []uint64{1 << 63}}, tensor.Of([]uint64{1 << 63}, 1)},
		{"float16", &onnxpb.Tensor{DataType: onnxpb.Float16, Int32Data: []int32{7}}, tensor.Of([]tensor.F16{7}, 1)},
		{"bfloat16", &onnxpb.Tensor{DataType: onnxpb.BFloat16, Int32Data: []int32{7}}, tensor.Of([]tensor.BF16{7}, 1)},
		{"bool", &onnxpb.Tensor{DataType: onnxpb.Bool, Int32Data: []int32{1}}, tensor.Of([]bool{true}, 1)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			in := *tt.in
			in.Dims = []int64{1}
			m := foreign()
			m.Graph.Nodes = []*onnxpb.Node{
				{OpType: "Identity", Inputs: []string{"c"}, Outputs: []string{"y"}},
			}
			m.Graph.Outputs[0].Type.Tensor = &onnxpb.TensorType{ElemType: in.DataType}
			in.Name = "c"
			m.Graph.Initializers = append(m.Graph.Initializers, &in)
			g, err := onnx.Unmarshal(m.Marshal())
			if err != nil {
				t.Fatal(err)
			}
			if got := g.Nodes[0].Inputs[0].Data(); !got.Equal(tt.want) {
				t.Errorf("read %s %v, want %s %v", got, got.Any(), tt.want, tt.want.Any())
			}
		})
	}
}

func TestUnmarshalErrors(t *testing.T) {
	tests := []spoiled{
		{"no graph", func(m *onnxpb.Model) { m.Graph = nil }, "the model has no graph"},
		{"IR version", func(m *onnxpb.Model) { m.IRVersion = 99 }, "IR version 99 is not supported; supported are 3 to 10"},
		{"no opset", func(m *onnxpb.Model) { m.Opsets = nil }, "names no operator set"},
		{"new opset", func(m *onnxpb.Model) { m.Opsets[0].Version = 21 }, `has version 21; supported are versions up to 17: export with opset_version=17`},
		{"old opset", func(m *onnxpb.Model) { m.Opsets[0].Version = 3 }, `node 2 "": operator Reshape is meant as in version 3 of its set; supported are versions 5 to 17`},
		{"unknown operator", func(m *onnxpb.Model) { m.Graph.Nodes[1].OpType = "Loop" }, `node 1 "": operator "Loop" of domain "" is not supported; supported are Abs, Add,`},
		{"operator of another domain", func(m *onnxpb.Model) { m.Graph.Nodes[1].Domain = "x" }, `operator "MatMul" of domain "x" is not supported`},
		{"attribute", func(m *onnxpb.Model) { m.Graph.Nodes[3].Attributes[0].Name = "axes" }, `operator Concat: attribute "axes" is not supported; supported are: axis`},
		{"attribute value", func(m *onnxpb.Model) { m.Graph.Nodes[2].Attributes[0].I = 1 }, `operator Reshape: attribute "allowzero" is 1; supported is 0 only`},
		{"attribute type", func(m *onnxpb.Model) { m.Graph.Nodes[3].Attributes[0].Type = 5 }, `attribute "axis" has type 5 of ONNX`},
		{"attribute twice", func(m *onnxpb.Model) {
			n := m.Graph.Nodes[3]
			n.Attributes = append(n.Attributes, n.Attributes[0])
		}, `attribute "axis" is given twice`},
		{"function attribute", func(m *onnxpb.Model) { m.Graph.Nodes[3].Attributes[0].RefName = "a" }, `attribute "axis" refers to a function's attribute`},
		{"cycle", func(m *onnxpb.Model) { m.Graph.Nodes[1].Inputs[0] = "r" }, `operator MatMul: input 0, "r", is made by no input, initialiser or earlier node`},
		{"unknown input", func(m *onnxpb.Model) { m.Graph.Nodes[1].Inputs[0] = "q" }, `input 0, "q", is made by no input`},
		{"tensor made twice", func(m *onnxpb.Model) { m.Graph.Nodes[2].Outputs[0] = "h" }, `tensor "h" is defined twice`},
		{"too many outputs", func(m *onnxpb.Model) { m.Graph.Nodes[1].Outputs = []string{"h", "i", "j"} }, `operator MatMul has 1 outputs, 3 are named`},
		{"missing output", func(m *onnxpb.Model) { m.Graph.Outputs[0].Name = "z" }, `output "z": no node makes it`},
		{"output type", func(m *onnxpb.Model) { m.Graph.Outputs[0].Type.Tensor.ElemType = onnxpb.Int64 }, `output "y": is declared with another type`},
		{"output shape", func(m *onnxpb.Model) { m.Graph.Outputs[0].Type.Tensor.Shape.Dims[1].Value = 5 }, `output "y": is declared with another type`},
		{"no outputs", func(m *onnxpb.Model) { m.Graph.Outputs = nil }, `no outputs`},
		{"input type", func(m *onnxpb.Model) { m.Graph.Inputs[0].Type.Tensor.ElemType = 14 }, `input "x": element type 14 of ONNX is not supported`},
		{"input without shape", func(m *onnxpb.Model) { m.Graph.Inputs[0].Type.Tensor.Shape = nil }, `input "x": has no shape`},
		{"input without name", func(m *onnxpb.Model) { m.Graph.Inputs[0].Name = "" }, `input "": has no name`},
		{"input without type", func(m *onnxpb.Model) { m.Graph.Inputs[0].Type = nil }, `input "x": is no tensor`},
		{"inputs of one name", func(m *onnxpb.Model) {
			m.Graph.Inputs = append(m.Graph.Inputs, m.Graph.Inputs[0])
		}, `input "x": tensor "x" is defined twice`},
		{"short data", func(m *onnxpb.Model) {
			*m.Graph.Initializers[0] = onnxpb.Tensor{Name: "w", DataType: onnxpb.Float, Dims: []int64{2, 2}, RawData: make([]byte, 12)}
		}, `initialiser "w": shape [2,2] of float32 needs 4 elements, raw_data has 12 bytes`},
		{"overflowing shape", func(m *onnxpb.Model) {
			*m.Graph.Initializers[0] = onnxpb.Tensor{Name: "w", DataType: onnxpb.Float, Dims: []int64{1 << 40, 1 << 40}, RawData: []byte{}}
		}, `initialiser "w": shape [1099511627776,1099511627776] has too many elements`},
		{"negative shape", func(m *onnxpb.Model) {
			*m.Graph.Initializers[0] = onnxpb.Tensor{Name: "w", DataType: onnxpb.Float, Dims: []int64{-2}, RawData: make([]byte, 8)}
		}, `has a negative dimension`},
		{"huge shape without data", func(m *onnxpb.Model) {
			*m.Graph.Initializers[0] = onnxpb.Tensor{Name: "w", DataType: onnxpb.Int64, Dims: []int64{1 << 50}}
		}, `needs 1125899906842624 elements, got 0`},
		{"external data", func(m *onnxpb.Model) {
			m.Graph.Initializers[0].ExternalData = []*onnxpb.StringPair{{Key: "location", Value: "../../etc/passwd"}}
		}, `initialiser "w": external data: location "../../etc/passwd" is no path inside the model's folder`},
		{"external location", func(m *onnxpb.Model) { m.Graph.Initializers[0].DataLocation = 1 }, `external data: location "" is no path`},
		{"shapes of a node", func(m *onnxpb.Model) {
			*m.Graph.Initializers[0] = onnxpb.Tensor{Name: "w", DataType: onnxpb.Float, Dims: []int64{3, 1}, RawData: make([]byte, 12)}
		}, `node "h" (MatMul)`},
	}
	refuse(t, tests)
}

// spoiled is a model that has something wrong, and a part of the error that says so.
type spoiled struct {
	name  string
	spoil func(m *onnxpb.Model)
	want  string
}

// refuse spoils the foreign model in every way and wants the errors.
func refuse(t *testing.T, tests []spoiled) {
	t.Helper()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := foreign()
			tt.spoil(m)
			_, err := onnx.Unmarshal(m.Marshal())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %.300v, want one with %s", err, tt.want)
			}
		})
	}
}

func TestAsParamsOfForeignModel(t *testing.T) {
	g, err := onnx.Unmarshal(foreign().Marshal(), onnx.AsParams())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"w"}, slices.Collect(func(yield func(string) bool) {
		for _, p := range g.Params {
			if !yield(p.Path) {
				return
			}
		}
	})); diff != "" {
		t.Errorf("parameters (-want +got):\n%s", diff)
	}
}

// TestAttributesOfEveryOperator holds the table to package graph: an operator whose kernel reads attributes has to be in it. The
// operators that have none in ONNX are listed here.
func TestAttributesOfEveryOperator(t *testing.T) {
	without := strings.Fields("Add Sub Mul Div Pow Neg Abs Exp Log Sqrt Reciprocal Sigmoid Tanh Relu Softplus Erf Floor Ceil Sign " +
		"MatMul MatMulInteger DynamicQuantizeLinear Identity Shape Expand Where Equal Less LessOrEqual Greater GreaterOrEqual And Or Not Min Max Clip IsNaN " +
		"Slice Squeeze Unsqueeze Tile Range Size Xor Sin Cos Round")
	known := onnx.AttributeOperators()
	for typ := range graph.Standard() {
		if !slices.Contains(without, typ) && !slices.Contains(known, typ) {
			t.Errorf("operator %s is neither in onnx's attribute table nor among those without attributes", typ)
		}
	}
}

// TestAttributesHaveTypes: every attribute that a kernel reads has a type, so that one of another type is refused.
func TestAttributesHaveTypes(t *testing.T) {
	if missing := onnx.AttributesWithoutType(); len(missing) > 0 {
		t.Errorf("attributes without a type: %v", missing)
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add(marshal(f, tower(f)))
	f.Add(foreign().Marshal())
	for _, m := range []*onnxpb.Model{
		node(9, "Slice", 1, map[string]any{"starts": []int64{0, 1}, "ends": []int64{2, -1}, "axes": []int64{1, 2}}),
		node(11, "Split", 2, map[string]any{"axis": 2, "split": []int64{1, 3}}),
		node(17, "Split", 3, map[string]any{"axis": 1}),
		node(10, "Clip", 1, map[string]any{"min": float32(-0.5)}),
		node(12, "Softmax", 1, map[string]any{"axis": -1}),
		node(17, "Einsum", 1, map[string]any{"equation": "abc->ca"}),
	} {
		f.Add(m.Marshal())
	}
	for _, typ := range []string{"LSTM", "GRU", "TreeEnsembleClassifier", "TreeEnsembleRegressor", "BatchNormalization"} {
		file, err := graphtest.Read(filepath.Join("../graph/graphtest/testdata/ops", strings.ToLower(typ)+".txt"))
		if err != nil {
			f.Fatal(err)
		}
		m, _ := model(f, graph.Standard()[typ], file.Cases[0])
		f.Add(m.Marshal())
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		g, err := onnx.Unmarshal(data)
		if err != nil {
			return
		}
		once, err := onnx.Marshal(g, onnx.Meta{})
		if err != nil {
			return // a name may be that of an input and an output
		}
		if _, err := onnx.Unmarshal(once); err != nil {
			t.Errorf("what was written does not read: %v", err)
		}
	})
}
