package pipeline_test

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/pipeline"
)

func TestVariant(t *testing.T) {
	text, err := os.ReadFile("../examples/shop/recsys.yaml")
	if err != nil {
		t.Fatal(err)
	}
	was, err := pipeline.ParseConfig(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"ease", "mf", "dcn_v2", "dlrm"} {
		t.Run(name, func(t *testing.T) {
			changed, err := pipeline.Variant(text, name, nil)
			if err != nil {
				t.Fatal(err)
			}
			is, err := pipeline.ParseConfig(changed)
			if err != nil {
				t.Fatal(err)
			}
			if name == "ease" || name == "mf" {
				if len(is.Retrieval) != 1 || is.Retrieval[0].Name != name || is.Ranking.Name != "dlrm" {
					t.Fatalf("retrieval %v, ranking %v", is.Retrieval, is.Ranking)
				}
			} else {
				if is.Ranking.Name != name || len(is.Retrieval) != len(was.Retrieval) {
					t.Fatalf("retrieval %v, ranking %v", is.Retrieval, is.Ranking)
				}
				if !strings.Contains(string(changed), "carted == 1") {
					t.Error("the tasks are lost")
				}
			}
			if diff := cmp.Diff(was.Data, is.Data); diff != "" {
				t.Errorf("data (-was +is):\n%s", diff)
			}
			if diff := cmp.Diff(was.Ordering, is.Ordering); diff != "" {
				t.Errorf("ordering (-was +is):\n%s", diff)
			}
			if len(is.Features) != len(was.Features) {
				t.Errorf("%d features, want %d", len(is.Features), len(was.Features))
			}
			// Settings that the file gives are kept, and others are not.
			if got, want := strings.Contains(string(changed), "negatives: 2"), name != "ease"; got != want {
				t.Errorf("settings of mf: %v, want %v", got, want)
			}
			if got, want := strings.Contains(string(changed), "bottom:"), name != "dcn_v2"; got != want {
				t.Errorf("settings of dlrm: %v, want %v", got, want)
			}
		})
	}
	for _, name := range []string{"easy", ""} {
		if _, err := pipeline.Variant(text, name, nil); err == nil || !strings.Contains(err.Error(), "unknown model") {
			t.Errorf("%q: got %v", name, err)
		}
	}
	alone, _, _ := strings.Cut(string(text), "ranking:")
	if _, err := pipeline.Variant([]byte(alone), "dlrm", nil); err == nil || !strings.Contains(err.Error(), "no tasks to predict") {
		t.Errorf("a ranker without a ranking: got %v", err)
	}
}
