package client_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"recsys/client"
	"recsys/client/tritonpb"
	"recsys/client/tritontest"
	"recsys/tensor"
)

func TestMetadata(t *testing.T) {
	config := &tritonpb.ModelConfig{
		Platform: "ensemble", MaxBatchSize: 64,
		Input: []*tritonpb.ModelInput{
			{Name: "user", DataType: tritonpb.DataType_TYPE_STRING, Dims: []int64{1}},
			{Name: "history", DataType: tritonpb.DataType_TYPE_INT64, Dims: []int64{-1}},
		},
		Output: []*tritonpb.ModelOutput{{Name: "scores", DataType: tritonpb.DataType_TYPE_FP32, Dims: []int64{100}}},
	}
	server := tritontest.Start(t, tritontest.Model{Name: "shop", Versions: []string{"3", "4"}, Config: config})
	c := server.Client(t)

	got, err := c.ModelMetadata(t.Context(), "shop", "")
	if err != nil {
		t.Fatal(err)
	}
	want := client.ModelMetadata{
		Name: "shop", Versions: []string{"3", "4"}, Platform: "ensemble",
		Inputs: []client.TensorMetadata{
			{Name: "user", DType: tensor.String, Shape: []int{-1, 1}},
			{Name: "history", DType: tensor.Int64, Shape: []int{-1, -1}},
		},
		Outputs: []client.TensorMetadata{{Name: "scores", DType: tensor.Float32, Shape: []int{-1, 100}}},
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}

	gotConfig, err := c.ModelConfig(t.Context(), "shop", "4")
	if err != nil {
		t.Fatal(err)
	}
	config.Name = "shop"
	if diff := cmp.Diff(gotConfig, config, protocmp.Transform()); diff != "" {
		t.Errorf("configuration: got (-), want (+):\n%s", diff)
	}

	about, err := c.ServerMetadata(t.Context())
	if err != nil || about.Name != "tritontest" || len(about.Extensions) == 0 {
		t.Errorf("got server %+v, %v", about, err)
	}
	if _, err := c.ModelMetadata(t.Context(), "nobody", ""); !errors.Is(err, client.ErrNotFound) {
		t.Errorf("unknown model: got error %v, want one that is ErrNotFound", err)
	}
}

func TestMetadataRefusesUnknownTypes(t *testing.T) {
	server := tritontest.Start(t, tritontest.Model{Name: "m", Config: &tritonpb.ModelConfig{
		Output: []*tritonpb.ModelOutput{{Name: "y", DataType: tritonpb.DataType_TYPE_INVALID}},
	}})
	if _, err := server.Client(t).ModelMetadata(t.Context(), "m", ""); !errors.Is(err, client.ErrProtocol) {
		t.Errorf("got error %v, want one that is ErrProtocol", err)
	}
}

func TestStatistics(t *testing.T) {
	server := tritontest.Start(t, tritontest.Model{Name: "a", Versions: []string{"1", "2"}}, tritontest.Model{Name: "b"})
	c := server.Client(t)
	for range 3 {
		if _, _, err := c.Infer(t.Context(), "a", scalar(), []string{"x"}); err != nil {
			t.Fatal(err)
		}
	}
	counts := func(model, version string) map[string]uint64 {
		statistics, err := c.Statistics(t.Context(), model, version)
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]uint64{}
		for _, s := range statistics {
			out[s.GetName()+"/"+s.GetVersion()] = s.GetInferenceCount()
		}
		return out
	}
	for _, tt := range []struct {
		model, version string
		want           map[string]uint64
	}{
		{"", "", map[string]uint64{"a/1": 0, "a/2": 3, "b/1": 0}},
		{"a", "", map[string]uint64{"a/1": 0, "a/2": 3}},
		{"a", "2", map[string]uint64{"a/2": 3}},
	} {
		if diff := cmp.Diff(counts(tt.model, tt.version), tt.want); diff != "" {
			t.Errorf("model %q version %q: got (-), want (+):\n%s", tt.model, tt.version, diff)
		}
	}
}

func TestLoadAndUnload(t *testing.T) {
	server := tritontest.Start(t, tritontest.Model{Name: "a"}, tritontest.Model{Name: "b"})
	c := server.Client(t)
	index := func(readyOnly bool) []client.ModelState {
		index, err := c.RepositoryIndex(t.Context(), readyOnly)
		if err != nil {
			t.Fatal(err)
		}
		return index
	}
	ready := func(name string) client.ModelState {
		return client.ModelState{Name: name, Version: "1", State: client.StateReady}
	}

	if err := c.Unload(t.Context(), "a", client.UnloadOptions{Dependents: true}); err != nil {
		t.Fatal(err)
	}
	off := client.ModelState{Name: "a", Version: "1", State: client.StateUnavailable, Reason: "unloaded"}
	if diff := cmp.Diff(index(false), []client.ModelState{off, ready("b")}); diff != "" {
		t.Errorf("after unload: got (-), want (+):\n%s", diff)
	}
	if diff := cmp.Diff(index(true), []client.ModelState{ready("b")}); diff != "" {
		t.Errorf("ready after unload: got (-), want (+):\n%s", diff)
	}

	if err := c.Load(t.Context(), "a", client.LoadOptions{Config: &tritonpb.ModelConfig{MaxBatchSize: 7}}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(index(false), []client.ModelState{ready("a"), ready("b")}); diff != "" {
		t.Errorf("after load: got (-), want (+):\n%s", diff)
	}
	config, err := c.ModelConfig(t.Context(), "a", "")
	if err != nil || config.GetMaxBatchSize() != 7 {
		t.Errorf("got configuration %v, %v, want the one it was loaded with", config, err)
	}

	if err := c.Load(t.Context(), "nobody", client.LoadOptions{}); !errors.Is(err, client.ErrInternal) {
		t.Errorf("unknown model: got error %v, want one that is ErrInternal", err)
	}
	err = c.Load(t.Context(), "a", client.LoadOptions{Files: map[string][]byte{"1/model.onnx": nil}})
	if !errors.Is(err, client.ErrInvalidArgument) {
		t.Errorf("files without configuration: got error %v, want one that is ErrInvalidArgument", err)
	}
}
