package client_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"recsys/client"
	"recsys/client/tritonpb"
	"recsys/client/tritontest"
	"recsys/tensor"
)

func checkedModel() tritontest.Model {
	return tritontest.Model{Name: "m", Config: &tritonpb.ModelConfig{
		MaxBatchSize: 8,
		Input: []*tritonpb.ModelInput{
			{Name: "x", DataType: tritonpb.DataType_TYPE_FP32, Dims: []int64{3}},
			{Name: "y", DataType: tritonpb.DataType_TYPE_STRING, Dims: []int64{-1}},
			{Name: "z", DataType: tritonpb.DataType_TYPE_INT64, Dims: []int64{1}, Optional: true},
		},
		Output: []*tritonpb.ModelOutput{{Name: "x", DataType: tritonpb.DataType_TYPE_FP32, Dims: []int64{3}}},
	}}
}

func TestChecks(t *testing.T) {
	x, y := tensor.Zeros(tensor.Float32, 2, 3), tensor.Zeros(tensor.String, 2, 5)
	tests := []struct {
		name    string
		inputs  tensor.Map
		outputs []string
		want    string
	}{
		{"nothing wrong", tensor.Map{"x": x, "y": y}, []string{"x"}, ""},
		{"an unknown input", tensor.Map{"x": x, "y": y, "w": x}, []string{"x"}, `the model has no input "w": it has x, y, z`},
		{"a missing input", tensor.Map{"x": x}, []string{"x"}, `input "y" is missing: give BYTES [-1,-1]`},
		{"a type", tensor.Map{"x": tensor.Zeros(tensor.Float64, 2, 3), "y": y}, []string{"x"}, `input "x" is FP64, the model wants FP32`},
		{"a size", tensor.Map{"x": tensor.Zeros(tensor.Float32, 2, 4), "y": y}, []string{"x"}, `input "x" has shape [2,4], the model wants [-1,3]`},
		{"a rank", tensor.Map{"x": x, "y": tensor.Zeros(tensor.String, 2)}, []string{"x"}, `input "y" has shape [2], the model wants [-1,-1]`},
		{"a large batch", tensor.Map{"x": tensor.Zeros(tensor.Float32, 9, 3), "y": y}, []string{"x"}, `input "x" has a batch of 9, the model takes 1 to 8`},
		{"no batch", tensor.Map{"x": tensor.Zeros(tensor.Float32, 0, 3), "y": y}, []string{"x"}, `input "x" has a batch of 0, the model takes 1 to 8`},
		{"two batches", tensor.Map{"x": x, "y": tensor.Zeros(tensor.String, 1, 5)}, []string{"x"}, `input "y" has a batch of 1, input "x" one of 2`},
		{"an unknown output", tensor.Map{"x": x, "y": y}, []string{"x", "q"}, `the model has no output "q": it has x`},
		{"two things", tensor.Map{"x": tensor.Zeros(tensor.Int8, 2, 3)}, []string{"x"}, "input \"x\" is INT8, the model wants FP32\ninput \"y\" is missing: give BYTES [-1,-1]"},
	}
	server := tritontest.Start(t, checkedModel())
	c := server.Client(t, client.WithChecks())
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			before := len(server.Requests())
			_, _, err := c.Infer(t.Context(), "m", tt.inputs, tt.outputs)
			if sent := len(server.Requests()) - before; (sent == 1) != (tt.want == "") {
				t.Errorf("%d requests were sent", sent)
			}
			if tt.want == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if want := `infer "m": invalid argument: ` + tt.want; !errors.Is(err, client.ErrInvalidArgument) || err.Error() != want {
				t.Errorf("got error %v, want %s", err, want)
			}
		})
	}
	if _, _, err := c.Infer(t.Context(), "nobody", tensor.Map{"x": x}, []string{"x"}); !errors.Is(err, client.ErrNotFound) || errors.Is(err, client.ErrInvalidArgument) {
		t.Errorf("an unknown model: got error %v, want one that is ErrNotFound alone", err)
	}
}

// TestChecksFollowTheModel loads another configuration under the client.
func TestChecksFollowTheModel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := tritontest.Start(t, checkedModel())
		asked := 0
		c := server.Client(t, client.WithChecks(), client.WithObserver(observe(&asked, "model metadata")))
		in := tensor.Map{"x": tensor.Zeros(tensor.Float32, 2, 3), "y": tensor.Zeros(tensor.String, 2, 5)}
		for range 10 {
			if _, _, err := c.Infer(t.Context(), "m", in, []string{"x"}); err != nil {
				t.Fatal(err)
			}
		}
		if asked != 1 {
			t.Errorf("asked for the metadata %d times in a minute, want once", asked)
		}
		<-time.After(time.Minute)
		if _, _, err := c.Infer(t.Context(), "m", in, []string{"x"}); err != nil || asked != 2 {
			t.Errorf("error %v; asked %d times after a minute, want twice", err, asked)
		}
		config := checkedModel().Config
		config.Input[0].DataType = tritonpb.DataType_TYPE_FP64
		if err := c.Load(t.Context(), "m", client.LoadOptions{Config: config}); err != nil {
			t.Fatal(err)
		}
		in["x"] = tensor.Zeros(tensor.Float64, 2, 3)
		if _, _, err := c.Infer(t.Context(), "m", in, []string{"x"}); err != nil {
			t.Errorf("what fits the new configuration was refused by the old one: %v", err)
		}
	})
}
