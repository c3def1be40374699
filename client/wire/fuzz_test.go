package wire_test

import (
	"testing"

	"google.golang.org/protobuf/proto"

	"recsys/client/tritonpb"
	"recsys/client/wire"
	"recsys/tensor"
)

// FuzzOutputs reads arbitrary bytes as a response: the result is an error, or tensors that make the same bytes again.
func FuzzOutputs(f *testing.F) {
	for _, t := range []*tensor.Tensor{
		tensor.Of([]string{"", "ab"}, 1, 2), tensor.Of([]float32{1, 2}, 2), tensor.Of([]bool{true}, 1), tensor.Scalar[int64](1),
	} {
		var r tritonpb.ModelInferResponse
		if err := wire.SetOutputs(&r, tensor.Map{"y": t}, []string{"y"}); err != nil {
			f.Fatal(err)
		}
		data, err := proto.Marshal(&r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var r tritonpb.ModelInferResponse
		if proto.Unmarshal(data, &r) != nil {
			return
		}
		outputs, err := wire.Outputs(&r)
		if err != nil {
			return
		}
		var again tritonpb.ModelInferResponse
		if err := wire.SetOutputs(&again, outputs, outputs.Names()); err != nil {
			t.Fatalf("%v, of tensors that were decoded", err)
		}
		back, err := wire.Outputs(&again)
		if err != nil {
			t.Fatalf("%v, of tensors that were encoded", err)
		}
		for name, want := range outputs {
			if !want.Equal(back[name]) {
				t.Errorf("%s: got %v, want %v", name, back[name], want)
			}
		}
	})
}

// FuzzDecode gives arbitrary bytes and shapes to every type.
func FuzzDecode(f *testing.F) {
	f.Add(uint8(tensor.String), 1, 2, []byte{0, 0, 0, 0, 1, 0, 0, 0, 'a'})
	f.Add(uint8(tensor.Float32), 2, 1, make([]byte, 8))
	f.Add(uint8(tensor.Int64), 1<<62, 4, []byte{})
	f.Fuzz(func(t *testing.T, dtype uint8, d0, d1 int, data []byte) {
		size := len(data)
		got, err := wire.Decode(tensor.DType(dtype), []int{d0, d1}, data)
		if err != nil {
			return
		}
		raw, err := wire.Encode(got)
		if err != nil {
			t.Fatalf("%v, of a tensor that was decoded", err)
		}
		if len(raw) != size {
			t.Errorf("%d bytes became %d", size, len(raw))
		}
	})
}
