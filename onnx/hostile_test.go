package onnx_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/internal/onnxpb"
	"recsys/onnx"
	"recsys/tensor"
)

// field is a length-delimited field of a message.
func field(num protowire.Number, content []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, num, protowire.BytesType), content)
}

// The numbers of fields in onnx.proto3.
const (
	modelGraph    = 7
	graphNode     = 1
	nodeAttribute = 5
	attributeG    = 6
)

// TestHostileBytes: bytes that no exporter writes are an error, soon and with little memory.
func TestHostileBytes(t *testing.T) {
	sound := foreign().Marshal()
	lying := protowire.AppendVarint(protowire.AppendTag(nil, modelGraph, protowire.BytesType), 1<<40)
	groups := []byte{}
	for range 1 << 20 {
		groups = protowire.AppendTag(groups, 1, protowire.StartGroupType)
	}
	// A subgraph in an attribute of a node of a subgraph, and so on.
	subgraphs := []byte{}
	for range 1000 {
		subgraphs = field(attributeG, field(graphNode, field(nodeAttribute, subgraphs)))
	}
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"empty", nil, "the model has no graph"},
		{"text", []byte("<html><body>not found</body></html>"), "read ModelProto"},
		{"truncated", sound[:len(sound)/2], "read ModelProto"},
		{"a length beyond the end", lying, "field 7: unexpected EOF"},
		{"groups without end", groups, "read ModelProto"},
		{"a varint that does not end", append([]byte{8}, []byte(strings.Repeat("\xff", 20))...), "read ModelProto"},
		{"a graph that is a number", []byte{modelGraph << 3, 1}, "field 7: unexpected wire type"},
		{"subgraphs in subgraphs", append(sound, field(modelGraph, field(graphNode, field(nodeAttribute, subgraphs)))...), "operator"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := onnx.Unmarshal(tt.data)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}

// TestHostileModels: messages that are well-formed and make no sense.
func TestHostileModels(t *testing.T) {
	tests := []spoiled{
		{"an endless list of attributes", func(m *onnxpb.Model) {
			for i := range 20_000 {
				m.Graph.Nodes[3].Attributes = append(m.Graph.Nodes[3].Attributes, &onnxpb.Attribute{Name: fmt.Sprint("a", i), Type: onnxpb.AttributeInt})
			}
		}, `node 3 "": operator Concat: attribute "a0" is not supported; supported are: axis`},
		{"an endless list of one attribute", func(m *onnxpb.Model) {
			for range 20_000 {
				m.Graph.Nodes[3].Attributes = append(m.Graph.Nodes[3].Attributes, m.Graph.Nodes[3].Attributes[0])
			}
		}, `node 3 "": operator Concat: attribute "axis" is given twice`},
		{"an attribute without a name", func(m *onnxpb.Model) { m.Graph.Nodes[3].Attributes[0].Name = "" }, `attribute "" is not supported`},
		{"an attribute of another type", func(m *onnxpb.Model) {
			a := m.Graph.Nodes[3].Attributes[0]
			a.Type, a.S = onnxpb.AttributeString, "1"
		}, `node 3 "": operator Concat: attribute "axis" is a string; it has to be an int`},
		{"a list for a number", func(m *onnxpb.Model) {
			a := m.Graph.Nodes[3].Attributes[0]
			a.Type, a.Ints = onnxpb.AttributeInts, []int64{1}
		}, `operator Concat: attribute "axis" is a list of ints; it has to be an int`},
		{"an endless list of inputs", func(m *onnxpb.Model) {
			for range 100_000 {
				m.Graph.Nodes[1].Inputs = append(m.Graph.Nodes[1].Inputs, "x")
			}
		}, `node "h" (MatMul): takes 2 to 2 inputs, got 100002`},
		{"an initialiser twice", func(m *onnxpb.Model) {
			m.Graph.Initializers = append(m.Graph.Initializers, m.Graph.Initializers[0])
		}, `tensor "w" is defined twice`},
		{"a node that makes an input", func(m *onnxpb.Model) { m.Graph.Nodes[1].Outputs[0] = "x" }, `node 1 "": tensor "x" is defined twice`},
		{"a node that makes an initialiser", func(m *onnxpb.Model) { m.Graph.Nodes[1].Outputs[0] = "w" }, `node 1 "": tensor "w" is defined twice`},
		{"a node that reads itself", func(m *onnxpb.Model) { m.Graph.Nodes[2].Inputs[0] = "r" }, `node 2 "": operator Reshape: input 0, "r", is made by no`},
		{"an output twice", func(m *onnxpb.Model) { m.Graph.Outputs = append(m.Graph.Outputs, m.Graph.Outputs[0]) }, `output "y" is named twice`},
		{"two operator sets for one domain", func(m *onnxpb.Model) {
			m.Opsets = append(m.Opsets, &onnxpb.OperatorSetID{Version: 11})
		}, `operator set "" is named twice, with versions 17 and 11`},
		{"a negative operator set", func(m *onnxpb.Model) { m.Opsets[0].Version = -1 }, "operator MatMul is meant as in version -1 of its set; supported are versions 1 to 17"},
		{"an input of too many axes", func(m *onnxpb.Model) {
			s := m.Graph.Inputs[0].Type.Tensor.Shape
			for range 20 {
				s.Dims = append(s.Dims, &onnxpb.Dim{HasValue: true, Value: 2})
			}
		}, "has more than 8 dimensions"},
		{"an input of negative size", func(m *onnxpb.Model) {
			m.Graph.Inputs[0].Type.Tensor.Shape.Dims[1].Value = -2
		}, `node "h" (MatMul)`},
		{"an operator without a name", func(m *onnxpb.Model) { m.Graph.Nodes[1].OpType = "" }, `node 1 "": operator "" of domain "" is not supported; supported are`},
	}
	refuse(t, tests)
}

// TestHostileShapes: models that are small and ask for more memory than there is. They are an error at the latest when they
// run.
func TestHostileShapes(t *testing.T) {
	vector := func(b *graph.Builder, n ...int64) *graph.Value { return b.Int64s(n...) }
	tests := []struct {
		name string
		make func(b *graph.Builder, x *graph.Value) *graph.Value // x is float32 [2]
	}{
		{"a constant of 2^40 elements", func(b *graph.Builder, _ *graph.Value) *graph.Value {
			return b.Apply(graph.Standard()["ConstantOfShape"], nil, vector(b, 1<<20, 1<<20))[0]
		}},
		{"a constant of 2^64 elements", func(b *graph.Builder, _ *graph.Value) *graph.Value {
			return b.Apply(graph.Standard()["ConstantOfShape"], nil, vector(b, 1<<32, 1<<32))[0]
		}},
		{"a constant whose elements overflow to few", func(b *graph.Builder, _ *graph.Value) *graph.Value {
			return b.Apply(graph.Standard()["ConstantOfShape"], nil, vector(b, 1<<32+1, 1<<32))[0]
		}},
		{"expanded beyond memory", func(b *graph.Builder, x *graph.Value) *graph.Value { return b.Expand(x, vector(b, 1<<60, 2)) }},
		{"expanded over the edge", func(b *graph.Builder, x *graph.Value) *graph.Value { return b.Expand(x, vector(b, 1<<62, 4, 2)) }},
		{"tiled beyond memory", func(b *graph.Builder, x *graph.Value) *graph.Value {
			y := b.Tile(x, []int64{1 << 29})
			return b.Tile(b.Unsqueeze(y, []int64{0}), []int64{1 << 30, 1})
		}},
		{"padded beyond memory", func(b *graph.Builder, x *graph.Value) *graph.Value {
			y := b.Unsqueeze(x, []int64{0, 1})
			return b.Pad(y, []int64{1 << 30, 1 << 30, 1 << 30, 0, 0, 0}, nil)
		}},
		{"a product beyond memory", func(b *graph.Builder, x *graph.Value) *graph.Value {
			y := b.Pad(x, []int64{0, 1 << 20}, nil)
			return b.MatMul(b.Unsqueeze(y, []int64{1}), b.Unsqueeze(y, []int64{0}))
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := graph.NewBuilder("hostile")
			x := b.Input("x", tensor.Float32, graph.Dims(2))
			y := tt.make(b, x)
			b.Output("y", b.ReduceSum(b.Mul(b.Cast(y, tensor.Float32), b.ReduceSum(x, nil, false)), nil, false))
			g, err := b.Build()
			if err != nil {
				return
			}
			plan, err := exec.Compile(g, exec.Options{})
			if err != nil {
				return
			}
			out, err := plan.Run(t.Context(), tensor.Map{"x": tensor.Of([]float32{1, 2}, 2)})
			if err == nil {
				t.Errorf("got %v, want an error", out["y"])
			}
		})
	}
}
