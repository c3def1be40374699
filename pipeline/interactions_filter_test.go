package pipeline_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/data"
	"recsys/data/synthetic"
	"recsys/pipeline"
)

const filterPipeline = `
name: shop
data:
  interactions: {path: FILE, user: user_id, item: item_id, time: timestamp, STORAGE}
  items: {path: items.csv.gz, key: item_id, lists: {categories: "|"}}
  FILTER
features: [{categorify: {columns: [user_id, item_id]}}]
retrieval: [popularity]
`

// readTables reads the tables of the pipeline above.
func readTables(t *testing.T, dir, file, storage, filter string) (*pipeline.Tables, error) {
	t.Helper()
	text := strings.NewReplacer("FILE", file, "STORAGE", storage, "FILTER", filter).Replace(filterPipeline)
	c, err := pipeline.ParseConfig([]byte(text))
	if err != nil {
		return nil, err
	}
	return pipeline.ReadTables(t.Context(), c, dir)
}

// TestFilterIsAsIfRowsWereAbsent compares a filter with a file that has been filtered before.
func TestFilterIsAsIfRowsWereAbsent(t *testing.T) {
	dir := t.TempDir()
	shop, err := synthetic.Shop(synthetic.Config{Users: 60, Items: 80, Sessions: 240, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := shop.Write(dir); err != nil {
		t.Fatal(err)
	}
	keep, left, err := data.Filter{MinUser: 12, MinItem: 12}.Apply(shop.Interactions, "user_id", "item_id")
	if err != nil {
		t.Fatal(err)
	}
	if len(left) < 3 {
		t.Fatalf("rows %v: the shop has to need two rounds", left)
	}
	var rows []int
	for i, k := range keep {
		if k {
			rows = append(rows, i)
		}
	}
	if err := data.WriteCSV(filepath.Join(dir, "filtered.csv"), shop.Interactions.Take(rows), nil); err != nil {
		t.Fatal(err)
	}
	for _, storage := range []string{"storage: memory", "storage: disk"} {
		want, err := readTables(t, dir, "filtered.csv", storage, "")
		if err != nil {
			t.Fatal(err)
		}
		for _, filter := range []string{"k_core: 12", "min_user: 12\n  min_item: 12"} {
			got, err := readTables(t, dir, "interactions.csv.gz", storage, filter)
			if err != nil {
				t.Fatal(err)
			}
			if got.Hash != want.Hash || got.Users.Hash() != want.Users.Hash() || got.Items.Hash() != want.Items.Hash() {
				t.Errorf("%s, %s: other tables", storage, filter)
			}
			if !slices.Equal(got.Parts, want.Parts) || !slices.Equal(got.User, want.User) || !slices.Equal(got.Item, want.Item) {
				t.Errorf("%s, %s: other parts or places", storage, filter)
			}
			if diff := cmp.Diff(got.Left, left); diff != "" {
				t.Errorf("%s, %s: rows (-got +want):\n%s", storage, filter, diff)
			}
			if (got.Events == nil) != (want.Events == nil) || got.Events != nil && got.Events.Rows() != len(rows) {
				t.Errorf("%s, %s: the file has other rows", storage, filter)
			}
		}
	}
}

func TestFilterErrors(t *testing.T) {
	dir := t.TempDir()
	shop, err := synthetic.Shop(synthetic.Config{Users: 40, Items: 60, Sessions: 160, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := shop.Write(dir); err != nil {
		t.Fatal(err)
	}
	for filter, want := range map[string]string{
		"k_core: 100":                 "data's filter leaves none of the interactions (713 > 0): lower min_user",
		"max_user: 1":                 "or raise max_user",
		"k_core: -1":                  "data.k_core: -1; it has to be 0 or more",
		"k_core: 2\n  min_item: 3":    "data.k_core: 2; it has to be 0 or more, and stands for min_user and min_item",
		"k_core: 2.5":                 "want a whole number",
		"min_user: 5\n  max_user: 4":  "data: min_user 5 and max_user 4",
		"min_items: 5":                "min_items",
		"k_core: 5\n  max_item: -100": "max_item -100",
	} {
		if _, err := readTables(t, dir, "interactions.csv.gz", "storage: memory", filter); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", filter, err, want)
		}
	}
}
