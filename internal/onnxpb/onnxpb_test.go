package onnxpb_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protowire"

	"recsys/internal/onnxpb"
)

func sample() *onnxpb.Model {
	vector := &onnxpb.Type{Tensor: &onnxpb.TensorType{ElemType: onnxpb.Float, Shape: &onnxpb.Shape{
		Dims: []*onnxpb.Dim{{Param: "B"}, {HasValue: true, Value: 2}, {}, {HasValue: true}},
	}}}
	return &onnxpb.Model{
		IRVersion: 8, ProducerName: "recsys", ProducerVersion: "1", Domain: "d", ModelVersion: 3, Doc: "doc",
		Graph: &onnxpb.Graph{
			Name: "g", Doc: "x",
			Nodes: []*onnxpb.Node{{
				Inputs: []string{"x", "", "w"}, Outputs: []string{"y"}, Name: "n", OpType: "Foo", Domain: "ai.onnx.ml", Doc: "x",
				Attributes: []*onnxpb.Attribute{
					{Name: "f", Type: onnxpb.AttributeFloat, F: 1.5},
					{Name: "i", Type: onnxpb.AttributeInt, I: -1},
					{Name: "zero", Type: onnxpb.AttributeInt},
					{Name: "s", Type: onnxpb.AttributeString, S: "\xff"},
					{Name: "t", Type: onnxpb.AttributeTensor, T: &onnxpb.Tensor{DataType: onnxpb.Int64, RawData: make([]byte, 8)}},
					{Name: "fs", Type: onnxpb.AttributeFloats, Floats: []float32{1, -2}},
					{Name: "is", Type: onnxpb.AttributeInts, Ints: []int64{3, -4}},
					{Name: "ss", Type: onnxpb.AttributeStrings, Strings: []string{"a", ""}},
				},
			}},
			Initializers: []*onnxpb.Tensor{
				{Name: "w", DataType: onnxpb.Float, Dims: []int64{2}, RawData: []byte{0, 0, 0, 0, 0, 0, 0x80, 0x3f}, Doc: "d"},
				{Name: "t", FloatData: []float32{1}, Int32Data: []int32{-2}, Int64Data: []int64{3}, DoubleData: []float64{4}, Uint64Data: []uint64{5}},
				{Name: "x", ExternalData: []*onnxpb.StringPair{{Key: "location", Value: "file"}}, DataLocation: 1},
				{Name: "s", DataType: onnxpb.String, Dims: []int64{2}, StringData: []string{"", "b"}},
			},
			Inputs:  []*onnxpb.ValueInfo{{Name: "x", Type: vector}},
			Outputs: []*onnxpb.ValueInfo{{Name: "y", Type: vector, Doc: "out"}},
		},
		Opsets:   []*onnxpb.OperatorSetID{{Version: 17}, {Domain: "ai.onnx.ml", Version: 3}},
		Metadata: []*onnxpb.StringPair{{Key: "k", Value: "v"}},
	}
}

func TestRoundTrip(t *testing.T) {
	data := sample().Marshal()
	if got := sample().Size(); got != len(data) {
		t.Errorf("Size() = %d, Marshal gives %d bytes", got, len(data))
	}
	got, err := onnxpb.Unmarshal(data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample(), got); diff != "" {
		t.Errorf("read back (-want +got):\n%s", diff)
	}
}

// TestUnpacked reads the form that protobuf's own proto2 writers give repeated numbers, and typed data.
func TestUnpackedAndTypedData(t *testing.T) {
	var tensor []byte
	for _, d := range []uint64{2, 3} {
		tensor = protowire.AppendVarint(protowire.AppendTag(tensor, 1, protowire.VarintType), d)
	}
	tensor = protowire.AppendFixed32(protowire.AppendTag(tensor, 4, protowire.Fixed32Type), 0x3f800000)
	tensor = protowire.AppendBytes(protowire.AppendTag(tensor, 5, protowire.BytesType), []byte{1, 2})
	tensor = protowire.AppendBytes(protowire.AppendTag(tensor, 7, protowire.BytesType), []byte{3})
	tensor = protowire.AppendFixed64(protowire.AppendTag(tensor, 10, protowire.Fixed64Type), 0x3ff0000000000000)
	tensor = protowire.AppendBytes(protowire.AppendTag(tensor, 11, protowire.BytesType), []byte{4})
	tensor = protowire.AppendVarint(protowire.AppendTag(tensor, 99, protowire.VarintType), 1)
	graph := protowire.AppendBytes(protowire.AppendTag(nil, 5, protowire.BytesType), tensor)
	got, err := onnxpb.Unmarshal(protowire.AppendBytes(protowire.AppendTag(nil, 7, protowire.BytesType), graph))
	if err != nil {
		t.Fatal(err)
	}
	want := &onnxpb.Model{Graph: &onnxpb.Graph{Initializers: []*onnxpb.Tensor{{
		Dims: []int64{2, 3}, FloatData: []float32{1}, Int32Data: []int32{1, 2}, Int64Data: []int64{3},
		DoubleData: []float64{1}, Uint64Data: []uint64{4},
	}}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read message (-want +got):\n%s", diff)
	}
}

func TestTruncatedInput(t *testing.T) {
	data := sample().Marshal()
	failed := 0
	for n := range data {
		if _, err := onnxpb.Unmarshal(data[:n]); err != nil {
			failed++
		}
	}
	// Only the borders between the nine top-level fields are readable prefixes.
	if want := len(data) - 10; failed < want {
		t.Errorf("%d of %d prefixes were refused, want at least %d", failed, len(data), want)
	}
	if _, err := onnxpb.Unmarshal([]byte{0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f}); err == nil {
		t.Error("a graph of 4 GiB in 6 bytes was accepted")
	}
}

func FuzzUnmarshal(f *testing.F) {
	f.Add(sample().Marshal())
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := onnxpb.Unmarshal(data)
		if err != nil {
			return
		}
		once := m.Marshal()
		again, err := onnxpb.Unmarshal(once)
		if err != nil {
			t.Fatalf("what was written does not read: %v", err)
		}
		if !bytes.Equal(once, again.Marshal()) {
			t.Error("writing is not stable")
		}
	})
}

func ExampleUnmarshal() {
	data := (&onnxpb.Model{IRVersion: 8, Graph: &onnxpb.Graph{Name: "rank"}}).Marshal()
	m, err := onnxpb.Unmarshal(data)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(len(data), m.IRVersion, m.Graph.Name)
	// Output: 10 8 rank
}
