package e2e_test

import (
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"recsys/data"
	"recsys/data/synthetic"
	"recsys/ensemble"
	"recsys/internal/verify"
	"recsys/pipeline"
	"recsys/tensor"
	"recsys/test/ort"
	"recsys/test/redis"
	"recsys/test/triton"
)

// featuresRun trains testdata/features.yaml on the golden shop, whose items have a time and a vector beside the rest, some of
// them none.
func featuresRun(t *testing.T, w *world) *world {
	t.Helper()
	dir := t.TempDir()
	tables, err := synthetic.Shop(synthetic.Golden())
	if err != nil {
		t.Fatal(err)
	}
	if err := tables.Write(dir); err != nil {
		t.Fatal(err)
	}
	n := tables.Items.Len()
	listed, vectors, offsets := make([]int64, n), make([]float32, 0, 3*n), make([]int, 1, n+1)
	for i := range n {
		if listed[i] = 1_700_000_000 + int64(i*i%500)*86_400; i%9 == 0 {
			listed[i] = tensor.NullInt64
		}
		if i%7 > 0 {
			vectors = append(vectors, float32(i%5)-1.5, float32(i%3)+0.5, float32(i%11))
		}
		offsets = append(offsets, len(vectors))
	}
	vector, err := data.Ragged("vector", vectors, offsets)
	if err != nil {
		t.Fatal(err)
	}
	items, err := tables.Items.With(data.Scalar("listed", listed), vector)
	if err != nil {
		t.Fatal(err)
	}
	if err := data.WriteCSV(filepath.Join(dir, "items.csv.gz"), items, map[string]string{"categories": "|", "vector": ";"}); err != nil {
		t.Fatal(err)
	}
	run := filepath.Join(dir, "run")
	w.must(t, "run", "-c", "testdata/features.yaml", "--data", dir, "--out", run)
	return &world{binary: w.binary, run: run}
}

// TestFeaturesAgree compares, for every fusing and layout, a pipeline with features of users, items and requests together offline with the
// embedded engine, a real Triton and the gateway with that Triton and a real Redis.
func TestFeaturesAgree(t *testing.T) {
	store := redis.Start(t)
	w := featuresRun(t, theWorld(t))
	for _, c := range []struct {
		name, flag, value string
		models            []string
	}{
		{"none", "--fuse", "none", []string{"shop"}},
		{"groups", "--fuse", "groups", []string{"shop"}},
		{"all", "--fuse", "all", []string{"shop"}},
		{"split", "--layout", "split", []string{"shop", "shop_ranking"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			repository := filepath.Join(t.TempDir(), "repository")
			w.must(t, "export", "--run", w.run, "--to", repository, c.flag, c.value)
			w.must(t, "check", repository)
			server := triton.Start(t, repository, triton.Options{LoadModels: c.models})
			w.must(t, "features", "load", "--repository", repository, "--redis", store.URL(), "--wait", "10s")
			url := w.serve(t, "--repository", repository, "--triton", server.GRPC, "--redis", store.URL(), "--timeout", "10s")
			out := w.must(t, "verify", "--run", w.run, "--repository", repository, "--triton", server.GRPC, "--gateway", url,
				"--users", strconv.Itoa(stagesUsers), "--results", "20", "--json")
			reports := map[string]verify.Report{}
			if err := json.Unmarshal(out, &reports); err != nil {
				t.Fatalf("%v in %s", err, out)
			}
			for _, name := range []string{"embedded", "triton", "rest"} {
				if r := reports[name]; r.Users != stagesUsers || !r.Agrees() {
					t.Errorf("%s: %+v, want %d users that agree", name, r, stagesUsers)
				}
			}
			t.Logf("%s", out)
		})
	}
}

// TestFeaturesAgreeWithONNXRuntime compares every tensor that the stages features, lookup and interactions make of one input with ONNX
// Runtime's: ids are equal, numbers but for a logarithm and a length.
func TestFeaturesAgreeWithONNXRuntime(t *testing.T) {
	w := featuresRun(t, theWorld(t))
	path := filepath.Join(t.TempDir(), "repository")
	w.must(t, "export", "--run", w.run, "--to", path, "--fuse", "none")
	repository, err := ensemble.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	serving, chain, err := pipeline.OpenChain(w.run, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	compared := map[string]int{}
	for batch := range requests(t, w, serving.Manifest, 50) {
		want, err := chain.Run(t.Context(), batch)
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(batch, want)
		got := tensor.Map{}
		for _, step := range repository.Models["shop"].Config.Steps {
			if !slices.Contains([]string{"shop_features", "shop_lookup", "shop_interactions"}, step.Model) {
				continue
			}
			model, err := os.ReadFile(repository.Models[step.Model].ModelPath(step.Version))
			if err != nil {
				t.Fatal(err)
			}
			in, outputs := tensor.Map{}, []string{}
			for _, m := range step.Inputs {
				in[m.Model] = batch[m.Ensemble]
			}
			for _, m := range step.Outputs {
				outputs = append(outputs, m.Model)
			}
			maps.Copy(got, ort.Run(t, model, in, outputs))
		}
		for name, t1 := range want {
			if got[name] == nil {
				continue
			}
			switch x := t1.Any().(type) {
			case []string:
				if diff := slices.Compare(x, tensor.MustData[string](got[name])); diff != 0 {
					t.Fatalf("%s is %q and %q in ONNX Runtime", name, x[:12], tensor.MustData[string](got[name])[:12])
				}
			case []int64:
				for i, y := range tensor.MustData[int64](got[name]) {
					if x[i] != y {
						t.Fatalf("%s: element %d is %d and %d in ONNX Runtime", name, i, x[i], y)
					}
				}
			case []float32:
				for i, y := range tensor.MustData[float32](got[name]) {
					// The logarithm is within 1 ulp here and 2 there, 2^-23 each, times an age below 100, over the deviation of the
					// products.
					if d := math.Abs(float64(x[i] - y)); d > 2e-6*max(1, math.Abs(float64(y))) {
						t.Fatalf("%s: element %d is %g and %g in ONNX Runtime", name, i, x[i], y)
					}
				}
			}
			compared[name] += t1.Len()
		}
	}
	for _, name := range []string{
		"interaction_item_age", "interaction_means", "interaction_gender_x_categories", "interaction_city_x_brand",
		"interaction_brand_carted", "interaction_city_x_brand_carted", "interaction_dearer", "interaction_brand_share",
		"raw_item_categories", "item_vector", "encoded_user_id_carted", "encoded_last_price", "encoded_last_brand",
	} {
		if compared[name] == 0 {
			t.Errorf("%s was not compared; there are %v", name, compared)
		}
	}
	if _, err := os.Stat(filepath.Join(w.run, "stages", "interactions.onnx")); err != nil {
		t.Error(err)
	}
}
