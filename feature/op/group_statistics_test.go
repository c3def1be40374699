package op_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"recsys/feature"
	"recsys/feature/op"
	"recsys/schema"
	"recsys/tensor"
)

// TestGroupStatistics looks up what the interactions say about users. The wanted values are worked out by hand.
func TestGroupStatistics(t *testing.T) {
	raw := append(pick("user_id"), column("spent", tensor.Float32, 0, schema.Context))
	train := tensor.Map{
		"user_id": tensor.Of([]int64{7, 8, 7, null, 9, 7, 8}, 7),
		"spent":   tensor.Of([]float32{1, 10, 4, 100, nan(), nan(), 12}, 7),
	}
	o := &op.GroupStatistics{By: "user_id", Columns: []string{"spent"}, Statistics: []string{"count", "mean", "std", "min", "max", "sum"}}
	f, err := feature.Workflow{Operators: []feature.Operator{o}}.Fit(t.Context(), raw, feature.Tables{Tables: []tensor.Map{train}, BatchRows: 2})
	if err != nil {
		t.Fatal(err)
	}
	if names := f.Raw().Names(); len(names) != 1 || len(f.Schema().Select(schema.User)) != 6 {
		t.Errorf("columns %v are asked for and %+v are made; want user_id alone and columns of the user", names, f.Schema())
	}
	// All values are 1, 10, 4, 100 and 12: their mean is 25.4 and their variance (24.4²+15.4²+21.4²+74.6²+13.4²)/5.
	std := float32(math.Sqrt((24.4*24.4 + 15.4*15.4 + 21.4*21.4 + 74.6*74.6 + 13.4*13.4) / 5))
	got := transform(t, f, tensor.Map{"user_id": tensor.Of([]int64{7, 8, 9, 6, null}, 5)})
	want := map[string]any{
		"spent_by_user_id_count": []float32{2, 2, 0, 0, 0}, "spent_by_user_id_sum": []float32{5, 22, 0, 0, 0},
		"spent_by_user_id_mean": []float32{2.5, 11, 25.4, 25.4, 25.4}, "spent_by_user_id_std": []float32{1.5, 1, std, std, std},
		"spent_by_user_id_min": []float32{1, 10, 1, 1, 1}, "spent_by_user_id_max": []float32{4, 12, 100, 100, 100},
	}
	// One rounding to float32.
	if diff := cmp.Diff(got, want, cmpopts.EquateApprox(6e-8, 0)); diff != "" {
		t.Errorf("(-got +want):\n%s", diff)
	}
}

func TestGroupStatisticsOfTwoTables(t *testing.T) {
	raw := append(pick("user_id"), column("spent", tensor.Float32, 0, schema.Context))
	src := feature.Tables{Tables: []tensor.Map{
		{"user_id": tensor.Of([]int64{7}, 1)}, {"spent": tensor.Of([]float32{1}, 1)},
	}}
	o := &op.GroupStatistics{By: "user_id", Columns: []string{"spent"}}
	_, err := feature.Workflow{Operators: []feature.Operator{o}}.Fit(t.Context(), raw, src)
	if err == nil || !strings.Contains(err.Error(), `columns "user_id" and "spent" stand in different tables`) {
		t.Errorf("got error %v, want one about the tables", err)
	}
}
