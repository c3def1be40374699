package report_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"recsys/data/profile"
	"recsys/data/synthetic"
	"recsys/pipeline"
	"recsys/pipeline/report"
)

// open reports on tables of interactions and items, "" for none; storage and split are the settings of those names.
func open(t *testing.T, interactions, items, storage, split string) (*report.Report, *pipeline.Pipeline) {
	t.Helper()
	dir := t.TempDir()
	text := "name: a\ndata:\n  interactions: {path: i.csv, user: u, item: i, time: t, columns: {device: string}, storage: " + storage + "}\n"
	for name, table := range map[string]string{"i.csv": interactions, "items.csv": items} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(table), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if items != "" {
		text += "  items: {path: items.csv, key: i}\n"
	}
	text += "split: " + split + "\nfeatures: [{categorify: {columns: [u, i]}}]\nretrieval: [popularity]\nfilter: [seen]\n" +
		"ranking: {dlrm: {tasks: [{name: x, binary: device == x}]}}\n"
	p, err := pipeline.New([]byte(text), dir, "", 0, pipeline.Options{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := report.New(t.Context(), p.Config(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return r, p
}

// leaky has every kind of leakage; fold says the part.
const leaky = `u,i,t,device,fold
1,10,1000000100,x,train
1,10,1000000100,x,train
1,11,1000000300,x,train
1,10,1000000200,y,test
2,10,1000000100,x,train
2,10,1000000100,x,test
2,12,1000000400,z,test
3,11,1000000500,z,valid
3,10,,z,
`

func TestLeakage(t *testing.T) {
	for _, storage := range []string{"memory", "disk"} {
		r, _ := open(t, leaky, "", storage, "{by: column, column: fold}")
		// The sixth row is the fifth, but for its fold; item 10 meets users 1 and 2 again; user 1 has a training row at 300 and
		// a test row at 200; training rows after 100, the first test, are one; user 3 and item 12 are new.
		want := report.Leakage{Held: 4, SameRow: 1, SamePair: 2, FutureUsers: 1, FutureRows: 1, NewUser: 1, NewItem: 1}
		if diff := cmp.Diff(r.Leakage, want); diff != "" {
			t.Errorf("%s (-got +want):\n%s", storage, diff)
		}
		parts := []report.Part{
			{Part: "train", Rows: 4, Users: 2, Items: 2, Times: &report.Span{From: 1000000100, To: 1000000300}},
			{Part: "valid", Rows: 1, Users: 1, Items: 1, Times: &report.Span{From: 1000000500, To: 1000000500}},
			{Part: "test", Rows: 3, Users: 2, Items: 2, Times: &report.Span{From: 1000000100, To: 1000000400}},
			{Part: "none", Rows: 1, Users: 1, Items: 1},
		}
		if diff := cmp.Diff(r.Parts, parts); diff != "" {
			t.Errorf("%s, parts (-got +want):\n%s", storage, diff)
		}
		warnings := []string{
			"2 of 9 interactions (22.2 %) are, in all columns, like one before them",
			"1 held-out rows (25.0 %) are, in all columns, like a training row", "2 held-out rows (50.0 %) have an item that the user has",
			"1 users have training rows that are later", "1 training rows are later than the first one that tests",
			"1 held-out rows (25.0 %) are of users", "1 held-out rows (25.0 %) are of items",
		}
		if len(r.Warnings) != len(warnings) {
			t.Errorf("%s: the warnings %q, want %d", storage, r.Warnings, len(warnings))
			continue
		}
		for i, w := range warnings {
			if !strings.HasPrefix(r.Warnings[i], w) {
				t.Errorf("%s: the warning %q, want %q", storage, r.Warnings[i], w)
			}
		}
	}
}

func TestWarnings(t *testing.T) {
	var moving, clean strings.Builder
	moving.WriteString("u,i,t,device,fold,one,void,rare\n")
	clean.WriteString("u,i,t,device,fold\n")
	for n := range 400 {
		device, fold, rare := "x", "train", ""
		if n%2 == 1 {
			device = "y"
		}
		if n >= 300 {
			fold = "test"
		}
		fmt.Fprintf(&clean, "%d,%d,%d,%s,%s\n", n%100, n, 1_700_000_000+n, device, fold)
		if n >= 300 && n%8 != 0 {
			device = "y"
		}
		if n%4 == 0 {
			rare = "r" + device
		}
		fmt.Fprintf(&moving, "%d,%d,%d,%s,%s,1,,%s\n", n, n%300, n, device, fold, rare)
	}
	has := func(r *report.Report, want ...string) {
		t.Helper()
		for _, w := range want {
			if !strings.Contains(strings.Join(r.Warnings, "\n"), w) {
				t.Errorf("no warning %q in %q", w, r.Warnings)
			}
		}
	}
	r, _ := open(t, moving.String(), "", "memory", "{by: column, column: fold}")
	has(r, "t goes from 0 to 399, which are no Unix seconds", "void of interactions has no values", "rare of interactions is null in 75.0 %",
		`one of interactions has one value, "1"`, "half of the users or more have one interaction",
		"device of interactions has moved between training and test: PSI", "100 held-out rows (100.0 %) are of users")
	r, _ = open(t, clean.String(), "", "memory", "{by: column, column: fold}")
	if want := "100 held-out rows (100.0 %) are of items"; len(r.Warnings) != 1 || !strings.HasPrefix(r.Warnings[0], want) {
		t.Errorf("the warnings %q, want one, %q", r.Warnings, want)
	}
	r, _ = open(t, "u,i,t,device\n1,1,1700000000,x\n2,2,1700000001,y\n", "", "memory", "{by: last}")
	has(r, "nothing is held out")
}

// TestDrift compares items as interactions name them: in test they are newer.
func TestDrift(t *testing.T) {
	var interactions, items strings.Builder
	interactions.WriteString("u,i,t,device\n")
	items.WriteString("i,year,color\n")
	for n := range 300 {
		fmt.Fprintf(&items, "%d,%d,%s\n", n, 1900+n, []string{"red", "blue"}[n%2])
	}
	for n := range 2000 {
		item := n % 180
		if n >= 1500 {
			item = 120 + n%180
		}
		fmt.Fprintf(&interactions, "%d,%d,%d,x\n", n%50, item, 1_700_000_000+n)
	}
	r, _ := open(t, interactions.String(), items.String(), "memory", "{by: time, valid: 0, test: 0.25}")
	if len(r.Drift) != 3 || r.Drift[0].Column != "year" || r.Drift[0].Table != "items" || !r.Drift[0].Shifted {
		t.Fatalf("drift %+v, want that of year first among year, color and device", r.Drift)
	}
	// 360 of the 500 test rows are of items that are newer than any of training.
	if d := *r.Drift[0].KS; math.Abs(d-0.72) > 1e-12 {
		t.Errorf("KS %g, want 0.72", d)
	}
	for _, d := range r.Drift[1:] {
		if d.Shifted {
			t.Errorf("%s has moved: %+v", d.Column, d)
		}
	}
}

func TestDistribution(t *testing.T) {
	r, _ := open(t, "u,i,t,device\n"+strings.Repeat("1,1,1,x\n", 6)+"1,2,1,x\n2,2,1,x\n3,3,1,x\n", "", "memory", "{by: last}")
	want := report.Distribution{
		// Of 1, 1 and 7: the differences of all pairs both ways, 24, over 2*3*9.
		Count: 3, Min: 1, Median: 1, Mean: 3, P90: 1, P99: 1, Max: 7, Top: 7.0 / 9, Gini: 24.0 / 54,
		Histogram: profile.Histogram{Edges: []float64{1, 2, 4, 8}, Counts: []int{2, 0, 1}},
	}
	if diff := cmp.Diff(r.Activity, want, cmpopts.EquateApprox(0, 1e-12)); diff != "" { // some roundings
		t.Errorf("activity (-got +want):\n%s", diff)
	}
	if r.Popularity.Max != 6 || r.Popularity.Count != 3 {
		t.Errorf("popularity %+v", r.Popularity)
	}
}

// TestStorages: the report of interactions on disk is that of those in memory, but for the hash.
func TestStorages(t *testing.T) {
	shop, err := synthetic.Shop(synthetic.Config{Users: 100, Items: 80, Sessions: 500, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := shop.Write(dir); err != nil {
		t.Fatal(err)
	}
	var reports []*report.Report
	for _, storage := range []string{"memory", "disk"} {
		c, err := pipeline.ParseConfig([]byte(`
name: shop
data:
  interactions: {path: interactions.csv.gz, user: user_id, item: item_id, time: timestamp, storage: ` + storage + `}
  users: {path: users.csv.gz, key: user_id}
  items: {path: items.csv.gz, key: item_id, lists: {categories: "|"}}
  k_core: 15
features: [{categorify: {columns: [user_id, item_id]}}]
retrieval: [popularity]
`))
		if err != nil {
			t.Fatal(err)
		}
		r, err := report.New(t.Context(), c, dir)
		if err != nil {
			t.Fatal(err)
		}
		r.Data = ""
		reports = append(reports, r)
	}
	if diff := cmp.Diff(reports[1], reports[0], cmpopts.IgnoreUnexported(profile.Column{})); diff != "" {
		t.Errorf("(-disk +memory):\n%s", diff)
	}
	if len(reports[0].Filtered) < 2 || reports[0].Tables[0].Column("event") == nil || reports[0].Tables[2].Column("categories").Lengths.Max != 3 {
		t.Errorf("filtered %v, the columns %d", reports[0].Filtered, len(reports[0].Tables[0].Columns))
	}
}

func TestSchema(t *testing.T) {
	r, p := open(t, leaky, "i,size,kind\n10,1.5,a\n11,2.5,b\n12,,a\n", "memory", "{by: column, column: fold}")
	s := r.Schema(p.Config(), p.LabelColumns())
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`{"name":"u","dtype":"int64","tags":["user","id"],"domain":{"min":1,"max":3,"distinct":3,"values":["1","2","3"],"nulls":false}}`,
		`{"name":"t","dtype":"int64","tags":["context","time"],"domain":`,
		`{"name":"device","dtype":"string","tags":["target"],"domain":{"distinct":3,"values":["x","z","y"],"nulls":false}}`,
		`{"name":"fold","dtype":"string","domain":{"distinct":3,"values":["train","test","valid"],"nulls":true}}`,
		`{"name":"size","dtype":"float32","tags":["item"],"domain":{"min":1.5,"max":2.5,"distinct":2,"nulls":true}}`,
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %s in %s", want, text)
		}
	}
}

// TestPage: the page has what the report has, names nothing outside, and shows text of the data as text.
func TestPage(t *testing.T) {
	r, _ := open(t, leaky+"4,10,1000000900,<script>alert(1)</script>,train\n", "", "memory", "{by: column, column: fold}")
	var page bytes.Buffer
	if err := r.WriteHTML(&page, "t"); err != nil {
		t.Fatal(err)
	}
	text := page.String()
	if found := regexp.MustCompile(`(?i)(src|href)=|url\(|@import|<script`).FindString(text); found != "" {
		t.Errorf("the page has %q", found)
	}
	for _, want := range []string{"&lt;script&gt;alert(1)", "prefers-color-scheme: dark", "2001-09-09 01:48", "<svg", "like a training row"} {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %q", want)
		}
	}
	if strings.Contains(text, "NaN") || strings.Contains(text, "ZgotmplZ") {
		t.Error("the page has something that is no number, or was refused by the template")
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, p := open(t, leaky, "", "memory", "{by: column, column: fold}")
	if _, err := report.New(ctx, p.Config(), t.TempDir()); err == nil {
		t.Error("no error after the context has ended")
	}
}
