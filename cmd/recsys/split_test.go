package main

import (
	"bytes"
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"recsys/engine"
	"recsys/ensemble"
	"recsys/featurestore"
	"recsys/gateway"
	"recsys/internal/verify"
	"recsys/pipeline"
	"recsys/tensor"
)

// behind serves a repository by the embedded engine behind a gateway.
func behind(t *testing.T, dir string) (subject, *local) {
	t.Helper()
	l, err := openLocal(t.Context(), dir, "")
	if err != nil {
		t.Fatal(err)
	}
	g, err := newGateway(l.served, l.engine, l.store, gateway.Config{Timeout: verifyTimeout, NoFallback: true})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(g.Handler())
	t.Cleanup(func() {
		server.Close()
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return subject{dir, server.URL, l.served, server.Client()}, l
}

// recommended asks for a user's list.
func recommended(t *testing.T, s subject, user string) verify.List {
	t.Helper()
	list, err := ask(t.Context(), s, question{user: user}, s.served.manifest.Limits.MaxResults, time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).Unix())
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestSplitAnswersAsBaked exports one run in both layouts and asks for every user: the lists have the same ids in the same places, and scores that
// differ by no more than kernels do which get the same numbers in other blocks, 1e-6 at scores below 10.
func TestSplitAnswersAsBaked(t *testing.T) {
	shared := makeShared(t)
	baked, _ := behind(t, filepath.Join(shared, "repo"))
	users, err := drawUsers(pipeline.UserRows(baked.served.dir), 40, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, fuse := range []ensemble.Fuse{ensemble.FuseNone, ensemble.FuseGroups, ensemble.FuseAll} {
		t.Run(string(fuse), func(t *testing.T) {
			dir := t.TempDir()
			options := pipeline.ExportOptions{Layout: pipeline.LayoutSplit}
			options.Fuse = fuse
			if _, err := pipeline.Export(t.Context(), filepath.Join(shared, "run"), dir, options); err != nil {
				t.Fatal(err)
			}
			if findings, err := ensemble.Validate(dir); err != nil || len(findings) > 0 {
				t.Errorf("findings %v, %v", findings, err)
			}
			split, l := behind(t, dir)
			sameLists(t, users, baked, split)
			if fuse == ensemble.FuseGroups {
				changeRow(t, split, l, users[0])
			}
		})
	}
}

// sameLists asks two subjects for every user's list.
func sameLists(t *testing.T, users []string, baked, split subject) {
	t.Helper()
	for _, user := range users {
		want, got := recommended(t, baked, user), recommended(t, split, user)
		if !slices.Equal(want.IDs, got.IDs) {
			t.Errorf("user %s: %v, want %v", user, got.IDs, want.IDs)
			continue
		}
		for i := range want.Scores {
			if math.Abs(want.Scores[i]-got.Scores[i]) > 1e-6 {
				t.Errorf("user %s, item %s: score %v, want %v", user, want.IDs[i], got.Scores[i], want.Scores[i])
			}
		}
	}
}

// TestSplitAnswersAsBakedWithEverything does so for several sources, columns of users and items together, a filter by a condition and a policy, and
// switches an item off and on.
func TestSplitAnswersAsBakedWithEverything(t *testing.T) {
	shared, dir := makeShop(t, "testdata/split.yaml"), t.TempDir()
	x, err := pipeline.Export(t.Context(), filepath.Join(shared, "run"), dir, pipeline.ExportOptions{Layout: pipeline.LayoutSplit})
	if err != nil {
		t.Fatal(err)
	}
	if findings, err := ensemble.Validate(dir); err != nil || len(findings) > 0 {
		t.Errorf("findings %v, %v", findings, err)
	}
	baked, bakedLocal := behind(t, filepath.Join(shared, "repo"))
	split, splitLocal := behind(t, dir)
	m := split.served.manifest
	if len(m.Sources) != 3 || m.Ordering == nil || !x.Ranking {
		t.Fatalf("sources %v, policy %v, two ensembles: %v", m.Sources, m.Ordering, x.Ranking)
	}
	users, err := drawUsers(pipeline.UserRows(baked.served.dir), 40, 1)
	if err != nil {
		t.Fatal(err)
	}
	sameLists(t, users, baked, split)
	spread := func(user string) bool {
		scores := recommended(t, split, user).Scores
		slices.Reverse(scores)
		return !slices.IsSorted(scores)
	}
	if !slices.ContainsFunc(users, spread) {
		t.Error("all lists fall by score: the policy has done nothing")
	}

	for _, user := range users[:5] {
		if diff := cmp.Diff(explained(t, splitLocal, user), explained(t, bakedLocal, user), cmpopts.EquateApprox(0, 1e-6)); diff != "" {
			t.Errorf("user %s is explained otherwise (-split +baked):\n%s", user, diff)
		}
	}

	before := recommended(t, split, users[0])
	item := before.IDs[0]
	for _, available := range []bool{false, true} {
		for _, l := range []*local{bakedLocal, splitLocal} {
			if err := l.store.SetAvailable(t.Context(), item, available); err != nil {
				t.Fatal(err)
			}
		}
		sameLists(t, users, baked, split)
		for _, user := range users {
			if ids := recommended(t, split, user).IDs; !available && slices.Contains(ids, item) {
				t.Errorf("user %s: %v has item %s, which is switched off", user, ids, item)
			}
		}
	}
	if after := recommended(t, split, users[0]); !slices.Equal(after.IDs, before.IDs) {
		t.Errorf("%v, want %v: the item is switched on again", after.IDs, before.IDs)
	}
	changeRow(t, split, splitLocal, users[0])
	// Its price is a million now, which conditions do not see.
	for _, e := range explained(t, splitLocal, users[0]) {
		if e.ItemID == item && e.DroppedBy != "" && e.DroppedBy != gateway.DroppedOrdering {
			t.Errorf("item %s is dropped by %s", item, e.DroppedBy)
		}
	}
}

// explained asks the operators' listener why a user's list is as it is, and what has become of the first 60 items.
func explained(t *testing.T, l *local, user string) []gateway.Explained {
	t.Helper()
	g, err := newGateway(l.served, l.engine, l.store, gateway.Config{Timeout: verifyTimeout, NoFallback: true})
	if err != nil {
		t.Fatal(err)
	}
	items := make([]int, 60)
	for i := range items {
		items[i] = i + 1
	}
	body, err := json.Marshal(map[string]any{"user_id": user, "num_results": 10, "item_ids": items})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	g.AdminHandler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/explanations", bytes.NewReader(body)))
	var x gateway.Explanation
	if err := json.Unmarshal(w.Body.Bytes(), &x); err != nil || w.Code != http.StatusOK || x.Degraded {
		t.Fatalf("user %s: %d %s", user, w.Code, w.Body)
	}
	for _, e := range x.Explained[:len(x.Items)] {
		if e.Candidate == 0 || e.Source == "" || len(e.Stages) != 3 {
			t.Errorf("user %s: item %s is explained by %+v; want its place, its source and three stages", user, e.ItemID, e)
		}
	}
	return x.Explained
}

// changeRow changes the row of the user's first item, whose score has to be another one in the very next answer, while the others' stay.
func changeRow(t *testing.T, s subject, l *local, user string) {
	t.Helper()
	before := recommended(t, s, user)
	codec, err := featurestore.NewCodec(s.served.manifest.Ranking.Row)
	if err != nil {
		t.Fatal(err)
	}
	item := before.IDs[0]
	rows, err := l.store.Items(t.Context(), []string{item})
	if err != nil {
		t.Fatal(err)
	}
	values, err := codec.Decode(rows[0])
	if err != nil {
		t.Fatal(err)
	}
	values["price"], values["brand"] = tensor.Of([]float32{1e6}, 1), tensor.Of([]string{"nobody"}, 1)
	row, err := codec.Encode(values, 1)
	if err != nil {
		t.Fatal(err)
	}
	stats, err := l.store.LoadItems(t.Context(), func(yield func(featurestore.Record, error) bool) {
		yield(featurestore.Record{UserID: item, Row: row}, nil)
	})
	if err != nil || stats.Rows != 1 {
		t.Fatalf("load: %+v, %v", stats, err)
	}
	after := recommended(t, s, user)
	for i, id := range before.IDs {
		at := slices.Index(after.IDs, id)
		if at < 0 {
			if id != item {
				t.Errorf("item %s has left the list", id)
			}
			continue
		}
		if changed := before.Scores[i] != after.Scores[at]; changed != (id == item) {
			t.Errorf("item %s: score %v, was %v; the row of %s was changed", id, after.Scores[at], before.Scores[i], item)
		}
	}
	// The export again does not undo it, as it is older.
	if err := loadRows(t.Context(), l.store, s.served.dir, s.served.manifest); err != nil {
		t.Fatal(err)
	}
	if again := recommended(t, s, user); !slices.Equal(again.Scores, after.Scores) {
		t.Errorf("after the export was loaded again: %v, want %v", again.Scores, after.Scores)
	}
}

// TestSplitProbes has the probes of both ensembles look at right answers, and at answers that are wrong in one way.
func TestSplitProbes(t *testing.T) {
	for _, yaml := range []string{"testdata/recsys.yaml", "testdata/split.yaml"} {
		t.Run(filepath.Base(yaml), func(t *testing.T) { splitProbes(t, yaml) })
	}
}

func splitProbes(t *testing.T, yaml string) {
	t.Helper()
	dir := t.TempDir()
	options := pipeline.ExportOptions{Layout: pipeline.LayoutSplit}
	if _, err := pipeline.Export(t.Context(), filepath.Join(makeShop(t, yaml), "run"), dir, options); err != nil {
		t.Fatal(err)
	}
	probes, err := gatewayProbes(t.Context(), dir, "shop")
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.Open(t.Context(), dir, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}()
	counts := map[bool]int{}
	for i, p := range probes {
		counts[p.Ranking]++
		name, ids, scores := "shop", "ranking_raw_item_item_id", "ranking_masked_scores"
		if p.Ranking {
			name, ids, scores = "shop_ranking", "item_ids", "scores"
		}
		answer, _, err := e.Infer(t.Context(), name, p.Inputs, p.Outputs)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.Check(answer); err != nil {
			t.Errorf("probe %d refuses the right answer: %v", i, err)
		}
		for what, spoil := range map[string]func(tensor.Map){
			"item":  func(out tensor.Map) { tensor.MustData[int64](out[ids])[0] = -1 },
			"score": func(out tensor.Map) { tensor.MustData[float32](out[scores])[0] += 0.01 },
		} {
			out := clones(answer)
			spoil(out)
			if p.Check(out) == nil {
				t.Errorf("probe %d takes an answer with another %s", i, what)
			}
		}
	}
	if counts[false] != probeUsers || counts[true] != probeUsers {
		t.Errorf("%d probes of the first ensemble and %d of the second, want %d of each", counts[false], counts[true], probeUsers)
	}
}
