package engine_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"recsys/engine"
	"recsys/ensemble"
	"recsys/ensemble/ensembletest"
	"recsys/ensemble/stage"
	"recsys/onnx"
	"recsys/tensor"
)

const rankConfig = `backend: "python"
max_batch_size: 64
input { name: "item_price" data_type: TYPE_FP32 dims: [ 6 ] format: FORMAT_NONE }
input { name: "user" data_type: TYPE_INT64 dims: [ 1 ] reshape { shape: [ ] } }
output { name: "like" data_type: TYPE_FP32 dims: [ 6 ] }
`

// exportFolder writes the shop with a ranker of Triton's Python backend, which the shop's own stands in for if it is to.
func exportFolder(t *testing.T, dir string, standIn bool, o ensemble.Options) {
	t.Helper()
	e, m, err := ensembletest.Shop(1)
	if err != nil {
		t.Fatal(err)
	}
	source := t.TempDir()
	if err := os.Mkdir(filepath.Join(source, "1"), 0o755); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{"config.pbtxt": rankConfig, "1/model.py": "# code\n"} {
		if err := os.WriteFile(filepath.Join(source, path), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	score := e.Groups[2].Stages
	i := slices.IndexFunc(score, func(s ensemble.Stage) bool { return s.Name == "rank" })
	names := stage.Names{Inputs: map[string]string{"user": "encoded_user_id"}}
	own, err := stage.Rename("rank", score[i].Graph, stage.Names{Inputs: map[string]string{"encoded_user_id": "user"}})
	if err != nil {
		t.Fatal(err)
	}
	path := ""
	if standIn {
		path = filepath.Join(t.TempDir(), "rank.onnx")
		if err := onnx.Write(path, own.Graph, onnx.Meta{}); err != nil {
			t.Fatal(err)
		}
	}
	if score[i], err = stage.Dir("rank", source, names, path); err != nil {
		t.Fatal(err)
	}
	if _, err := ensemble.Write(t.Context(), dir, e, m, o); err != nil {
		t.Fatal(err)
	}
}

// TestStandIn answers as the shop does when the ranker is a model of another backend with a stand-in, in every fusing.
func TestStandIn(t *testing.T) {
	want := reference(t, 1)
	for _, fuse := range []ensemble.Fuse{ensemble.FuseNone, ensemble.FuseGroups, ensemble.FuseAll} {
		dir := t.TempDir()
		exportFolder(t, dir, true, ensemble.Options{Fuse: fuse})
		if findings, err := ensemble.Validate(dir); err != nil || len(findings) > 0 {
			t.Errorf("%s: check: %v, %v; want no findings", fuse, err, findings)
		}
		outputs := []string{"item_ids", "scores"}
		if fuse != ensemble.FuseAll {
			outputs = append(outputs, "explain_like", "explain_candidates")
		}
		got, _, err := open(t, dir, engine.Options{}).Infer(t.Context(), "shop", request(), outputs)
		if err != nil {
			t.Fatalf("%s: %v", fuse, err)
		}
		for name, tensor := range got {
			same(t, name, want[strings.TrimPrefix(name, "explain_")], tensor)
		}
	}
}

// TestUnimplemented: a model of another backend without a stand-in, and its ensemble, cannot run; the stages beside it can.
func TestUnimplemented(t *testing.T) {
	dir := t.TempDir()
	exportFolder(t, dir, false, ensemble.Options{})
	e := open(t, dir, engine.Options{})
	for _, model := range []string{"shop", "shop_rank"} {
		_, _, err := e.Infer(t.Context(), model, request(), nil)
		if !errors.Is(err, engine.ErrUnimplemented) || !strings.Contains(err.Error(), `backend "python"`) {
			t.Errorf("%s: got error %v, want one that it is not implemented, with the backend", model, err)
		}
		if err := e.Ready(t.Context(), model); !errors.Is(err, engine.ErrUnimplemented) {
			t.Errorf("%s: ready gives %v", model, err)
		}
	}
	in := request()
	if _, _, err := e.Infer(t.Context(), "shop_prep", tensor.Map{"user_id": in["user_id"], "likes": in["likes"]}, nil); err != nil {
		t.Errorf("a stage beside it: %v", err)
	}
}

// TestStandInMustFit refuses a stand-in whose tensors are not the model's.
func TestStandInMustFit(t *testing.T) {
	dir := t.TempDir()
	exportFolder(t, dir, true, ensemble.Options{})
	path := filepath.Join(dir, "shop_rank", ensemble.ConfigFile)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.Replace(string(text), `name: "item_price" data_type: TYPE_FP32`, `name: "item_price" data_type: TYPE_FP64`, 1))
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := engine.Open(t.Context(), dir, engine.Options{}); err == nil || !strings.Contains(err.Error(), "TYPE_FP64") {
		t.Errorf("got error %v, want one about TYPE_FP64", err)
	}
}
