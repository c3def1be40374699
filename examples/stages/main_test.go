package main

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/ensemble"
	"recsys/ensemble/ensembletest"
	"recsys/ensemble/stage"
	"recsys/graph/exec"
	"recsys/tensor"
)

// TestAffordable joins the file as a stage, runs the conformance suite on it and a few requests whose answers are known.
func TestAffordable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "affordable.onnx")
	if err := write(path); err != nil {
		t.Fatal(err)
	}
	s, err := stage.File("affordable", path, stage.Names{
		Inputs: map[string]string{"years": "age", "prices": stage.RawItem("price")},
	})
	if err != nil {
		t.Fatal(err)
	}
	p, err := exec.Compile(s.Graph, exec.Options{})
	if err != nil {
		t.Fatal(err)
	}
	nan := float32(0)
	nan /= nan
	got, err := p.Run(t.Context(), tensor.Map{
		"age":            tensor.Of([]int64{20, tensor.NullInt64}, 2, 1),
		"raw_item_price": tensor.Of([]float32{60, 60.5, nan, 1e6, 60, nan}, 2, 3),
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []bool{true, false, true, true, true, true}
	if d := cmp.Diff(got["affordable"].Any(), any(want)); d != "" {
		t.Error(d)
	}

	// Alone it has no number of candidates: behind a stage that has, it is checked as it is served.
	lookup, err := stage.Lookup(nil, tensor.Map{"price": tensor.Of([]float32{0, 10, 30, 60}, 4)}, 3)
	if err != nil {
		t.Fatal(err)
	}
	fused, err := ensemble.Ensemble{
		Name: "shop", Outputs: []string{"affordable"},
		Groups: []ensemble.Group{{Name: "score", Stages: []ensemble.Stage{lookup, s}}},
	}.Fuse(ensemble.FuseGroups)
	if err != nil {
		t.Fatal(err)
	}
	sub, err := ensembletest.Graph(fused[0])
	if err != nil {
		t.Fatal(err)
	}
	ensembletest.Run(t, sub)
}
