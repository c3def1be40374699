package pipeline

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"recsys/data"
)

// TestFiltersTakeRowsOutOfTraining filters by a target, a column of items and one of the interactions, from memory and from disk.
func TestFiltersTakeRowsOutOfTraining(t *testing.T) {
	dir := writeShop(t)
	var kept [2][]data.Part
	for i, storage := range []string{"storage: memory", "storage: disk"} {
		all, _ := open(t, dir, filepath.Join(t.TempDir(), "all"), storage, "phone")
		must(t, all.readTables(t.Context()))
		p := filtering(t, dir, storage, `{where: "carted == 0 or price > 100", not_null: [device, listed]}`)
		must(t, p.readTables(t.Context()))
		kept[i] = p.tables.Parts
		f, err := openTable(t.Context(), dir, data.Spec{Path: "interactions.csv"}, nil)
		must(t, err)
		events, err := f.Read(t.Context())
		must(t, err)
		carted, err := data.Values[int64](events, "carted")
		must(t, err)
		devices, err := data.Values[string](events, "device")
		must(t, err)
		prices, err := data.Values[float32](p.tables.Items, "price")
		must(t, err)
		listed, err := p.tables.Items.Column("listed")
		must(t, err)
		left := 0
		for row, was := range all.tables.Parts {
			item := p.tables.Item[row]
			keep := (carted[row] == 0 || prices[item] > 100) && devices[row] != "" && keyText(listed, int(item)) != "-9223372036854775808"
			want := was
			if was == data.Train && !keep {
				want = data.None
				left++
			}
			if got := p.tables.Parts[row]; got != want {
				t.Fatalf("row %d is of the part %v, was %v, and is kept: %v", row, got, was, keep)
			}
		}
		if left < 1000 {
			t.Errorf("%d rows are left out", left)
		}
	}
	if !slices.Equal(kept[0], kept[1]) {
		t.Error("other rows are kept from disk than from memory")
	}
	p := filtering(t, dir, "storage: memory", `{where: "carted > 1"}`)
	if err := p.Fit(t.Context()); err == nil || !strings.Contains(err.Error(), "no row of the training part is left") {
		t.Errorf("a filter that keeps nothing: got error %v", err)
	}
	p = filtering(t, dir, "storage: memory", `{where: "cartet == 1"}`)
	if err := p.Fit(t.Context()); err == nil || !strings.Contains(err.Error(), `the interactions have no column "cartet"`) {
		t.Errorf("a filter by a column that is not there: got error %v", err)
	}
}

// filtering is a pipeline whose features begin with a filter.
func filtering(t *testing.T, dir, storage, settings string) *Pipeline {
	t.Helper()
	text := strings.NewReplacer("STORAGE", storage, "DEVICE", "phone", "features:\n", "features:\n  - filter: "+settings+"\n").Replace(diskPipeline)
	p, err := New([]byte(text), dir, filepath.Join(t.TempDir(), "run"), 0, Options{Reporter: &notes{t: t}})
	must(t, err)
	t.Cleanup(func() { must(t, p.Close()) })
	return p
}
