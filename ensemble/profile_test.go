package ensemble_test

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"recsys/ensemble"
	"recsys/ensemble/ensembletest"
	"recsys/graph"
	"recsys/onnx"
	"recsys/tensor"
)

func denseEnsemble(t *testing.T) ensemble.Ensemble {
	t.Helper()
	e, _, err := ensembletest.DenseShop(1)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// TestProfiles keeps the configuration of every model of every profile and fusing in a golden file.
func TestProfiles(t *testing.T) {
	for _, profile := range ensemble.Profiles() {
		for _, fuse := range []ensemble.Fuse{ensemble.FuseNone, ensemble.FuseGroups, ensemble.FuseAll} {
			t.Run(string(profile)+"/"+string(fuse), func(t *testing.T) {
				dir := t.TempDir()
				x, err := ensemble.Write(t.Context(), dir, denseEnsemble(t), shopManifest(), ensemble.Options{Fuse: fuse, Profile: profile, MaxBatch: 8})
				if profile == ensemble.ProfileTensorRT && fuse == ensemble.FuseAll {
					if err == nil || !strings.Contains(err.Error(), "fuse groups or none") {
						t.Fatalf("got error %v, want one that says how to fuse", err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				clean(t, dir)
				var all bytes.Buffer
				for _, s := range x.Steps {
					text, err := os.ReadFile(filepath.Join(dir, s.Model, ensemble.ConfigFile))
					if err != nil {
						t.Fatal(err)
					}
					fmt.Fprintf(&all, "# %s\n%s\n", s.Model, text)
				}
				golden(t, fmt.Sprintf("profile_%s_%s.pbtxt", profile, fuse), all.Bytes())
			})
		}
	}
}

// answers runs an exported ensemble model by model.
func answers(t *testing.T, dir string, x *ensemble.Export, in tensor.Map) tensor.Map {
	t.Helper()
	tensors := maps.Clone(in)
	for _, s := range x.Steps {
		g, err := onnx.Read(filepath.Join(dir, s.Model, fmt.Sprint(s.Version), ensemble.DefaultModelFile))
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(tensors, evaluate(t, g, tensors))
	}
	return tensors
}

func shopRequest() tensor.Map {
	return tensor.Map{
		"user_id": tensor.Of([]int64{101, 100, 5}, 3), "likes": tensor.Of([]int64{1, 0, 2, 0, 0, 0, 3, 1, 1}, 3, 3),
		"blocked": tensor.Of([]uint8{8, 0, 0, 0, 255, 15}, 3, 2),
	}
}

// TestTensorRTKeepsTheAnswer cuts the ranker's layers out: the models are other ones, their numbers the same.
func TestTensorRTKeepsTheAnswer(t *testing.T) {
	plain := t.TempDir()
	want := answers(t, plain, export(t, plain, denseEnsemble(t), ensemble.Options{Fuse: ensemble.FuseNone}), shopRequest())
	for fuse, models := range map[ensemble.Fuse][]string{
		ensemble.FuseNone: {
			"shop_features", "shop_query", "shop_retrieve", "shop_filter", "shop_lookup", "shop_rank_embed", "shop_rank_dense", "shop_order",
		},
		ensemble.FuseGroups: {"shop_prep", "shop_recall", "shop_rank_embed", "shop_rank_dense", "shop_score_rest"},
	} {
		dir := t.TempDir()
		x := export(t, dir, denseEnsemble(t), ensemble.Options{Fuse: fuse, Profile: ensemble.ProfileTensorRT})
		var names []string
		for _, s := range x.Steps {
			names = append(names, s.Model)
		}
		if !slices.Equal(names, models) {
			t.Errorf("fuse %s: models %v, want %v", fuse, names, models)
		}
		got := answers(t, dir, x, shopRequest())
		for _, name := range []string{"item_ids", "scores", "explain_like"} {
			if !got[name].Equal(want[name]) {
				t.Errorf("fuse %s: %s is %v, uncut %v", fuse, name, got[name].Any(), want[name].Any())
			}
		}
	}
}

func TestTensorRTWantsADensePart(t *testing.T) {
	_, err := ensemble.Write(t.Context(), t.TempDir(), shopEnsemble(t, 1), shopManifest(), ensemble.Options{Profile: ensemble.ProfileTensorRT})
	if err == nil || !strings.Contains(err.Error(), "export with profile gpu") {
		t.Errorf("got error %v, want one that names the profile to take", err)
	}
}

func TestConfigure(t *testing.T) {
	var asked [][]string
	dir := t.TempDir()
	x := export(t, dir, denseEnsemble(t), ensemble.Options{
		Profile: ensemble.ProfileTensorRT, MaxBatch: 4,
		Configure: func(names []string, s *ensemble.Settings) error {
			asked = append(asked, names)
			switch names[len(names)-1] {
			case "recall":
				s.InstanceGroup.Count, s.MaxBatchSize, s.Warmup, s.ResponseCache = 2, 16, false, true
				s.DynamicBatching.MaxQueueDelayMicroseconds = 50
			case "rank_dense":
				s.GPUAccelerators[0].Parameters = map[string]string{"precision_mode": "FP16"}
			case ensemble.EnsembleName:
				s.ResponseCache = true
			}
			return nil
		},
	})
	want := [][]string{{"prep"}, {"recall"}, {"score", "rank_embed"}, {"score", "rank", "rank_dense"}, {"score", "score_rest"}, {"ensemble"}}
	if !slices.EqualFunc(asked, want, slices.Equal) {
		t.Errorf("asked for %v, want %v", asked, want)
	}
	asked = nil
	export(t, t.TempDir(), denseEnsemble(t), ensemble.Options{
		Profile: ensemble.ProfileTensorRT, Fuse: ensemble.FuseNone,
		Configure: func(names []string, _ *ensemble.Settings) error {
			asked = append(asked, names)
			return nil
		},
	})
	want = [][]string{
		{"prep", "features"},
		{"prep", "query"},
		{"recall", "retrieve"},
		{"recall", "filter"},
		{"score", "lookup"},
		{"score", "rank", "rank_embed"},
		{"score", "rank", "rank_dense"},
		{"score", "order"},
		{"ensemble"},
	}
	if !slices.EqualFunc(asked, want, slices.Equal) {
		t.Errorf("fuse none: asked for %v, want %v", asked, want)
	}
	findings, err := ensemble.Validate(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range findings { // what was asked for gives warnings
		if f.Severity() == ensemble.SeverityError {
			t.Error(f)
		}
	}
	files := tree(t, dir)
	for path, parts := range map[string][]string{
		"shop/config.pbtxt":            {"response_cache { enable: true }"},
		"shop_recall/config.pbtxt":     {"max_batch_size: 16", "count: 2", "max_queue_delay_microseconds: 50", "response_cache { enable: true }"},
		"shop_rank_dense/config.pbtxt": {`value: "FP16"`, `value: "rank_dense_0:4x4,item_price:4x6"`, `"trt_engine_cache_path" value: "/models-cache"`},
	} {
		for _, part := range parts {
			if !strings.Contains(files[path], part) {
				t.Errorf("%s has no %q:\n%s", path, part, files[path])
			}
		}
	}
	if strings.Contains(files["shop_recall/config.pbtxt"], "model_warmup") {
		t.Error("a warm-up that was switched off is there")
	}
	if m := x.Memory[1]; m.Model != "shop_recall" || m.Instances != 2 || m.MaxBatch != 16 || m.Total() != 2*(m.Weights+m.Full) {
		t.Errorf("memory of recall: %+v", m)
	}
}

func TestConfigureErrors(t *testing.T) {
	policy := func(p ensemble.QueuePolicy) *ensemble.DynamicBatching {
		return &ensemble.DynamicBatching{QueuePolicy: p}
	}
	tests := []struct {
		name   string
		change func(s *ensemble.Settings)
		want   string
	}{
		{"batch", func(s *ensemble.Settings) { s.MaxBatchSize = 2 }, "max_batch_size: 2 is below the ensemble's 8"},
		{"kind", func(s *ensemble.Settings) { s.InstanceGroup.Kind = "GPU" }, `kind: got "GPU", want KIND_AUTO, KIND_CPU or KIND_GPU`},
		{"count", func(s *ensemble.Settings) { s.InstanceGroup.Count = 0 }, "count: 0 has to be 1 or more"},
		{"gpus", func(s *ensemble.Settings) {
			s.InstanceGroup = ensemble.InstanceGroup{Kind: "KIND_CPU", Count: 1, GPUs: []int64{0}}
		}, "gpus: KIND_CPU has none"},
		{"level", func(s *ensemble.Settings) { s.GraphLevel = 3 }, "graph_level: got 3"},
		{"parameter", func(s *ensemble.Settings) { s.Parameters["intra_op_threads_count"] = "2" }, `no "intra_op_threads_count"; did you mean "intra_op_thread_count"?`},
		{"accelerator", func(s *ensemble.Settings) { s.GPUAccelerators[0].Name = "rocm" }, `got "rocm", want tensorrt or cuda`},
		{"tensorrt", func(s *ensemble.Settings) {
			s.GPUAccelerators = []ensemble.Accelerator{{Name: "tensorrt", Parameters: map[string]string{"trt_engine_cache": "1"}}}
		}, `tensorrt has no parameter "trt_engine_cache"; did you mean`},
		{"cuda", func(s *ensemble.Settings) { s.GPUAccelerators[0].Parameters["gpu_mem_limit"] = "1" }, `"gpu_mem_limit" has no effect here`},
		{"cpu accelerator", func(s *ensemble.Settings) { s.CPUAccelerators = []ensemble.Accelerator{{Name: "xnnpack"}} }, "want openvino without any"},
		{"preferred", func(s *ensemble.Settings) { s.DynamicBatching.PreferredBatchSizes = []int64{9} }, "preferred_batch_size: 9 is not from 1 to max_batch_size, which is 8"},
		{"delay", func(s *ensemble.Settings) { s.DynamicBatching.MaxQueueDelayMicroseconds = -1 }, "max_queue_delay_microseconds: -1"},
		{"priority", func(s *ensemble.Settings) { s.DynamicBatching.PriorityLevels = 2 }, "default_priority_level: got 0, want one from 1 to priority_levels, which is 2"},
		{"level's policy", func(s *ensemble.Settings) {
			s.DynamicBatching.PriorityQueuePolicy = map[int64]ensemble.QueuePolicy{1: {}}
		}, "level 1 is not from 1 to priority_levels, which is 0"},
		{"action", func(s *ensemble.Settings) { s.DynamicBatching = policy(ensemble.QueuePolicy{TimeoutAction: "DROP"}) }, `timeout_action: got "DROP"`},
		{"timeout", func(s *ensemble.Settings) { s.DynamicBatching = policy(ensemble.QueuePolicy{MaxQueueSize: -1}) }, "have to be 0 or more"},
		{"override", func(s *ensemble.Settings) {
			s.DynamicBatching = policy(ensemble.QueuePolicy{AllowTimeoutOverride: true})
		}, "requests can only shorten"},
		{"cache", func(s *ensemble.Settings) { s.ResponseCache, s.DynamicBatching.PreserveOrdering = true, true }, "leave preserve_ordering out"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := ensemble.Write(t.Context(), dir, shopEnsemble(t, 1), shopManifest(), ensemble.Options{
				MaxBatch: 8, Configure: func(names []string, s *ensemble.Settings) error {
					if names[0] == "recall" {
						tt.change(s)
					}
					return nil
				},
			})
			if err == nil || !strings.Contains(err.Error(), `stage "recall": `) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one of recall with %q", err, tt.want)
			}
			if files := tree(t, dir); len(files) > 1 { // the lock
				t.Errorf("a failed export left %v", paths(files))
			}
		})
	}
	t.Run("ensemble", func(t *testing.T) {
		_, err := ensemble.Write(t.Context(), t.TempDir(), shopEnsemble(t, 1), shopManifest(), ensemble.Options{
			Configure: func(names []string, s *ensemble.Settings) error {
				s.Warmup = names[0] == ensemble.EnsembleName || s.Warmup
				return nil
			},
		})
		if err == nil || !strings.Contains(err.Error(), "an ensemble has response_cache and metric_tags alone") {
			t.Errorf("got error %v", err)
		}
	})
}

// TestMaxBatchFitsMemory checks the estimate by hand: the retrieval of the shop has 9 scores for each user and so on.
func TestMaxBatchFitsMemory(t *testing.T) {
	b := graph.NewBuilder("double")
	x := b.Input("user_id", tensor.Int64, graph.Shape{graph.Sym(ensemble.BatchDim)})
	y := b.Cast(x, tensor.Float32)
	b.Output("item_ids", b.Add(x, x))
	b.Output("scores", b.Add(y, b.Const("w", tensor.Zeros(tensor.Float32, 1))))
	g, err := b.Build()
	if err != nil {
		t.Fatal(err)
	}
	e := ensemble.Ensemble{
		Name: "shop", Outputs: []string{"item_ids", "scores"},
		Groups: []ensemble.Group{{Name: "all", Stages: []ensemble.Stage{{Name: "all", Graph: g}}}},
	}
	m := shopManifest()
	m.Inputs = m.Inputs[2:]
	m.Defaults = nil
	// For each user: the id with 8 bytes, its float with 4, the doubled id with 8 and the score with 4; when the score is made, the id
	// is not needed any more.
	const one = 20
	for _, tt := range []struct {
		memory int64
		batch  int
	}{{one, 1}, {2*one - 1, 1}, {2 * one, 2}, {17 * one, 16}, {64 * one, 64}, {0, 64}} {
		x, err := ensemble.Write(t.Context(), t.TempDir(), e, m, ensemble.Options{Memory: tt.memory})
		if err != nil {
			t.Fatal(err)
		}
		got := x.Memory[0]
		want := ensemble.Memory{Model: "shop_all", Weights: 4, One: one, Full: one * int64(tt.batch), MaxBatch: tt.batch, Instances: 1}
		if got != want || x.MaxBatch != tt.batch {
			t.Errorf("memory %d: max batch %d, estimate %+v; want %+v", tt.memory, x.MaxBatch, got, want)
		}
	}
	if _, err := ensemble.Write(t.Context(), t.TempDir(), e, m, ensemble.Options{Memory: one - 1}); err == nil ||
		!strings.Contains(err.Error(), "for one user take 20 bytes, memory is 19") {
		t.Errorf("got error %v", err)
	}
}

// TestMaxBatchStays exports again with more and with less memory: models of another batch would get other names.
func TestMaxBatchStays(t *testing.T) {
	dir := t.TempDir()
	if x := export(t, dir, shopEnsemble(t, 1), ensemble.Options{MaxBatch: 24}); x.MaxBatch != 24 {
		t.Fatalf("max batch %d, want 24", x.MaxBatch)
	}
	x := export(t, dir, shopEnsemble(t, 2), ensemble.Options{})
	if want := []string{"shop_prep 2", "shop_recall 2", "shop_score 2"}; !slices.Equal(pins(x), want) || x.MaxBatch != 24 {
		t.Errorf("max batch %d, pins %v; want 24, %v", x.MaxBatch, pins(x), want)
	}
	need := int64(0)
	for _, m := range x.Memory {
		need += m.Full
	}
	if x = export(t, dir, shopEnsemble(t, 3), ensemble.Options{Memory: need - 1}); x.MaxBatch != 16 {
		t.Errorf("max batch %d with a byte less than 24 users need, want 16", x.MaxBatch)
	}
}

func TestChecksums(t *testing.T) {
	dir := t.TempDir()
	o := ensemble.Options{Configure: func(_ []string, s *ensemble.Settings) error {
		s.Checksums = s.Warmup // not the ensemble
		return nil
	}}
	export(t, dir, shopEnsemble(t, 1), o)
	export(t, dir, shopEnsemble(t, 2), o)
	c, err := ensemble.ReadConfig(filepath.Join(dir, "shop_recall", ensemble.ConfigFile))
	if err != nil {
		t.Fatal(err)
	}
	sums := c.Agents[0].Parameters
	a, b := sums["MD5:1/model.onnx"], sums["MD5:2/model.onnx"]
	if len(sums) != 2 || len(a) != 32 || len(b) != 32 || a == b {
		t.Errorf("checksums of two versions: %v", sums)
	}
	c.Serve([]int64{2})
	if !maps.Equal(c.Agents[0].Parameters, map[string]string{"MD5:2/model.onnx": b}) {
		t.Errorf("checksums of version 2 alone: %v", c.Agents[0].Parameters)
	}
}

// TestExternalData lowers the limit beyond which a model has a second file, and exports twice: equal models share a version.
func TestExternalData(t *testing.T) {
	plain, dir := t.TempDir(), t.TempDir()
	want := answers(t, plain, export(t, plain, shopEnsemble(t, 1), ensemble.Options{}), shopRequest())
	o := ensemble.Options{Meta: onnx.Meta{External: 16}}
	x := export(t, dir, shopEnsemble(t, 1), o)
	files := tree(t, dir)
	if files["shop_recall/1/model.onnx.data"] == "" {
		t.Errorf("no external data among %v", paths(files))
	}
	got := answers(t, dir, x, shopRequest())
	for _, name := range []string{"item_ids", "scores"} {
		if !got[name].Equal(want[name]) {
			t.Errorf("%s is %v, of one file %v", name, got[name].Any(), want[name].Any())
		}
	}
	clean(t, dir)
	if again := export(t, dir, shopEnsemble(t, 1), o); !slices.Equal(pins(again), pins(x)) {
		t.Errorf("an export of the same pins %v, the first %v", pins(again), pins(x))
	}
	if other := export(t, dir, shopEnsemble(t, 2), o); slices.Equal(pins(other), pins(x)) {
		t.Errorf("an export of other weights pins the same, %v", pins(other))
	}
	// The same model as one file is another version.
	if single := export(t, dir, shopEnsemble(t, 1), ensemble.Options{}); slices.Equal(pins(single), pins(x)) {
		t.Errorf("an export without external data pins %v", pins(single))
	}
}

// TestKilledExport leaves what a killed export leaves: whoever comes next removes it.
func TestKilledExport(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, ensemble.UnfinishedPrefix+"export", "recall", "model.onnx")
	if err := os.MkdirAll(filepath.Dir(left), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(left, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := ensemble.RemoveUnfinished(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(filepath.Dir(left))); !os.IsNotExist(err) {
		t.Errorf("the folder of a killed export: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ensemble.Write(ctx, dir, shopEnsemble(t, 2), shopManifest(), ensemble.Options{}); err == nil {
		t.Error("a canceled export succeeds")
	}
	if _, err := os.Stat(filepath.Join(dir, ensemble.UnfinishedPrefix+"export")); !os.IsNotExist(err) {
		t.Errorf("a canceled export left its folder: %v", err)
	}
}
