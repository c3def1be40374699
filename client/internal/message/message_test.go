package message_test

import (
	"bytes"
	"slices"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"
	"pgregory.net/rapid"

	"recsys/client/internal/message"
	"recsys/client/tritonpb"
	"recsys/client/wire"
	"recsys/tensor"
)

// TestRequestsAreWhatProtobufMakes draws requests and reads them by protobuf.
func TestRequestsAreWhatProtobufMakes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringN(0, 8, -1)
		parameter := rapid.Custom(func(t *rapid.T) any {
			return rapid.OneOf(rapid.Bool().AsAny(), rapid.Int64().AsAny(), rapid.Uint64().AsAny(), rapid.Float64().AsAny(), text.AsAny()).Draw(t, "value")
		})
		parameters := func(label string) ([]message.Parameter, map[string]*tritonpb.InferParameter) {
			var list []message.Parameter
			var want map[string]*tritonpb.InferParameter
			for name, value := range rapid.MapOfN(rapid.StringN(1, 4, -1), parameter, 0, 3).Draw(t, label) {
				list = append(list, message.Parameter{Name: name, Value: value})
				if want == nil {
					want = map[string]*tritonpb.InferParameter{}
				}
				want[name] = inferParameter(value)
			}
			return list, want
		}
		r := message.Request{Model: text.Draw(t, "model"), Version: text.Draw(t, "version"), ID: text.Draw(t, "id")}
		want := &tritonpb.ModelInferRequest{ModelName: r.Model, ModelVersion: r.Version, Id: r.ID}
		r.Parameters, want.Parameters = parameters("parameters")
		if rapid.Bool().Draw(t, "timed") {
			r.Timeout = rapid.Int64Min(1).Draw(t, "timeout")
			if want.Parameters == nil {
				want.Parameters = map[string]*tritonpb.InferParameter{}
			}
			want.Parameters["timeout"] = inferParameter(r.Timeout)
		}
		for range rapid.IntRange(0, 4).Draw(t, "inputs") {
			in := message.Input{
				Name: text.Draw(t, "name"), DType: text.Draw(t, "type"), Elsewhere: rapid.Bool().Draw(t, "elsewhere"),
				Shape: rapid.SliceOfN(rapid.IntMin(0), 0, 4).Draw(t, "shape"),
				Raw:   make([]byte, rapid.SampledFrom([]int{0, 1, 1024, 1025, 3000}).Draw(t, "bytes")),
			}
			for i := range in.Raw {
				in.Raw[i] = byte(i)
			}
			described := &tritonpb.ModelInferRequest_InferInputTensor{Name: in.Name, Datatype: in.DType}
			for _, d := range in.Shape {
				described.Shape = append(described.Shape, int64(d))
			}
			in.Parameters, described.Parameters = parameters("input's")
			r.Inputs, want.Inputs = append(r.Inputs, in), append(want.Inputs, described)
			if !in.Elsewhere {
				want.RawInputContents = append(want.RawInputContents, in.Raw)
			}
		}
		for range rapid.IntRange(0, 2).Draw(t, "outputs") {
			out := message.Output{Name: text.Draw(t, "output")}
			wanted := &tritonpb.ModelInferRequest_InferRequestedOutputTensor{Name: out.Name}
			out.Parameters, wanted.Parameters = parameters("output's")
			r.Outputs, want.Outputs = append(r.Outputs, out), append(want.Outputs, wanted)
		}
		data, err := message.NewCodec().Marshal(&r)
		if err != nil {
			t.Fatal(err)
		}
		got := &tritonpb.ModelInferRequest{}
		if err := proto.Unmarshal(data.Materialize(), got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, want, protocmp.Transform()); diff != "" {
			t.Fatalf("got (-), want (+):\n%s", diff)
		}
		data.Free()
		if !r.Released(0) {
			t.Error("contents are held after their buffers were freed")
		}
	})
}

func inferParameter(value any) *tritonpb.InferParameter {
	switch v := value.(type) {
	case bool:
		return &tritonpb.InferParameter{ParameterChoice: &tritonpb.InferParameter_BoolParam{BoolParam: v}}
	case int64:
		return &tritonpb.InferParameter{ParameterChoice: &tritonpb.InferParameter_Int64Param{Int64Param: v}}
	case uint64:
		return &tritonpb.InferParameter{ParameterChoice: &tritonpb.InferParameter_Uint64Param{Uint64Param: v}}
	case float64:
		return &tritonpb.InferParameter{ParameterChoice: &tritonpb.InferParameter_DoubleParam{DoubleParam: v}}
	}
	return &tritonpb.InferParameter{ParameterChoice: &tritonpb.InferParameter_StringParam{StringParam: value.(string)}}
}

// TestContentsAreNotCopied finds the tensor's own memory in what is sent, and knows how long it is held.
func TestContentsAreNotCopied(t *testing.T) {
	raw := make([]byte, 4096)
	r := message.Request{Model: "m", Inputs: []message.Input{{Name: "x", DType: "UINT8", Shape: []int{4096}, Raw: raw}}}
	data, err := message.NewCodec().Marshal(&r)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	for _, b := range data {
		found = found || b.Len() == len(raw) && unsafe.SliceData(b.ReadOnlyData()) == unsafe.SliceData(raw)
	}
	if !found {
		t.Error("the contents were copied")
	}
	if r.Released(time.Microsecond) {
		t.Error("contents in a buffer are not held")
	}
	time.AfterFunc(time.Microsecond, data.Free)
	if !r.Released(time.Minute) {
		t.Error("contents are held for a minute after their buffer was freed")
	}
}

func answer(tb testing.TB) ([]byte, tensor.Map) {
	tb.Helper()
	tensors := tensor.Map{
		"ids": tensor.Of([]int64{1, -2, 3}, 1, 3), "scores": tensor.Of([]float32{0.5, 1, 2}, 1, 3), "flag": tensor.Of([]bool{true}, 1),
		"names": tensor.Of([]string{"", "abc"}, 2), "empty": tensor.Zeros(tensor.Float64, 0, 2), "scalar": tensor.Scalar(2.5),
	}
	m := &tritonpb.ModelInferResponse{
		ModelName: "shop", ModelVersion: "7", Id: "r-1",
		Parameters: map[string]*tritonpb.InferParameter{"sequence_start": inferParameter(false)},
	}
	if err := wire.SetOutputs(m, tensors, tensors.Names()); err != nil {
		tb.Fatal(err)
	}
	data, err := proto.Marshal(m)
	if err != nil {
		tb.Fatal(err)
	}
	return data, tensors
}

// split makes buffers of n bytes.
func split(data []byte, n int) mem.BufferSlice {
	var out mem.BufferSlice
	for n > 0 && len(data) > n {
		out, data = append(out, mem.SliceBuffer(bytes.Clone(data[:n]))), data[n:]
	}
	return append(out, mem.SliceBuffer(bytes.Clone(data)))
}

// TestUsualAnswersAreDecodedFast cuts an answer in every way.
func TestUsualAnswersAreDecodedFast(t *testing.T) {
	data, want := answer(t)
	for n := range data {
		r := message.Response{ExpectModel: "shop", Expect: []string{"ids"}}
		if err := r.Fast(split(data, n)); err != nil {
			t.Fatalf("cut by %d: %v", n, err)
		}
		if diff := cmp.Diff(r.Outputs, want); diff != "" || r.Model != "shop" || r.Version != "7" || r.ID != "r-1" || len(r.Parameters) != 1 {
			t.Fatalf("cut by %d: %+v; got (-), want (+):\n%s", n, r, diff)
		}
	}
}

func TestOutputsAreDecodedInto(t *testing.T) {
	data, want := answer(t)
	into := tensor.Map{
		"ids": tensor.Zeros(tensor.Int64, 1, 3), "scores": tensor.Zeros(tensor.Float32, 3), "flag": tensor.Zeros(tensor.Bool, 1), "names": tensor.Zeros(tensor.String, 2),
	}
	r := message.Response{Into: into}
	if err := r.Fast(split(data, 7)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r.Outputs, want); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
	if r.Outputs["ids"] != into["ids"] {
		t.Error("a tensor that fits was not used")
	}
	if r.Outputs["scores"] == into["scores"] || r.Outputs["flag"] == into["flag"] || r.Outputs["names"] == into["names"] {
		t.Error("a tensor was used that has another shape, or is none of numbers")
	}
}

// FuzzResponse holds the fast decoder to protobuf's: where both read a message they read the same, and what protobuf or
// the tensors refuse is refused.
func FuzzResponse(f *testing.F) {
	data, _ := answer(f)
	f.Add(data, 3)
	shared, err := proto.Marshal(&tritonpb.ModelInferResponse{
		Outputs: []*tritonpb.ModelInferResponse_InferOutputTensor{
			{Name: "a", Datatype: "INT8", Shape: []int64{1}, Parameters: map[string]*tritonpb.InferParameter{"shared_memory_region": inferParameter("r")}},
			{Name: "b", Datatype: "INT8", Shape: []int64{1}},
		},
		RawOutputContents: [][]byte{{5}},
	})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(shared, 0)
	typed, err := proto.Marshal(&tritonpb.ModelInferResponse{Outputs: []*tritonpb.ModelInferResponse_InferOutputTensor{
		{Name: "a", Datatype: "INT8", Shape: []int64{1}, Contents: &tritonpb.InferTensorContents{IntContents: []int32{1}}},
	}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(typed, 2)
	f.Fuzz(func(t *testing.T, data []byte, n int) {
		var got message.Response
		if err := message.NewCodec().Unmarshal(split(data, n), &got); err != nil {
			t.Fatal(err)
		}
		var m tritonpb.ModelInferResponse
		protoErr := proto.Unmarshal(data, &m)
		if protoErr != nil && got.Err == nil {
			t.Fatalf("read what protobuf refuses: %v", protoErr)
		}
		if got.Err != nil || len(got.Elsewhere) > 0 {
			return
		}
		want, err := wire.Outputs(&m)
		if err != nil {
			t.Fatalf("read what is refused: %v", err)
		}
		if diff := cmp.Diff(got.Outputs, want); diff != "" {
			t.Fatalf("got (-), want (+):\n%s", diff)
		}
		if got.Model != m.GetModelName() || got.Version != m.GetModelVersion() || got.ID != m.GetId() {
			t.Errorf("got %q %q %q, want %q %q %q", got.Model, got.Version, got.ID, m.GetModelName(), m.GetModelVersion(), m.GetId())
		}
	})
}

func TestValidate(t *testing.T) {
	bad := "\xff"
	for name, r := range map[string]*message.Request{
		"model": {Model: bad}, "version": {Version: bad}, "id": {ID: bad}, "input": {Inputs: []message.Input{{Name: bad}}},
		"output": {Outputs: []message.Output{{Name: bad}}}, "parameter": {Parameters: []message.Parameter{{Name: bad}}},
		"value": {Parameters: []message.Parameter{{Name: "p", Value: bad}}},
	} {
		if err := r.Validate(); err == nil {
			t.Errorf("%s: text that is not UTF-8 was taken", name)
		}
	}
	if err := (&message.Request{Model: "ä"}).Validate(); err != nil {
		t.Error(err)
	}
}

// BenchmarkMarshal and BenchmarkUnmarshal have a tensor of 1 MiB.
func BenchmarkMarshal(b *testing.B) {
	r := message.Request{Model: "m", Inputs: []message.Input{{Name: "x", DType: "UINT8", Shape: []int{1 << 20}, Raw: make([]byte, 1<<20)}}}
	codec := message.NewCodec()
	b.ReportAllocs()
	for b.Loop() {
		data, err := codec.Marshal(&r)
		if err != nil {
			b.Fatal(err)
		}
		data.Free()
	}
}

func BenchmarkUnmarshal(b *testing.B) {
	m := &tritonpb.ModelInferResponse{ModelName: "m"}
	into := tensor.Map{"y": tensor.Zeros(tensor.Float32, 256<<10)}
	if err := wire.SetOutputs(m, into, []string{"y"}); err != nil {
		b.Fatal(err)
	}
	data, err := proto.Marshal(m)
	if err != nil {
		b.Fatal(err)
	}
	codec, buffers := message.NewCodec(), split(data, 16<<10)
	for name, r := range map[string]message.Response{"new": {}, "into": {Into: into}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := codec.Unmarshal(buffers, &r); err != nil || r.Err != nil {
					b.Fatal(err, r.Err)
				}
			}
		})
	}
}

// TestSharedOutputs reads answers as Triton 24.10 gives them, with empty contents for outputs in shared memory, by both
// decoders.
func TestSharedOutputs(t *testing.T) {
	m := &tritonpb.ModelInferResponse{ModelName: "m", RawOutputContents: [][]byte{{}, {7}, {}}}
	for _, name := range []string{"a", "b", "c"} {
		shape := []int64{1}
		if name == "c" {
			shape[0] = 0
		}
		m.Outputs = append(m.Outputs, &tritonpb.ModelInferResponse_InferOutputTensor{Name: name, Datatype: "UINT8", Shape: shape})
	}
	fast, err := proto.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	const unknown = 99
	general := protowire.AppendVarint(protowire.AppendTag(slices.Clone(fast), unknown, protowire.VarintType), 1)
	for name, data := range map[string][]byte{"fast": fast, "general": general} {
		r := message.Response{Shared: []string{"a"}}
		if err := message.NewCodec().Unmarshal(split(data, 1), &r); err != nil || r.Err != nil {
			t.Fatalf("%s: %v, %v", name, err, r.Err)
		}
		want := tensor.Map{"b": tensor.Of([]uint8{7}, 1), "c": tensor.Zeros(tensor.Uint8, 0)}
		if diff := cmp.Diff(r.Outputs, want); diff != "" {
			t.Errorf("%s: got (-), want (+):\n%s", name, diff)
		}
		if diff := cmp.Diff(r.Elsewhere, []message.Described{{Name: "a", DType: tensor.Uint8, Shape: []int{1}}}); diff != "" {
			t.Errorf("%s: got (-), want (+):\n%s", name, diff)
		}
		r = message.Response{}
		if _ = message.NewCodec().Unmarshal(split(data, 1), &r); r.Err == nil {
			t.Errorf("%s: empty contents that nobody has asked for: got no error", name)
		}
	}
}
