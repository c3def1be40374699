package client_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/prototext"

	"recsys/client"
	"recsys/client/tritonpb"
	"recsys/tensor"
	"recsys/test/triton"
)

// TestRealTriton shares one server among its cases, which only read; the next tests have their own. Both protocols have to
// do the same.
func TestRealTriton(t *testing.T) {
	s, overGRPC := connect(t, "identity", "square")
	for name, c := range map[string]*client.Client{"gRPC": overGRPC, "HTTP": dial(t, "http://"+s.HTTP)} {
		t.Run(name, func(t *testing.T) {
			if err := c.WaitReady(t.Context(), "identity", "square", "add"); err != nil {
				t.Fatal(err)
			}
			t.Run("every type", func(t *testing.T) { testTypes(t, c) })
			t.Run("ensemble", func(t *testing.T) { testEnsemble(t, c) })
			t.Run("errors", func(t *testing.T) { testErrors(t, c, name) })
			t.Run("timeout", func(t *testing.T) { testTimeout(t, c) })
			t.Run("large message", func(t *testing.T) { testLarge(t, c) })
			t.Run("metadata", func(t *testing.T) { testMetadata(t, c) })
			t.Run("statistics", func(t *testing.T) { testStatistics(t, c) })
			t.Run("readiness", func(t *testing.T) { testReadiness(t, c) })
			t.Run("into", func(t *testing.T) { testInto(t, c) })
		})
	}
	t.Run("stream", func(t *testing.T) { testStream(t, overGRPC) })
	t.Run("checks", func(t *testing.T) { testChecks(t, s) })
	t.Run("metrics", func(t *testing.T) { testMetrics(t, s, overGRPC) })
	t.Run("compression", func(t *testing.T) { testCompression(t, s) })
}

// testCompression has requests packed, and over HTTP the answers too.
func testCompression(t *testing.T, s *triton.Server) {
	t.Helper()
	for _, target := range []string{s.GRPC, "http://" + s.HTTP} {
		testTypes(t, dial(t, target, client.WithGzip()))
	}
}

// testStream has one answer of a model that is not decoupled, and a code of an error.
func testStream(t *testing.T, c *client.Client) {
	t.Helper()
	request := client.Request{Model: "square", Inputs: tensor.Map{"x": tensor.Of([]float32{1, 2, 3}, 1, 3)}, Outputs: []string{"doubled"}}
	n := 0
	for result, err := range c.Stream(t.Context(), request) {
		if err != nil {
			t.Fatal(err)
		}
		n++
		if want := tensor.Of([]float32{2, 4, 6}, 1, 3); !result.Outputs["doubled"].Equal(want) {
			t.Errorf("got %v, want %v", result.Outputs["doubled"].Any(), want.Any())
		}
	}
	if n != 1 {
		t.Errorf("got %d answers, want 1", n)
	}
	request.Model = "nobody"
	for _, err := range c.Stream(t.Context(), request) {
		if !errors.Is(err, client.ErrNotFound) {
			t.Errorf("unknown model: got error %v, want one that is ErrNotFound", err)
		}
	}
}

// testChecks takes what the server takes and refuses what it refuses.
func testChecks(t *testing.T, s *triton.Server) {
	t.Helper()
	c, err := client.New(t.Context(), s.GRPC, client.WithChecks())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	for size, want := range map[int]string{3: "", 4: "shape [1,4], the model wants [-1,3]"} {
		_, _, err = c.Infer(t.Context(), "square", tensor.Map{"x": tensor.Zeros(tensor.Float32, 1, size)}, []string{"doubled"})
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("got error %v, want %q", err, want)
		}
	}
}

// testInto decodes into the tensors of the last answer.
func testInto(t *testing.T, c *client.Client) {
	t.Helper()
	x := []float32{1, 2, 3}
	request := client.Request{Model: "square", Inputs: tensor.Map{"x": tensor.Of(x, 1, 3)}, Outputs: []string{"doubled"}}
	first, err := c.Do(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	x[0], request.Into = 5, first.Outputs
	second, err := c.Do(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	if want := tensor.Of([]float32{10, 4, 6}, 1, 3); second.Outputs["doubled"] != first.Outputs["doubled"] || !first.Outputs["doubled"].Equal(want) {
		t.Errorf("got %v in another tensor, or not %v", second.Outputs["doubled"].Any(), want.Any())
	}
}

func testTypes(t *testing.T, c *client.Client) {
	t.Helper()
	values := tensor.Map{
		"bool":    tensor.Of([]bool{true, false, false, true}, 2, 2),
		"uint8":   tensor.Of([]uint8{0, 1, 127, math.MaxUint8}, 2, 2),
		"uint16":  tensor.Of([]uint16{0, 1, 255, math.MaxUint16}, 2, 2),
		"uint32":  tensor.Of([]uint32{0, 1, 1 << 31, math.MaxUint32}, 2, 2),
		"uint64":  tensor.Of([]uint64{0, 1, 1 << 63, math.MaxUint64}, 2, 2),
		"int8":    tensor.Of([]int8{math.MinInt8, -1, 0, math.MaxInt8}, 2, 2),
		"int16":   tensor.Of([]int16{math.MinInt16, -1, 0, math.MaxInt16}, 2, 2),
		"int32":   tensor.Of([]int32{math.MinInt32, -1, 0, math.MaxInt32}, 2, 2),
		"int64":   tensor.Of([]int64{tensor.NullInt64, -1, 0, math.MaxInt64}, 2, 2),
		"float16": tensor.Of([]tensor.F16{0, 0x3c00, 0x7c00, 0xfc00}, 2, 2),
		"float32": tensor.Of([]float32{0, float32(math.NaN()), float32(math.Inf(-1)), math.SmallestNonzeroFloat32}, 2, 2),
		"float64": tensor.Of([]float64{0, math.NaN(), math.Inf(1), math.MaxFloat64}, 2, 2),
		"string":  tensor.Of([]string{"", "a", "naïve café", "日本"}, 2, 2),
	}
	in, want, outputs := tensor.Map{}, tensor.Map{}, make([]string, 0, len(types))
	for _, name := range types {
		in["x_"+name], want["y_"+name] = values[name], values[name]
		outputs = append(outputs, "y_"+name)
	}
	got, version, err := c.Infer(t.Context(), "identity", in, outputs)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(got, want); diff != "" || version != "1" {
		t.Errorf("version %q; got (-), want (+):\n%s", version, diff)
	}
}

func testEnsemble(t *testing.T, c *client.Client) {
	t.Helper()
	x := tensor.Map{"x": tensor.Of([]float32{1, 2, 3, 4, 5, 6}, 2, 3)}
	result, err := c.Do(t.Context(), client.Request{
		Model: "square", ID: "r-1", Inputs: x, Outputs: []string{"squared"}, Parameters: map[string]any{"tenant": "shop"},
	})
	if err != nil {
		t.Fatal(err)
	}
	// An output that is not named does not come, and the version is the ensemble's own.
	want := client.Result{
		Model: "square", Version: "7", ID: "r-1",
		Outputs: tensor.Map{"squared": tensor.Of([]float32{1, 4, 9, 16, 25, 36}, 2, 3)},
	}
	result.Parameters = nil // Triton's own
	if diff := cmp.Diff(result, want); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
}

func testErrors(t *testing.T, c *client.Client, protocol string) {
	t.Helper()
	noNumber := client.ErrInvalidArgument
	if protocol == "HTTP" {
		noNumber = client.ErrNotFound // as part of a path that the server does not know
	}
	x := func(t *tensor.Tensor) tensor.Map { return tensor.Map{"a": t, "b": t} }
	good := x(tensor.Zeros(tensor.Float32, 1, 3))
	tests := []struct {
		name    string
		request client.Request
		want    error
	}{
		{"unknown model", client.Request{Model: "nobody", Inputs: good, Outputs: []string{"sum"}}, client.ErrNotFound},
		{"unknown version", client.Request{Model: "add", Version: "9", Inputs: good, Outputs: []string{"sum"}}, client.ErrNotFound},
		{"version no number", client.Request{Model: "add", Version: "x", Inputs: good, Outputs: []string{"sum"}}, noNumber},
		{"unknown output", client.Request{Model: "add", Inputs: good, Outputs: []string{"nothing"}}, client.ErrInvalidArgument},
		{"unknown input", client.Request{Model: "add", Inputs: tensor.Map{"c": good["a"]}, Outputs: []string{"sum"}}, client.ErrInvalidArgument},
		{"missing input", client.Request{Model: "add", Inputs: tensor.Map{"a": good["a"]}, Outputs: []string{"sum"}}, client.ErrInvalidArgument},
		{"wrong type", client.Request{Model: "add", Inputs: x(tensor.Zeros(tensor.Int64, 1, 3)), Outputs: []string{"sum"}}, client.ErrInvalidArgument},
		{"wrong shape", client.Request{Model: "add", Inputs: x(tensor.Zeros(tensor.Float32, 1, 4)), Outputs: []string{"sum"}}, client.ErrInvalidArgument},
		{"batch too large", client.Request{Model: "add", Inputs: x(tensor.Zeros(tensor.Float32, 9, 3)), Outputs: []string{"sum"}}, client.ErrInvalidArgument},
		{"empty batch", client.Request{Model: "add", Inputs: x(tensor.Zeros(tensor.Float32, 0, 3)), Outputs: []string{"sum"}}, client.ErrInvalidArgument},
		{"nothing wrong", client.Request{Model: "add", Version: "2", Inputs: good, Outputs: []string{"sum"}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := c.Do(t.Context(), tt.request)
			if !errors.Is(err, tt.want) {
				t.Errorf("got error %v, want %v", err, tt.want)
			}
			t.Log(err)
		})
	}
}

// testTimeout gives a call too little time and sees that the server, and the client, are well after it.
func testTimeout(t *testing.T, c *client.Client) {
	t.Helper()
	in := tensor.Map{"x": tensor.Zeros(tensor.Float32, 1, 3)}
	for range 20 {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		_, _, err := c.Infer(ctx, "square", in, []string{"doubled"})
		cancel()
		if err != nil && !errors.Is(err, client.ErrDeadline) {
			t.Errorf("got error %v, want none or one that is ErrDeadline", err)
		}
	}
	if _, _, err := c.Infer(t.Context(), "square", in, []string{"doubled"}); err != nil {
		t.Errorf("after calls without time: %v", err)
	}
}

// testLarge sends and receives 8 MiB, more than gRPC's own limit.
func testLarge(t *testing.T, c *client.Client) {
	t.Helper()
	in, out := tensor.Map{}, "y_float64"
	for _, name := range types {
		dtype, err := tensor.ParseDType(name)
		if err != nil {
			t.Fatal(err)
		}
		in["x_"+name] = tensor.Zeros(dtype, 8, 1)
	}
	in["x_float64"] = tensor.Zeros(tensor.Float64, 8, 128<<10)
	got, _, err := c.Infer(t.Context(), "identity", in, []string{out})
	if err != nil {
		t.Fatal(err)
	}
	if !got[out].Equal(in["x_float64"]) {
		t.Errorf("got %v, want the input", got[out])
	}
}

func testMetadata(t *testing.T, c *client.Client) {
	t.Helper()
	got, err := c.ModelMetadata(t.Context(), "square", "")
	if err != nil {
		t.Fatal(err)
	}
	want := client.ModelMetadata{
		Name: "square", Versions: []string{"7"}, Platform: "ensemble",
		Inputs: []client.TensorMetadata{{Name: "x", DType: tensor.Float32, Shape: []int{-1, 3}}},
		Outputs: []client.TensorMetadata{
			{Name: "doubled", DType: tensor.Float32, Shape: []int{-1, 3}},
			{Name: "squared", DType: tensor.Float32, Shape: []int{-1, 3}},
		},
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
	config, err := c.ModelConfig(t.Context(), "add", "1")
	if err != nil || config.GetBackend() != "onnxruntime" || config.GetMaxBatchSize() != 8 || len(config.GetInput()) != 2 {
		t.Errorf("got configuration %v, %v", config, err)
	}
	server, err := c.ServerMetadata(t.Context())
	if err != nil || server.Name != "triton" || !slices.Contains(server.Extensions, "model_repository") {
		t.Errorf("got server %+v, %v", server, err)
	}
}

func testStatistics(t *testing.T, c *client.Client) {
	t.Helper()
	count := func() uint64 {
		statistics, err := c.Statistics(t.Context(), "add", "1")
		if err != nil || len(statistics) != 1 {
			t.Fatalf("got %v, %v, want one version", statistics, err)
		}
		return statistics[0].GetInferenceStats().GetSuccess().GetCount()
	}
	before := count()
	if _, _, err := c.Infer(t.Context(), "square", tensor.Map{"x": tensor.Zeros(tensor.Float32, 2, 3)}, []string{"doubled"}); err != nil {
		t.Fatal(err)
	}
	// A stage is counted when its backend has finished, which may be after the ensemble's answer.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for count() == before {
		if ctx.Err() != nil {
			t.Fatal("the ensemble's stage has no more successes than before")
		}
	}
}

func testReadiness(t *testing.T, c *client.Client) {
	t.Helper()
	for name, want := range map[string]error{"add": nil, "square": nil, "nobody": client.ErrUnavailable} {
		if err := c.Ready(t.Context(), name); !errors.Is(err, want) {
			t.Errorf("%s: got error %v, want %v", name, err, want)
		}
	}
	if ready, err := c.ModelReady(t.Context(), "add", "2"); !ready || err != nil {
		t.Errorf("add 2: got %v, %v, want ready", ready, err)
	}
	if ready, err := c.ModelReady(t.Context(), "add", "9"); ready || err != nil {
		t.Errorf("add 9: got %v, %v, want not ready", ready, err)
	}
	if live, err := c.ServerLive(t.Context()); !live || err != nil {
		t.Errorf("got live %v, %v", live, err)
	}
}

// TestRealRepository loads and unloads, and loses its server at the end.
func TestRealRepository(t *testing.T) {
	s, c := connect(t)
	for name, c := range map[string]*client.Client{"gRPC": c, "HTTP": dial(t, "http://"+s.HTTP)} {
		t.Run(name, func(t *testing.T) { testRepository(t, c) })
	}
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*client.Client{c, dial(t, "http://"+s.HTTP)} {
		if _, err := c.ServerReady(t.Context()); !errors.Is(err, client.ErrUnavailable) {
			t.Errorf("stopped: got error %v, want one that is ErrUnavailable", err)
		}
	}
}

func testRepository(t *testing.T, c *client.Client) {
	t.Helper()
	ctx := t.Context()
	if err := c.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
	ready := func() []string {
		index, err := c.RepositoryIndex(ctx, true)
		if err != nil {
			t.Fatal(err)
		}
		names := make([]string, 0, len(index))
		for _, m := range index {
			names = append(names, m.Name+"/"+m.Version)
		}
		slices.Sort(names)
		return names
	}

	if err := c.Load(ctx, "square", client.LoadOptions{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(ready(), []string{"add/1", "add/2", "square/7"}); diff != "" {
		t.Errorf("an ensemble brings its models: got (-), want (+):\n%s", diff)
	}
	testOverride(t, c)

	if err := c.Unload(ctx, "square", client.UnloadOptions{Dependents: true}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); len(ready()) != 0 && time.Now().Before(deadline); {
		continue // unloading ends after the call's answer; each look takes a millisecond
	}
	if diff := cmp.Diff(ready(), []string{}); diff != "" {
		t.Errorf("after unloading: got (-), want (+):\n%s", diff)
	}
	if err := c.Ready(ctx, "extra"); err != nil { // which the index leaves out, as its files are not in the repository
		t.Errorf("another model: %v", err)
	}
	_, _, err := c.Infer(ctx, "square", tensor.Map{"x": tensor.Zeros(tensor.Float32, 1, 3)}, []string{"doubled"})
	if !errors.Is(err, client.ErrNotFound) {
		t.Errorf("unloaded: got error %v, want one that is ErrNotFound", err)
	}
	if err := c.Load(ctx, "nobody", client.LoadOptions{}); !errors.Is(err, client.ErrInternal) {
		t.Errorf("loading a model that the repository lacks: got error %v, want one that is ErrInternal", err)
	}
	if err := c.Unload(ctx, "extra", client.UnloadOptions{}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); c.Ready(ctx, "extra") == nil && time.Now().Before(deadline); {
		continue // see above
	}
}

// testOverride loads a model that the repository does not hold: configuration and file travel with the call.
func testOverride(t *testing.T, c *client.Client) {
	t.Helper()
	const text = `
backend: "onnxruntime"
max_batch_size: 4
input { name: "a" data_type: TYPE_FP32 dims: 3 }
input { name: "b" data_type: TYPE_FP32 dims: 3 }
output { name: "sum" data_type: TYPE_FP32 dims: 3 }
instance_group { kind: KIND_CPU count: 1 }
version_policy { specific { versions: 3 } }
parameters { key: "intra_op_thread_count" value { string_value: "1" } }
`
	var config tritonpb.ModelConfig
	if err := prototext.Unmarshal([]byte(text), &config); err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{"3/model.onnx": onnx(t, "add.onnx")}
	if err := c.Load(t.Context(), "extra", client.LoadOptions{Config: &config, Files: files}); err != nil {
		t.Fatal(err)
	}
	a := tensor.Of([]float32{1, 2, 3}, 1, 3)
	got, version, err := c.Infer(t.Context(), "extra", tensor.Map{"a": a, "b": a}, []string{"sum"})
	if err != nil {
		t.Fatal(err)
	}
	if want := tensor.Of([]float32{2, 4, 6}, 1, 3); version != "3" || !got["sum"].Equal(want) {
		t.Errorf("got version %s, %v, want 3, %v", version, got["sum"].Any(), want.Any())
	}
}

// testMetrics reads the metrics of the server, and sees an inference counted.
func testMetrics(t *testing.T, s *triton.Server, c *client.Client) {
	t.Helper()
	count := func() float64 {
		metrics, err := client.ScrapeMetrics(t.Context(), "http://"+s.Metrics+"/metrics")
		if err != nil {
			t.Fatal(err)
		}
		sum, series := metrics.Sum("nv_inference_request_success", "model", "square")
		if series == 0 {
			t.Error("got no series of the model")
		}
		for _, m := range metrics {
			if m.Kind == "" {
				t.Errorf("%s has no kind", m.Name)
			}
		}
		return sum
	}
	before := count()
	if _, _, err := c.Infer(t.Context(), "square", tensor.Map{"x": tensor.Zeros(tensor.Float32, 1, 3)}, []string{"doubled"}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for count() != before+1 { // which is counted after the answer
		if ctx.Err() != nil {
			t.Fatalf("got %v successes, want one more than %v", count(), before)
		}
	}
}
