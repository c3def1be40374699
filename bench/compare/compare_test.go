package main

import (
	"strings"
	"testing"
)

// The tests are inside the package: a command has no outside.

func TestEveryRowHasItsSides(t *testing.T) {
	for _, r := range rows() {
		for _, o := range append(r.others, other{name: "recsys", work: r.name}) {
			if o.python == "" {
				if works(t.TempDir())[o.work] == nil {
					t.Errorf("row %s: no work %q", r.name, o.work)
				}
				continue
			}
			script, err := scripts.ReadFile("python/" + o.python + "_side.py")
			if err != nil {
				t.Fatal(err)
			}
			if o.python == "nvt" {
				tool, what, _ := strings.Cut(o.work, "_")
				if !strings.Contains(string(script), "\ndef "+tool+"():") || !strings.Contains(string(script), what) {
					t.Errorf("row %s: nvt_side.py has no work %q", r.name, o.work)
				}
				continue
			}
			// The works of ONNX Runtime are the row's model.
			if o.python == "torch" && !strings.Contains(string(script), `"`+o.work+`":`) {
				t.Errorf("row %s: %s_side.py has no work %q", r.name, o.python, o.work)
			}
		}
	}
}

func TestResultsKeepOtherRowsAndThreads(t *testing.T) {
	r := results{}
	r.put("gemm", []figure{{Threads: 1, Own: 1}, {Threads: 2, Own: 2}})
	r.put("topk", []figure{{Threads: 1, Own: 3}})
	r.put("gemm", []figure{{Threads: 2, Own: 4}})
	if got := r["gemm"]; len(got) != 2 || got[0].Own != 1 || got[1].Own != 4 {
		t.Errorf("gemm is %+v, want the old figure of one thread and the new one of two", got)
	}
	if got := r["topk"]; len(got) != 1 || got[0].Own != 3 {
		t.Errorf("topk is %+v, want what was there", got)
	}
	dir := t.TempDir()
	if err := r.write(dir); err != nil {
		t.Fatal(err)
	}
	again, err := readResults(dir)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(again.page()), string(r.page()); got != want {
		t.Errorf("read back:\n%s\nwant:\n%s", got, want)
	}
}

func TestPageSaysWhetherTargetsAreMet(t *testing.T) {
	r := results{"gemm": {
		{Title: "enough", Threads: 1, Ratio: 0.9, Target: 0.9},
		{Title: "short", Threads: 1, Ratio: 0.89, Target: 0.9},
		{Title: "open", Threads: 1, Ratio: 0.1},
		{Title: "slow", Threads: 1, Ratio: 9, Own: 1, Floor: 2},
		{Title: "fat", Threads: 1, Ratio: 9, Lean: true, OwnMemory: 2, OtherMemory: 2},
		{Title: "fit", Threads: 1, Ratio: 9, Target: 5, Own: 3, Floor: 2, Lean: true, OwnMemory: 1, OtherMemory: 2},
	}}
	page := string(r.page())
	for title, want := range map[string]string{
		"enough": "| met [1] |", "short": "| **not met** [1] |", "open": "|  |  [1] |",
		"slow": "| **not met** [1] |", "fat": "| less memory | **not met** [1] |", "fit": "| ≥ 5, ≥ 2 , less memory | met [1] |",
	} {
		found := false
		for line := range strings.Lines(page) {
			found = found || strings.HasPrefix(line, "| "+title) && strings.HasSuffix(strings.TrimSpace(line), want)
		}
		if !found {
			t.Errorf("no line %q that ends with %q in\n%s", title, want, page)
		}
	}
}

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		x    []float64
		want float64
	}{{[]float64{3, 1, 2}, 2}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := median(test.x); got != test.want {
			t.Errorf("median of %v is %g, want %g", test.x, got, test.want)
		}
	}
}

func TestAgreeRefusesOtherWork(t *testing.T) {
	if err := (row{tolerance: 0.01}).close("other", 1, 1.02); err == nil {
		t.Error("figures 1 and 1.02 agree within 1 %")
	}
	if err := (row{tolerance: 0.01}).close("other", -1, -1.005); err != nil {
		t.Error(err)
	}
}
