package model_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"recsys/loss"
	"recsys/model"
)

// TestReference wants a section for every model and loss and a row for every setting in the reference pages.
func TestReference(t *testing.T) {
	tests := []struct {
		page, section string
		settings      any
	}{
		{"models", model.PopularityName, struct{}{}},
		{"models", model.TrendingName, model.Trending{}},
		{"models", "slim", model.SLIM{}},
		{"models", "item_knn", model.ItemKNN{}},
		{"models", "ease", model.EASE{}},
		{"models", "ials", model.IALS{}},
		{"models", "mf", model.MatrixFactorization{}},
		{"models", "two_tower", model.TwoTower{}},
		{"models", "logistic_regression", model.LogisticRegression{}},
		{"models", "deepfm", model.DeepFM{}},
		{"models", "dlrm", model.DLRM{}},
		{"models", "dcn_v2", model.DCNv2{}},
		{"models", "mmoe", model.MMoE{}},
		{"models", "fm", model.FM{}},
		{"models", "wide_deep", model.WideDeep{}},
		{"models", "xdeepfm", model.XDeepFM{}},
		{"models", "autoint", model.AutoInt{}},
		{"models", "finalmlp", model.FinalMLP{}},
		{"models", "masknet", model.MaskNet{}},
		{"models", "din", model.DIN{}},
		{"models", "ple", model.PLE{}},
		{"losses", "binary_cross_entropy", loss.BinaryCrossEntropy{}},
		{"models", "sasrec", model.SASRec{}},
		{"models", "gru4rec", model.GRU4Rec{}},
		{"losses", "softmax_cross_entropy", loss.SoftmaxCrossEntropy{}},
		{"losses", "bpr", loss.BPR{}},
		{"losses", "sampled_softmax", loss.SampledSoftmax{}},
	}
	for _, tc := range tests {
		page, err := os.ReadFile("../docs/reference/" + tc.page + ".md")
		if err != nil {
			t.Fatal(err)
		}
		_, section, ok := strings.Cut(string(page), "\n## "+tc.section+"\n")
		if !ok {
			t.Errorf("%s.md has no section for %s", tc.page, tc.section)
			continue
		}
		section, _, _ = strings.Cut(section, "\n## ")
		for f := range reflect.TypeOf(tc.settings).Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name != "-" && (name == "" || !strings.Contains(section, "\n| `"+name+"` |")) {
				t.Errorf("%s: no row for the setting %q of field %s", tc.section, name, f.Name)
			}
		}
	}
}
