package synthetic_test

import (
	"cmp"
	"math"
	"os"
	"os/exec"
	"slices"
	"testing"

	"recsys/data"
	"recsys/data/synthetic"
)

func shop(t *testing.T, c synthetic.Config) *synthetic.Tables {
	t.Helper()
	s, err := synthetic.Shop(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func values[T data.Value](t *testing.T, table *data.Table, name string) []T {
	t.Helper()
	v, err := data.Values[T](table, name)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestGolden pins the content of the shop behind the committed model repository, also without fused multiply-add.
func TestGolden(t *testing.T) {
	s := shop(t, synthetic.Golden())
	for name, tt := range map[string]struct {
		table *data.Table
		want  string
	}{
		"users":        {s.Users, "sha256:aeaa570438ef6ca2d1feeda7d54504d111c9b56332ab37da207dddb1cd354d0b"},
		"items":        {s.Items, "sha256:9d091b189f740c19212ff4167adf9ce268e123c1ce2ab5a51af39b3cca95924e"},
		"events":       {s.Events, "sha256:dca6fe1b561368a7af1e0726369e04ea236b65026f32a7592c6d1ce7e846aee6"},
		"interactions": {s.Interactions, "sha256:22dd1ec93cfe578946c0a47e05e2d248efebb1b68cb9f1c76ff8021bc9bb166c"},
	} {
		if got := tt.table.Hash(); got != tt.want {
			t.Errorf("%s: hash %s, want %s", name, got, tt.want)
		}
	}
	if os.Getenv("RECSYS_SYNTHETIC_CHILD") != "" {
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestGolden$")
	cmd.Env = append(os.Environ(), "RECSYS_SYNTHETIC_CHILD=1", "GODEBUG=cpu.fma=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("with GODEBUG=cpu.fma=off: %v\n%s", err, out)
	}
}

func TestShape(t *testing.T) {
	s := shop(t, synthetic.Config{Seed: 1})
	if u, i := s.Users.Len(), s.Items.Len(); u != 2000 || i != 1000 {
		t.Errorf("%d users and %d items, want 2000 and 1000", u, i)
	}
	if n := s.Events.Len(); n < 108_000 || n > 132_000 { // about 120,000, 10 % either way
		t.Errorf("%d events, want about 120000", n)
	}
	count := map[string]int{}
	for _, e := range values[string](t, s.Events, "event") {
		count[e]++
	}
	if v, c, p := count["view"], count["cart"], count["purchase"]; v != s.Interactions.Len() || c*20 < v || c*3 > v || p*10 < c*3 || p > c {
		t.Errorf("events %v: want as many views as interactions, 5 to 33 %% with a cart, 30 %% of these or more with a purchase", count)
	}
	if !slices.IsSorted(values[int64](t, s.Events, "timestamp")) {
		t.Error("events are not in the order of time")
	}
	perUser := map[int64]int{}
	for _, u := range values[int64](t, s.Interactions, "user_id") {
		perUser[u]++
	}
	for u := range int64(2000) {
		if perUser[u+1] < 3 { // leaving two out has to leave one
			t.Errorf("user %d has %d interactions, want 3 at least", u+1, perUser[u+1])
		}
	}
}

func TestStringKeysAndSeeds(t *testing.T) {
	c := synthetic.Golden()
	c.StringKeys = true
	if ids := values[string](t, shop(t, c).Items, "item_id"); ids[0] != "sku-00001" {
		t.Errorf("first item %q, want sku-00001", ids[0])
	}
	c = synthetic.Golden()
	c.Seed++
	if shop(t, c).Events.Hash() == shop(t, synthetic.Golden()).Events.Hash() {
		t.Error("two seeds give the same events")
	}
	for _, c := range []synthetic.Config{{Users: 1}, {Items: 29}, {Sessions: -1}} {
		if _, err := synthetic.Shop(c); err == nil {
			t.Errorf("Shop(%+v): no error", c)
		}
	}
}

// TestSmallestShop runs out of items: every user sees nearly all of them.
func TestSmallestShop(t *testing.T) {
	s := shop(t, synthetic.Config{Users: 2, Items: 30, Sessions: 200})
	if n := s.Interactions.Len(); n == 0 || n > 60 {
		t.Errorf("%d interactions of 2 users and 30 items", n)
	}
}

func TestWriteAndRead(t *testing.T) {
	dir, s := t.TempDir(), shop(t, synthetic.Golden())
	if err := s.Write(dir); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]*data.Table{"users": s.Users, "items": s.Items, "events": s.Events, "interactions": s.Interactions} {
		path, err := data.Resolve(dir, name+".csv.gz")
		if err != nil {
			t.Fatal(err)
		}
		spec := data.Spec{Path: path}
		if name == "items" {
			spec.Lists = synthetic.Lists()
		}
		got, err := data.Read(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		if got.Hash() != want.Hash() {
			t.Errorf("%s: read back, it differs", name)
		}
	}
}

// auc is the chance that a positive row has a higher score than a negative one; scores have no ties here.
func auc(score []float64, label []int64) float64 {
	order := make([]int, len(score))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(score[a], score[b]) })
	ranks, positive := 0.0, 0.0
	for rank, i := range order {
		if label[i] == 1 {
			ranks += float64(rank + 1)
			positive++
		}
	}
	return (ranks - positive*(positive+1)/2) / (positive * (float64(len(score)) - positive))
}

// TestCartsCanBePredicted bounds a ranker from above by the planted odds, and from below by what rows alone tell.
func TestCartsCanBePredicted(t *testing.T) {
	for name, c := range map[string]synthetic.Config{"default": {Seed: 1}, "golden": synthetic.Golden()} {
		s := shop(t, c)
		label := values[int64](t, s.Interactions, "carted")
		users, items := values[int64](t, s.Interactions, "user_id"), values[int64](t, s.Interactions, "item_id")
		odds, taste, zero := make([]float64, len(label)), make([]float64, len(label)), make([]float64, len(label))
		for i := range label {
			odds[i] = s.Odds(int(users[i]-1), int(items[i]-1))
			taste[i] = s.Taste(int(users[i]-1), int(items[i]-1))
			zero[i] = math.Mod(float64(i)*0.618033988749895, 1) // says nothing
		}
		if got := auc(odds, label); got < 0.75 {
			t.Errorf("%s: planted odds have an AUC of %.3f, want 0.75 at least", name, got)
		}
		if got := auc(taste, label); got < 0.65 {
			t.Errorf("%s: tastes have an AUC of %.3f, want 0.65 at least", name, got)
		}
		if got := auc(zero, label); math.Abs(got-0.5) > 0.03 {
			t.Errorf("%s: a score that says nothing has an AUC of %.3f, want 0.5", name, got)
		}
		t.Logf("%s: AUC of odds %.3f, of taste %.3f", name, auc(odds, label), auc(taste, label))
	}
}

// TestTasteBeatsPopularity leaves each user's last interaction out and ranks all items not met before.
func TestTasteBeatsPopularity(t *testing.T) {
	for name, c := range map[string]synthetic.Config{"default": {Seed: 1}, "golden": synthetic.Golden()} {
		s := shop(t, c)
		parts, err := data.Split{By: data.ByLast, User: "user_id", Order: "timestamp"}.Assign(s.Interactions)
		if err != nil {
			t.Fatal(err)
		}
		users, items := values[int64](t, s.Interactions, "user_id"), values[int64](t, s.Interactions, "item_id")
		categories, err := s.Items.Column("categories")
		if err != nil {
			t.Fatal(err)
		}
		paths := categories.Values().Any().([]string)
		leaf := func(i int) string { return paths[3*i+2] }

		popular, seen, history := make([]float64, s.Items.Len()), map[[2]int]bool{}, make([]map[string]float64, s.Users.Len())
		for u := range history {
			history[u] = map[string]float64{}
		}
		for _, row := range data.Rows(parts, data.Train, data.Valid) {
			u, i := int(users[row]-1), int(items[row]-1)
			popular[i]++
			seen[[2]int{u, i}] = true
			history[u][leaf(i)]++
		}
		test := data.Rows(parts, data.Test)
		recall := func(score func(u, i int) float64) float64 {
			hits := 0
			for _, row := range test {
				u, target := int(users[row]-1), int(items[row]-1)
				better, limit := 0, score(u, target)
				for i := range popular {
					if i != target && !seen[[2]int{u, i}] && score(u, i) >= limit {
						better++
					}
				}
				if better < 20 {
					hits++
				}
			}
			return float64(hits) / float64(len(test))
		}
		p := recall(func(_, i int) float64 { return popular[i] })
		h := recall(func(u, i int) float64 { return popular[i] * (0.1 + history[u][leaf(i)]) })
		o := recall(func(u, i int) float64 { return math.Log(popular[i]+1) + 2*s.Taste(u, i) })
		t.Logf("%s: recall@20 of popularity %.3f, of popularity within the history's categories %.3f, of popularity and taste %.3f", name, p, h, o)
		if h < 1.3*p || o < 1.5*p {
			t.Errorf("%s: recall@20 of popularity %.3f, history %.3f, taste %.3f: want 1.3 and 1.5 times popularity's", name, p, h, o)
		}
	}
}

func BenchmarkShop(b *testing.B) {
	for b.Loop() {
		if _, err := synthetic.Shop(synthetic.Config{Seed: 1}); err != nil {
			b.Fatal(err)
		}
	}
}
