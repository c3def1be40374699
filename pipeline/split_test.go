package pipeline_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"recsys/pipeline"
)

// Runs that can be exported baked, of which nothing could be brought from a store, are refused before anything is written.
func TestSplitHasNothingToBring(t *testing.T) {
	for name, c := range map[string]struct{ ranking, want string }{
		"nothing but retrieval": {
			"", "layout split: no stage reads item features: there is nothing to bring from a store; export it baked",
		},
		"a ranker of keys": {
			"ranking: {dlrm: {dim: 4, bottom: [4], top: [4], tasks: [{name: cart, binary: \"carted == 1\"}], train: {epochs: 1}}}\n",
			"layout split: no stage reads a column of the table of items: there is nothing to bring from a store; export it baked",
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, strings.Replace(plain, "FILTER", "seen", 1)+c.ranking)
			dir := filepath.Join(t.TempDir(), "repository")
			_, err := pipeline.Export(t.Context(), filepath.Join(s.dir, "run"), dir, pipeline.ExportOptions{Layout: pipeline.LayoutSplit})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("export: %v, want %s", err, c.want)
			}
			if _, err := os.Stat(filepath.Join(dir, "shop")); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the repository has an ensemble: %v", err)
			}
		})
	}
}
