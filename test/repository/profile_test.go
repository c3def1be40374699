package repository_test

import (
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"recsys/ensemble"
	"recsys/ensemble/ensembletest"
	"recsys/graph/exec"
	"recsys/onnx"
	"recsys/tensor"
	"recsys/test/triton"
)

// everything sets each setting that a server without a GPU can hold.
func everything(names []string, s *ensemble.Settings) error {
	s.ResponseCache = true
	s.MetricTags["team"] = "search"
	if names[0] == ensemble.EnsembleName {
		return nil
	}
	s.MaxBatchSize = 16
	s.InstanceGroup = ensemble.InstanceGroup{Kind: "KIND_CPU", Count: 1}
	s.DynamicBatching = &ensemble.DynamicBatching{
		PreferredBatchSizes: []int64{4, 8}, MaxQueueDelayMicroseconds: 10, PriorityLevels: 2, DefaultPriorityLevel: 2,
		QueuePolicy:         ensemble.QueuePolicy{TimeoutAction: "REJECT", DefaultTimeoutMicroseconds: 5e6, AllowTimeoutOverride: true, MaxQueueSize: 64},
		PriorityQueuePolicy: map[int64]ensemble.QueuePolicy{1: {TimeoutAction: "DELAY", MaxQueueSize: 8}},
	}
	s.GraphLevel = 1
	maps.Copy(s.Parameters, map[string]string{"intra_op_thread_count": "2", "enable_mem_arena": "1", "execution_mode": "0"})
	return nil
}

// TestProfilesOnTriton loads what the profiles write that a server without a GPU can load, and compares answers with those of the
// unfused stages in our engine. The models of gpu-tensorrt are told to run on the CPU.
func TestProfilesOnTriton(t *testing.T) {
	exports := map[string]ensemble.Options{
		"cpu":      {Profile: ensemble.ProfileCPU},
		"auto":     {Profile: ensemble.ProfileAuto, Fuse: ensemble.FuseAll},
		"tensorrt": {Profile: ensemble.ProfileTensorRT, MaxBatch: 8, Configure: everything},
		"external": {Profile: ensemble.ProfileCPU, Meta: onnx.Meta{External: 16}},
	}
	dir := t.TempDir()
	names := slices.Sorted(maps.Keys(exports))
	var want tensor.Map
	for _, name := range names {
		e, m, err := ensembletest.DenseShop(1)
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = unfused(t, e, shopRequest())
		}
		e.Name = name
		if _, err := ensemble.Write(t.Context(), dir, e, m, exports[name]); err != nil {
			t.Fatal(err)
		}
	}
	if files, err := filepath.Glob(filepath.Join(dir, "external_*", "1", "model.onnx.data")); err != nil || len(files) == 0 {
		t.Fatalf("no external data: %v %v", files, err)
	}
	server := triton.Start(t, dir, triton.Options{LoadModels: names, Args: []string{"--cache-config=local,size=1048576"}})
	c := connect(t, server)
	for _, name := range names {
		for range 2 { // the second answer is one from the cache, if the ensemble has one
			got, version, err := c.Infer(t.Context(), name, wire(shopRequest()), []string{"item_ids", "scores"})
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			compare(t, name, want, got)
			if version != "1" {
				t.Errorf("%s: version %q, want 1", name, version)
			}
		}
	}
	metrics := scrape(t, server.Metrics)
	for _, part := range []string{ // Triton puts "_" before the names of tags
		`nv_cache_num_hits_per_model{_ensemble="tensorrt",_stage="ensemble",_team="search",model="tensorrt",version="1"} 1`,
		`_stage="rank_dense",_team="search"`, `_ensemble="cpu"`, `_stage="all"`,
	} {
		if !strings.Contains(metrics, part) {
			t.Errorf("the metrics have no %q", part)
		}
	}
	if t.Failed() {
		t.Log(metrics)
	}
}

func shopRequest() tensor.Map {
	return tensor.Map{
		"user_id": tensor.Of([]int64{101, 100, 5}, 3), "likes": tensor.Of([]int64{1, 0, 2, 0, 0, 0, 3, 1, 1}, 3, 3),
		"blocked": tensor.Of([]uint8{8, 0, 0, 0, 255, 15}, 3, 2),
	}
}

// wire gives scalars the axis that they have on the wire.
func wire(in tensor.Map) tensor.Map {
	out := tensor.Map{}
	for name, x := range in {
		if x.Rank() == 1 {
			x, _ = x.Reshape(x.Dim(0), 1) // as many elements
		}
		out[name] = x
	}
	return out
}

func unfused(t *testing.T, e ensemble.Ensemble, in tensor.Map) tensor.Map {
	t.Helper()
	stages, err := e.Fuse(ensemble.FuseNone)
	if err != nil {
		t.Fatal(err)
	}
	tensors := maps.Clone(in)
	for _, s := range stages {
		p, err := exec.Compile(s.Graph, exec.Options{})
		if err != nil {
			t.Fatal(err)
		}
		own := tensor.Map{}
		for _, v := range s.Graph.Inputs {
			own[v.Name()] = tensors[v.Name()]
		}
		out, err := p.Run(t.Context(), own)
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(tensors, out)
	}
	return tensors
}

func compare(t *testing.T, name string, want, got tensor.Map) {
	t.Helper()
	if !got["item_ids"].Equal(want["item_ids"]) {
		t.Errorf("%s: item_ids are %v, want %v", name, got["item_ids"].Any(), want["item_ids"].Any())
	}
	scores := tensor.MustData[float32](got["scores"])
	for i, w := range tensor.MustData[float32](want["scores"]) {
		// Two engines add in another order: 1e-5 is some rounding errors of 2^-24 on scores below 1.
		if d := math.Abs(float64(scores[i]) - float64(w)); scores[i] != w && !(d <= 1e-5) {
			t.Errorf("%s: score %d is %v, want %v", name, i, scores[i], w)
		}
	}
}

func scrape(t *testing.T, address string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("http://%s/metrics", address), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Close = true // a kept connection would delay the server's end
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
