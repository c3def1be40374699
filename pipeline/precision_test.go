package pipeline_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"recsys/ensemble"
	"recsys/onnx"
	"recsys/pipeline"
	"recsys/tensor"
)

// TestNarrowExport exports each precision and looks at what it loses on the shop's held-out users.
func TestNarrowExport(t *testing.T) {
	run, m := shop(t, nil)
	data := filepath.Dir(run)
	tests := []struct {
		name          string
		items, ranker string
		profile       ensemble.Profile
		want          string // stored item matrix
		overlap       float64
	}{
		// Of 200 candidates some at the border change places, by how coarse the numbers are.
		{"half", "fp16", "", ensemble.ProfileCPU, "fp16", 0.995},
		{"whole numbers", "int8", "fp16", ensemble.ProfileCPU, "int8", 0.98},
		{"whole numbers for GPUs", "int8", "", ensemble.ProfileGPU, "int8_dequantized", 0.98},
		{"ranker", "", "fp16", ensemble.ProfileTensorRT, "", 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			repo := t.TempDir()
			x, err := pipeline.Export(t.Context(), run, repo, pipeline.ExportOptions{
				Options: ensemble.Options{Profile: tt.profile}, ItemMatrix: tt.items, Ranker: tt.ranker, Data: data,
			})
			if err != nil {
				t.Fatal(err)
			}
			manifest, err := ensemble.ReadManifest(filepath.Join(repo, "shop", "1", ensemble.ManifestFile))
			if err != nil {
				t.Fatal(err)
			}
			p := manifest.Precision
			if p == nil || *p != *x.Precision || p.ItemMatrix != tt.want || p.Ranker != tt.ranker {
				t.Fatalf("precision in the manifest %+v, of the export %+v", p, x.Precision)
			}
			t.Logf("%+v", *p)
			if p.Overlap < tt.overlap || p.Overlap > 1 || tt.items != "" && p.Overlap == 1 && p.ItemMatrix != "fp16" {
				t.Errorf("%v of the candidates stay, want %v or more and, with int8, not all", p.Overlap, tt.overlap)
			}
			if want := m.Pipeline["test"].Answer["ndcg@10"]; p.NDCG != want {
				t.Errorf("ndcg@10 in float32 is %v, the evaluation has %v", p.NDCG, want)
			}
			if findings, err := ensemble.Validate(repo); err != nil || len(findings) > 0 {
				t.Errorf("check: %v, %v", findings, err)
			}
			c, err := ensemble.ReadConfig(filepath.Join(repo, "shop_rank_dense", ensemble.ConfigFile))
			if tt.profile == ensemble.ProfileTensorRT && (err != nil || c.Optimization.GPUAccelerators[0].Parameters["precision_mode"] != "FP16") {
				t.Errorf("TensorRT is to compute in half: %v, %+v", err, c)
			}
		})
	}
	for want, o := range map[string]pipeline.ExportOptions{
		"name the folder of the tables with --data":                          {ItemMatrix: "int8"},
		`export.item_matrix: unknown "int9"; there are: fp16, int8; did you`: {ItemMatrix: "int9", Data: data},
		`export.ranker: unknown "int8"; there are: fp16`:                     {Ranker: "int8", Data: data},
	} {
		if _, err := pipeline.Export(t.Context(), run, t.TempDir(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
}

// TestNarrowItemPairs exports a model whose item matrix is that of its query: a row of weights for each item of the history.
func TestNarrowItemPairs(t *testing.T) {
	run, _ := shopWith(t, nil, "retrieval:\n", "retrieval:\n  - ease\n")
	for _, profile := range []ensemble.Profile{ensemble.ProfileCPU, ensemble.ProfileGPU} {
		repo := t.TempDir()
		x, err := pipeline.Export(t.Context(), run, repo, pipeline.ExportOptions{
			Options: ensemble.Options{Profile: profile, Fuse: ensemble.FuseNone}, ItemMatrix: "int8", Data: filepath.Dir(run),
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%+v", *x.Precision)
		if x.Precision.Overlap == 1 {
			t.Error("int8 weights change no candidate")
		}
		// 303 x 303 weights of a byte, and a scale for each row.
		if w := x.Memory[1]; w.Model != "shop_query" || w.Weights < 303*303 || w.Weights > 2*303*303 {
			t.Errorf("weights of the query: %+v", w)
		}
	}
}

// TestNarrowExportLosesTooMuch moves all items far into one direction: their order stays, but eight bits hold nothing else.
func TestNarrowExportLosesTooMuch(t *testing.T) {
	run, _ := shop(t, nil)
	path := filepath.Join(run, "stages", "retrieve.onnx")
	g, err := onnx.Read(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range g.Nodes {
		if n.Op.Type == "MatMul" {
			items := n.Inputs[1].Data() // [D,V]
			first := tensor.MustData[float32](items)[:items.Dim(1)]
			for i := range first {
				first[i] += 1000
			}
		}
	}
	if err := onnx.Write(path, g, onnx.Meta{}); err != nil {
		t.Fatal(err)
	}
	repo := filepath.Join(t.TempDir(), "repo")
	o := pipeline.ExportOptions{ItemMatrix: "int8", Data: filepath.Dir(run)}
	if _, err := pipeline.Export(t.Context(), run, repo, o); err == nil || !strings.Contains(err.Error(), "the narrow models lose too much: 0.") {
		t.Errorf("got error %v, want one about the loss", err)
	}
	if _, err := os.Stat(filepath.Join(repo, "shop")); !os.IsNotExist(err) {
		t.Errorf("a refused export wrote the ensemble: %v", err)
	}
	o.AcceptLoss = true
	x, err := pipeline.Export(t.Context(), run, repo, o)
	if err != nil {
		t.Fatal(err)
	}
	if x.Precision.Overlap >= pipeline.LeastOverlap {
		t.Errorf("%v of the candidates stay", x.Precision.Overlap)
	}
}
