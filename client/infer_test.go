package client_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/client"
	"recsys/client/tritonpb"
	"recsys/client/tritontest"
	"recsys/tensor"
)

func TestInfer(t *testing.T) {
	server := tritontest.Start(t, tritontest.Model{
		Name: "double", Versions: []string{"1", "2"},
		Infer: func(_ context.Context, call tritontest.Call) (tensor.Map, error) {
			x, err := tensor.Data[float32](call.Inputs["x"])
			if err != nil {
				return nil, err
			}
			y := make([]float32, len(x))
			for i := range x {
				y[i] = 2 * x[i]
			}
			return tensor.Map{"y": tensor.Of(y, call.Inputs["x"].Shape()...), "unwanted": call.Inputs["x"]}, nil
		},
	})
	c := server.Client(t)
	x := tensor.Map{"x": tensor.Of([]float32{1, 2, 3, 4}, 2, 2)}

	got, version, err := c.Infer(t.Context(), "double", x, []string{"y"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, tensor.Map{"y": tensor.Of([]float32{2, 4, 6, 8}, 2, 2)}); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
	if version != "2" {
		t.Errorf("got version %q, want the newest, 2", version)
	}

	result, err := c.Do(t.Context(), client.Request{Model: "double", Version: "1", ID: "r-7", Inputs: x, Outputs: []string{"y"}})
	if err != nil {
		t.Fatal(err)
	}
	if result.Model != "double" || result.Version != "1" || result.ID != "r-7" || result.Parameters != nil {
		t.Errorf("got %+v, want version 1 of double and id r-7", result)
	}
}

func TestInferReturnsParameters(t *testing.T) {
	server := tritontest.Start(t, tritontest.Model{Name: "m"})
	server.Inject("m", tritontest.Fault{Corrupt: func(r *tritonpb.ModelInferResponse) {
		r.Parameters = map[string]*tritonpb.InferParameter{
			"b": {ParameterChoice: &tritonpb.InferParameter_BoolParam{BoolParam: true}},
			"i": {ParameterChoice: &tritonpb.InferParameter_Int64Param{Int64Param: -1}},
			"u": {ParameterChoice: &tritonpb.InferParameter_Uint64Param{Uint64Param: 1}},
			"d": {ParameterChoice: &tritonpb.InferParameter_DoubleParam{DoubleParam: 0.5}},
			"s": {ParameterChoice: &tritonpb.InferParameter_StringParam{StringParam: "x"}},
		}
	}})
	result, err := server.Client(t).Do(t.Context(), client.Request{Model: "m", Inputs: scalar(), Outputs: []string{"x"}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"b": true, "i": int64(-1), "u": uint64(1), "d": 0.5, "s": "x"}
	if diff := cmp.Diff(result.Parameters, want); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
}

func TestInferRefusesBadRequests(t *testing.T) {
	server := tritontest.Start(t, tritontest.Model{Name: "m"})
	c := server.Client(t)
	tests := []struct {
		name    string
		request client.Request
		want    string
	}{
		{"no outputs", client.Request{Inputs: scalar()}, "no outputs are named"},
		{"nil input", client.Request{Inputs: tensor.Map{"x": nil}, Outputs: []string{"x"}}, `input "x" is nil`},
		{
			"reserved parameter",
			client.Request{Inputs: scalar(), Outputs: []string{"x"}, Parameters: map[string]any{"timeout": int64(1)}},
			`parameter "timeout" is reserved`,
		},
		{
			"triton's own parameter",
			client.Request{Inputs: scalar(), Outputs: []string{"x"}, Parameters: map[string]any{"triton_x": true}},
			`parameter "triton_x" is reserved`,
		},
		{
			"parameter of another type",
			client.Request{Inputs: scalar(), Outputs: []string{"x"}, Parameters: map[string]any{"n": 1}},
			`parameter "n": is a int: make it a bool, int64`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.request.Model = "m"
			_, err := c.Do(t.Context(), tt.request)
			if !errors.Is(err, client.ErrInvalidArgument) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want an invalid argument with %q", err, tt.want)
			}
		})
	}
	if n := len(server.Requests()); n != 0 {
		t.Errorf("%d bad requests were sent", n)
	}
}

func TestInferRefusesBadAnswers(t *testing.T) {
	tests := []struct {
		name    string
		corrupt func(*tritonpb.ModelInferResponse)
		want    string
	}{
		{"renamed output", func(r *tritonpb.ModelInferResponse) { r.Outputs[0].Name = "z" }, `output "x" is missing`},
		{"short contents", func(r *tritonpb.ModelInferResponse) { r.RawOutputContents[0] = []byte{1} }, "needs 8 bytes, got 1"},
		{"no contents", func(r *tritonpb.ModelInferResponse) { r.RawOutputContents = nil }, "needs 8 bytes, got 0"},
		{"too many contents", func(r *tritonpb.ModelInferResponse) { r.RawOutputContents = append(r.RawOutputContents, nil) }, "1 outputs but 2 raw contents"},
		{"unknown type", func(r *tritonpb.ModelInferResponse) { r.Outputs[0].Datatype = "INT128" }, `unknown data type "INT128"`},
		{"negative shape", func(r *tritonpb.ModelInferResponse) { r.Outputs[0].Shape = []int64{-1} }, "out of range"},
		{"huge shape", func(r *tritonpb.ModelInferResponse) { r.Outputs[0].Shape = []int64{1 << 40, 1 << 40} }, "too many elements"},
		{"output twice", func(r *tritonpb.ModelInferResponse) {
			r.Outputs = append(r.Outputs, r.Outputs[0])
			r.RawOutputContents = append(r.RawOutputContents, r.RawOutputContents[0])
		}, `output "x" comes twice`},
		{"parameter without value", func(r *tritonpb.ModelInferResponse) {
			r.Parameters = map[string]*tritonpb.InferParameter{"p": {}}
		}, `parameter "p" of the answer has no value`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := tritontest.Start(t, tritontest.Model{Name: "m"})
			server.Inject("m", tritontest.Fault{Corrupt: tt.corrupt})
			_, _, err := server.Client(t).Infer(t.Context(), "m", scalar(), []string{"x"})
			if !errors.Is(err, client.ErrProtocol) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want a violated protocol with %q", err, tt.want)
			}
		})
	}
}

// scalar is the smallest input.
func scalar() tensor.Map { return tensor.Map{"x": tensor.Scalar[int64](7)} }
