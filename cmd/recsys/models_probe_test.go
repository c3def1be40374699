package main

import (
	"math"
	"os"
	"testing"

	"recsys/engine"
	"recsys/ensemble"
	"recsys/tensor"
)

// TestGatewayProbes has the probes look at right answers, and at answers that are wrong in one way.
func TestGatewayProbes(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("../../model_repository")); err != nil {
		t.Fatal(err)
	}
	probes, err := gatewayProbes(t.Context(), dir, "shop")
	if err != nil {
		t.Fatal(err)
	}
	if len(probes) != probeUsers {
		t.Fatalf("%d probes, want %d", len(probes), probeUsers)
	}
	e, err := engine.Open(t.Context(), dir, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	r, err := ensemble.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := ensemble.ReadManifest(r.Models["shop"].VersionDir(1) + "/" + ensemble.ManifestFile)
	if err != nil {
		t.Fatal(err)
	}
	ids, scores := manifest.Outputs.ItemIDs, manifest.Outputs.Scores
	set := func(out tensor.Map, slot int, score float32) { tensor.MustData[float32](out[scores])[slot] = score }
	wrong := map[string]func(out tensor.Map){
		"score":     func(out tensor.Map) { set(out, 0, tensor.MustData[float32](out[scores])[0]+0.01) },
		"no item":   func(out tensor.Map) { set(out, out[scores].Len()-1, float32(math.Inf(-1))) },
		"no scores": func(out tensor.Map) { delete(out, scores) },
		"no ids":    func(out tensor.Map) { delete(out, ids) },
		"shape":     func(out tensor.Map) { out[scores] = tensor.Zeros(tensor.Float32, 1, 1) },
		"type":      func(out tensor.Map) { out[scores] = tensor.Zeros(tensor.Float64, out[scores].Shape()...) },
		"item": func(out tensor.Map) {
			switch list := out[ids].Any().(type) {
			case []string:
				list[0] = "another"
			case []int64:
				list[0] = math.MaxInt64
			}
		},
	}
	for i, p := range probes {
		answer, _, err := e.Infer(t.Context(), "shop", p.Inputs, p.Outputs)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Check(answer); err != nil {
			t.Errorf("probe %d refuses the right answer: %v", i, err)
		}
		for name, spoil := range wrong {
			out := clones(answer)
			spoil(out)
			if p.Check(out) == nil {
				t.Errorf("probe %d takes an answer with another %s", i, name)
			}
		}
	}
}
