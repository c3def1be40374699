package wire_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"recsys/client/tritonpb"
	"recsys/client/wire"
	"recsys/tensor"
)

func TestEncode(t *testing.T) {
	tests := []struct {
		name   string
		tensor *tensor.Tensor
		want   []byte
	}{
		{"bool", tensor.Of([]bool{true, false}, 2), []byte{1, 0}},
		{"uint8", tensor.Of([]uint8{1, 255}, 2), []byte{1, 255}},
		{"int8", tensor.Of([]int8{1, -1}, 2), []byte{1, 255}},
		{"uint16", tensor.Of([]uint16{0x0102}, 1), []byte{2, 1}},
		{"int16", tensor.Of([]int16{-2}, 1), []byte{0xfe, 0xff}},
		{"uint32", tensor.Of([]uint32{0x01020304}, 1), []byte{4, 3, 2, 1}},
		{"int32", tensor.Of([]int32{-2}, 1), []byte{0xfe, 0xff, 0xff, 0xff}},
		{"uint64", tensor.Of([]uint64{0x0102030405060708}, 1), []byte{8, 7, 6, 5, 4, 3, 2, 1}},
		{"int64", tensor.Of([]int64{tensor.NullInt64}, 1), []byte{0, 0, 0, 0, 0, 0, 0, 0x80}},
		{"float16", tensor.Of([]tensor.F16{0x3c00}, 1), []byte{0, 0x3c}},
		{"bfloat16", tensor.Of([]tensor.BF16{0x3f80}, 1), []byte{0x80, 0x3f}},
		{"float32", tensor.Of([]float32{1}, 1), []byte{0, 0, 0x80, 0x3f}},
		{"float64", tensor.Of([]float64{1}, 1), []byte{0, 0, 0, 0, 0, 0, 0xf0, 0x3f}},
		{"string", tensor.Of([]string{"ab", "", "\x00"}, 3), []byte{2, 0, 0, 0, 'a', 'b', 0, 0, 0, 0, 1, 0, 0, 0, 0}},
		{"empty", tensor.Zeros(tensor.Float64, 0, 4), []byte{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := wire.Encode(tt.tensor)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(got, tt.want); diff != "" {
				t.Errorf("got (-), want (+):\n%s", diff)
			}
			// What a machine of the other byte order does.
			if tt.tensor.DType() != tensor.String {
				if diff := cmp.Diff(wire.EncodeCopy(tt.tensor.Any()), tt.want); diff != "" {
					t.Errorf("copied: got (-), want (+):\n%s", diff)
				}
			}
		})
	}
}

// drawTensor makes a tensor of any type, rank 0 to 6.
func drawTensor(t *rapid.T) *tensor.Tensor {
	shape := rapid.SliceOfN(rapid.IntRange(0, 3), 0, 6).Draw(t, "shape")
	n, err := tensor.Count(shape)
	if err != nil {
		t.Fatal(err)
	}
	dtype := tensor.DType(rapid.IntRange(int(tensor.Bool), int(tensor.String)).Draw(t, "dtype"))
	if dtype == tensor.String {
		list := rapid.SliceOfN(rapid.SliceOfN(rapid.Byte(), 0, 20), n, n).Draw(t, "strings")
		out := make([]string, n)
		for i := range list {
			out[i] = string(list[i])
		}
		return tensor.Of(out, shape...)
	}
	data := rapid.SliceOfN(rapid.Byte(), n*dtype.Size(), n*dtype.Size()).Draw(t, "bytes")
	out, err := wire.Decode(dtype, shape, data)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestMessagesKeepTensors sends random tensors through a request and a response, as bytes.
func TestMessagesKeepTensors(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := tensor.Map{"a": drawTensor(t), "b": drawTensor(t)}

		var request, arrived tritonpb.ModelInferRequest
		if err := wire.SetInputs(&request, want, []string{"y"}); err != nil {
			t.Fatal(err)
		}
		transfer(t, &request, &arrived)
		inputs, err := wire.Inputs(&arrived)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(inputs, want); diff != "" {
			t.Fatalf("inputs: got (-), want (+):\n%s", diff)
		}

		var response, returned tritonpb.ModelInferResponse
		if err := wire.SetOutputs(&response, inputs, []string{"b", "a"}); err != nil {
			t.Fatal(err)
		}
		transfer(t, &response, &returned)
		outputs, err := wire.Outputs(&returned)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(outputs, want); diff != "" {
			t.Fatalf("outputs: got (-), want (+):\n%s", diff)
		}
	})
}

func transfer(t *rapid.T, from, to proto.Message) {
	data, err := proto.Marshal(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := proto.Unmarshal(data, to); err != nil {
		t.Fatal(err)
	}
}

// TestDecodeTakesAnyAlignment starts the bytes at every offset: elements that are not aligned are copied.
func TestDecodeTakesAnyAlignment(t *testing.T) {
	want := tensor.Of([]float64{1, math.Pi, math.Inf(-1)}, 3)
	raw, err := wire.Encode(want)
	if err != nil {
		t.Fatal(err)
	}
	for offset := range 8 {
		buffer := append(make([]byte, offset), raw...)
		got, err := wire.Decode(tensor.Float64, []int{3}, buffer[offset:])
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("offset %d: got (-), want (+):\n%s", offset, diff)
		}
	}
}

func TestDecodeNormalisesBools(t *testing.T) {
	got, err := wire.Decode(tensor.Bool, []int{3}, []byte{0, 1, 200})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, tensor.Of([]bool{false, true, true}, 3)); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
}

func TestDecodeRefuses(t *testing.T) {
	tests := []struct {
		name  string
		dtype tensor.DType
		shape []int
		data  []byte
		want  string
	}{
		{"too few bytes", tensor.Float32, []int{2}, make([]byte, 7), "shape [2] of float32 needs 8 bytes, got 7"},
		{"too many bytes", tensor.Int64, []int{}, make([]byte, 9), "shape [] of int64 needs 8 bytes, got 9"},
		{"overflow", tensor.Int64, []int{math.MaxInt, 2}, nil, "too many elements"},
		{"negative", tensor.Int64, []int{-1}, nil, "negative dimension"},
		{"no type", tensor.Invalid, []int{0}, nil, "invalid tensors have no encoding"},
		{"strings without bytes", tensor.String, []int{1 << 40}, nil, "1099511627776 strings need at least 4 bytes each, got 0"},
		{"string longer than the rest", tensor.String, []int{1}, []byte{255, 255, 255, 255, 'a'}, "string 0 of 1: has 4294967295 bytes by its length, but only 1 follow"},
		{"length cut", tensor.String, []int{2}, []byte{2, 0, 0, 0, 'a', 'b', 0, 0}, "string 1 of 2: the bytes end before its length"},
		{"bytes after the last", tensor.String, []int{1}, []byte{0, 0, 0, 0, 9}, "1 bytes follow the last of 1 strings"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := wire.Decode(tt.dtype, tt.shape, tt.data)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestInputsTakesTypedContents(t *testing.T) {
	input := func(name, datatype string, contents *tritonpb.InferTensorContents) *tritonpb.ModelInferRequest_InferInputTensor {
		return &tritonpb.ModelInferRequest_InferInputTensor{Name: name, Datatype: datatype, Shape: []int64{2}, Contents: contents}
	}
	request := &tritonpb.ModelInferRequest{Inputs: []*tritonpb.ModelInferRequest_InferInputTensor{
		input("bool", "BOOL", &tritonpb.InferTensorContents{BoolContents: []bool{true, false}}),
		input("u8", "UINT8", &tritonpb.InferTensorContents{UintContents: []uint32{0, 255}}),
		input("u16", "UINT16", &tritonpb.InferTensorContents{UintContents: []uint32{0, 65535}}),
		input("u32", "UINT32", &tritonpb.InferTensorContents{UintContents: []uint32{0, math.MaxUint32}}),
		input("u64", "UINT64", &tritonpb.InferTensorContents{Uint64Contents: []uint64{0, math.MaxUint64}}),
		input("i8", "INT8", &tritonpb.InferTensorContents{IntContents: []int32{-128, 127}}),
		input("i16", "INT16", &tritonpb.InferTensorContents{IntContents: []int32{-32768, 32767}}),
		input("i32", "INT32", &tritonpb.InferTensorContents{IntContents: []int32{-1, 1}}),
		input("i64", "INT64", &tritonpb.InferTensorContents{Int64Contents: []int64{math.MinInt64, 1}}),
		input("f32", "FP32", &tritonpb.InferTensorContents{Fp32Contents: []float32{-1, 1}}),
		input("f64", "FP64", &tritonpb.InferTensorContents{Fp64Contents: []float64{-1, 1}}),
		input("bytes", "BYTES", &tritonpb.InferTensorContents{BytesContents: [][]byte{{}, []byte("a")}}),
	}}
	got, err := wire.Inputs(request)
	if err != nil {
		t.Fatal(err)
	}
	want := tensor.Map{
		"bool":  tensor.Of([]bool{true, false}, 2),
		"u8":    tensor.Of([]uint8{0, 255}, 2),
		"u16":   tensor.Of([]uint16{0, 65535}, 2),
		"u32":   tensor.Of([]uint32{0, math.MaxUint32}, 2),
		"u64":   tensor.Of([]uint64{0, math.MaxUint64}, 2),
		"i8":    tensor.Of([]int8{-128, 127}, 2),
		"i16":   tensor.Of([]int16{-32768, 32767}, 2),
		"i32":   tensor.Of([]int32{-1, 1}, 2),
		"i64":   tensor.Of([]int64{math.MinInt64, 1}, 2),
		"f32":   tensor.Of([]float32{-1, 1}, 2),
		"f64":   tensor.Of([]float64{-1, 1}, 2),
		"bytes": tensor.Of([]string{"", "a"}, 2),
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
}

func TestInputsRefuses(t *testing.T) {
	x := func(datatype string, contents *tritonpb.InferTensorContents) *tritonpb.ModelInferRequest_InferInputTensor {
		return &tritonpb.ModelInferRequest_InferInputTensor{Name: "x", Datatype: datatype, Shape: []int64{1}, Contents: contents}
	}
	shared := x("FP32", nil)
	shared.Parameters = map[string]*tritonpb.InferParameter{"shared_memory_region": {}}
	ints := &tritonpb.InferTensorContents{IntContents: []int32{128}}
	tests := []struct {
		name   string
		inputs []*tritonpb.ModelInferRequest_InferInputTensor
		raw    [][]byte
		want   string
	}{
		{"fewer contents than inputs", []*tritonpb.ModelInferRequest_InferInputTensor{x("INT8", nil), x("INT8", nil)}, [][]byte{{1}}, "2 inputs but 1 raw contents"},
		{"both contents", []*tritonpb.ModelInferRequest_InferInputTensor{x("INT8", ints)}, [][]byte{{1}}, "both typed and raw"},
		{"typed out of range", []*tritonpb.ModelInferRequest_InferInputTensor{x("INT8", ints)}, nil, `input "x": element 0: 128 does not fit int8`},
		{"typed half floats", []*tritonpb.ModelInferRequest_InferInputTensor{x("FP16", ints)}, nil, "float16 tensors have no typed contents"},
		{"wrong typed contents", []*tritonpb.ModelInferRequest_InferInputTensor{x("FP32", ints)}, nil, "shape [1] needs 1 elements, got 0"},
		{"unknown type", []*tritonpb.ModelInferRequest_InferInputTensor{x("FP8", nil)}, [][]byte{{1}}, `unknown data type "FP8"`},
		{"twice", []*tritonpb.ModelInferRequest_InferInputTensor{x("INT8", nil), x("INT8", nil)}, [][]byte{{1}, {2}}, `input "x" is given twice`},
		{"shared memory", []*tritonpb.ModelInferRequest_InferInputTensor{shared}, nil, "is in shared memory"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := wire.Inputs(&tritonpb.ModelInferRequest{Inputs: tt.inputs, RawInputContents: tt.raw})
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestSetOutputsRefusesMissingTensors(t *testing.T) {
	err := wire.SetOutputs(&tritonpb.ModelInferResponse{}, tensor.Map{}, []string{"y"})
	if err == nil || !strings.Contains(err.Error(), `output "y"`) {
		t.Errorf("got error %v, want one about output y", err)
	}
}

// TestNumbersAreNotCopied has encoded and decoded numbers share their memory, whatever their number, and nothing is
// allocated for them; a tensor's own description is three small pieces when it is decoded.
func TestNumbersAreNotCopied(t *testing.T) {
	data := make([]float32, 1<<16)
	x := tensor.Of(data, 1, len(data))
	raw, err := wire.Encode(x)
	if err != nil {
		t.Fatal(err)
	}
	raw[3] = 0x40 // 2.0, little-endian
	if data[0] != 2 {
		t.Errorf("got %v after the raw contents changed, want 2: they are a copy", data[0])
	}
	elements := wire.Elements[float32](raw)
	y, err := wire.Decode(tensor.Float32, x.Shape(), raw)
	if err != nil {
		t.Fatal(err)
	}
	data[1] = 3
	if elements[1] != 3 || tensor.MustData[float32](y)[1] != 3 || len(elements) != len(data) {
		t.Errorf("got %v and %v after the data changed, want 3: they are copies", elements[1], tensor.MustData[float32](y)[1])
	}
	for name, tt := range map[string]struct {
		most float64
		do   func()
	}{
		"encode":   {0, func() { raw, err = wire.Encode(x) }},
		"elements": {0, func() { elements = wire.Elements[float32](raw) }},
		"view":     {0, func() { raw, _ = wire.View(x) }},
		"decode":   {3, func() { y, err = wire.Decode(tensor.Float32, x.Shape(), raw) }},
	} {
		if got := testing.AllocsPerRun(100, tt.do); got > tt.most {
			t.Errorf("%s: %v allocations, want %v at most", name, got, tt.most)
		}
	}
	if odd := wire.Elements[uint16]([]byte{1, 2, 3}); len(odd) != 1 || odd[0] != 0x0201 {
		t.Errorf("got %v of three bytes, want one number", odd)
	}
}
