package client_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/client"
	"recsys/tensor"
	"recsys/test/triton"
)

// TestRealSharedMemory has tensors go to the server and come back through memory alone, over both protocols, and reads
// and changes settings of the same server.
func TestRealSharedMemory(t *testing.T) {
	s := triton.Start(t, repository(t), triton.Options{LoadModels: []string{"square"}})
	for name, target := range map[string]string{"gRPC": s.GRPC, "HTTP": "http://" + s.HTTP} {
		t.Run(name, func(t *testing.T) {
			c := dial(t, target)
			testShared(t, c, fmt.Sprintf("/recsys-test-%d-%s", os.Getpid(), name))
			testSettings(t, c)
		})
	}
}

func testShared(t *testing.T, c *client.Client, key string) {
	t.Helper()
	memory, err := client.NewSharedMemory(key, 100)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(memory.Close(), memory.Close()); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat("/dev/shm" + key); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("after Close: got error %v, want that the memory is gone", err)
		}
	}()
	if _, err := client.NewSharedMemory(key, 100); !errors.Is(err, os.ErrExist) {
		t.Errorf("a second time: got error %v, want one that is os.ErrExist", err)
	}
	if err := c.RegisterShared(t.Context(), "shop", key, 0, 100); err != nil {
		t.Fatal(err)
	}
	regions, err := c.SharedRegions(t.Context())
	want := map[string]client.Region{"shop": {Name: "shop", Key: key, Size: 100}}
	if diff := cmp.Diff(regions, want); diff != "" || err != nil {
		t.Errorf("error %v; got (-), want (+):\n%s", err, diff)
	}
	x, err := memory.Tensor(4, tensor.Float32, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	copy(tensor.MustData[float32](x), []float32{1, 2, 3, 4, 5, 6})
	result, err := c.Do(t.Context(), client.Request{
		Model: "square", Outputs: []string{"doubled"},
		SharedInputs:  map[string]client.SharedTensor{"x": {Region: "shop", Offset: 4, Size: 24, DType: tensor.Float32, Shape: []int{2, 3}}},
		SharedOutputs: map[string]client.SharedTensor{"squared": {Region: "shop", Offset: 36, Size: 48}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := tensor.Of([]float32{2, 4, 6, 8, 10, 12}, 2, 3); len(result.Outputs) != 1 || !result.Outputs["doubled"].Equal(want) {
		t.Errorf("got %v, want that sent outputs are doubled alone, %v", result.Outputs, want.Any())
	}
	wantShared := map[string]client.SharedTensor{"squared": {Region: "shop", Offset: 36, Size: 24, DType: tensor.Float32, Shape: []int{2, 3}}}
	if diff := cmp.Diff(result.Shared, wantShared); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
	squared, err := memory.Tensor(36, tensor.Float32, 2, 3)
	if err != nil {
		t.Fatal(err)
	}
	if want := tensor.Of([]float32{1, 4, 9, 16, 25, 36}, 2, 3); !squared.Equal(want) {
		t.Errorf("got %v in the memory, want %v", squared.Any(), want.Any())
	}
	for name, request := range map[string]client.Request{
		"unknown region": {SharedInputs: map[string]client.SharedTensor{"x": {Region: "toys", Size: 24, DType: tensor.Float32, Shape: []int{2, 3}}}},
		"another size":   {SharedInputs: map[string]client.SharedTensor{"x": {Region: "shop", Size: 20, DType: tensor.Float32, Shape: []int{2, 3}}}},
	} {
		request.Model, request.Outputs = "square", []string{"doubled"}
		if _, err := c.Do(t.Context(), request); !errors.Is(err, client.ErrInvalidArgument) && !errors.Is(err, client.ErrNotFound) {
			t.Errorf("%s: got error %v, want one about the request", name, err)
		}
	}
	if err := c.UnregisterShared(t.Context(), "shop"); err != nil {
		t.Error(err)
	}
	if regions, err := c.SharedRegions(t.Context()); err != nil || len(regions) != 0 {
		t.Errorf("afterwards: got %v, %v, want no region", regions, err)
	}
	if err := c.RegisterShared(t.Context(), "shop", "/recsys-nobody", 0, 8); !errors.Is(err, client.ErrInternal) {
		t.Errorf("memory that is not there: got error %v, want one that is ErrInternal", err)
	}
	if regions, err := c.CUDARegions(t.Context()); err != nil || len(regions) != 0 {
		t.Errorf("got %v, %v, want no memory of a GPU", regions, err)
	}
	if err := c.RegisterCUDA(t.Context(), "gpu", make([]byte, 64), 0, 8); err == nil {
		t.Error("a handle of no GPU: got no error")
	}
}

func testSettings(t *testing.T, c *client.Client) {
	t.Helper()
	trace := func(model string) map[string][]string {
		got, err := c.TraceSettings(t.Context(), model)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	before := trace("square")
	if err := c.SetTraceSettings(t.Context(), "square", map[string][]string{"trace_count": {"7"}, "trace_rate": {"500"}}); err != nil {
		t.Fatal(err)
	}
	want := maps.Clone(before)
	want["trace_count"], want["trace_rate"] = []string{"7"}, []string{"500"}
	if diff := cmp.Diff(trace("square"), want); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
	if diff := cmp.Diff(trace(""), before); diff != "" {
		t.Errorf("those of all models have changed: got (-), want (+):\n%s", diff)
	}
	if err := c.SetTraceSettings(t.Context(), "square", map[string][]string{"trace_count": nil, "trace_rate": nil}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(trace("square"), before); diff != "" {
		t.Errorf("after they were taken back: got (-), want (+):\n%s", diff)
	}
	for _, level := range []uint32{1, 0} {
		if err := c.SetLogSettings(t.Context(), map[string]any{"log_verbose_level": level}); err != nil {
			t.Fatal(err)
		}
		got, err := c.LogSettings(t.Context())
		if err != nil || got["log_verbose_level"] != level || got["log_info"] != true || got["log_format"] != "default" {
			t.Errorf("got log settings %v, %v, want the level %d", got, err, level)
		}
	}
	if err := c.SetLogSettings(t.Context(), map[string]any{"log_info": 1}); !errors.Is(err, client.ErrInvalidArgument) {
		t.Errorf("an int: got error %v, want one that is ErrInvalidArgument", err)
	}
	if before["trace_level"] == nil {
		t.Errorf("got the settings %v, want a level among them", before)
	}
}
