package pipeline_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"recsys/data"
	"recsys/engine"
	"recsys/ensemble"
	"recsys/featurestore"
	"recsys/gateway"
	"recsys/pipeline"
)

// plain recommends what is popular, as far as the filter lets it.
const plain = `name: shop
data:
  interactions: {path: interactions.csv.gz, user: user_id, item: item_id, time: timestamp}
  users: {path: users.csv.gz, key: user_id}
  items: {path: items.csv.gz, key: item_id, lists: {categories: "|"}}
features:
  - categorify: {columns: [user_id, item_id]}
retrieval: [popularity]
candidates: 60
filter: [FILTER]
ordering: {return: 20}
`

// served is a run with its export, behind a gateway of the embedded engine.
type served struct {
	*pipeline.Pipeline
	metrics *pipeline.Metrics
	dir     string // of the data
	http.Handler
	admin    http.Handler
	manifest *ensemble.Manifest
}

// serve runs a pipeline on the shop and serves it.
func serve(t *testing.T, yaml string) *served {
	t.Helper()
	s := &served{dir: shopData(t)}
	run, repo := filepath.Join(s.dir, "run"), t.TempDir()
	var err error
	if s.Pipeline, err = pipeline.New([]byte(yaml), s.dir, run, 0, pipeline.Options{}); err != nil {
		t.Fatal(err)
	}
	if s.metrics, err = s.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := pipeline.Export(t.Context(), run, repo, pipeline.ExportOptions{Options: ensemble.Options{Profile: ensemble.ProfileCPU}}); err != nil {
		t.Fatal(err)
	}
	if findings, err := ensemble.Validate(repo); err != nil || len(findings) > 0 {
		t.Fatalf("check: %v, %v; want no findings", findings, err)
	}
	version := filepath.Join(repo, "shop", "1")
	if s.manifest, err = ensemble.ReadManifest(filepath.Join(version, ensemble.ManifestFile)); err != nil {
		t.Fatal(err)
	}
	backend, err := engine.Open(t.Context(), repo, engine.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = backend.Close() })
	store := featurestore.NewMemory()
	_, users, err := featurestore.ReadRows(pipeline.UserRows(version))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Load(t.Context(), users); err != nil {
		t.Fatal(err)
	}
	header, items, err := featurestore.ReadRows(pipeline.ItemRows(version))
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.New(gateway.Config{
		Manifest: s.manifest, Items: items, ItemRow: header.Schema, Inferencer: backend, Store: store, Timeout: 10 * time.Second, NoFallback: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Handler, s.admin = g.Handler(), g.AdminHandler()
	return s
}

// ask returns the answer to a request for a user with the given further fields.
func (s *served) ask(t *testing.T, user, fields string) gateway.Answer {
	t.Helper()
	w := httptest.NewRecorder()
	body := strings.NewReader(fmt.Sprintf(`{"user_id": %q, "num_results": %d%s}`, user, s.manifest.Limits.MaxResults, fields))
	s.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/recommendations", body))
	var a gateway.Answer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != http.StatusOK || a.Degraded {
		t.Fatalf("user %s: %d %s", user, w.Code, w.Body)
	}
	return a
}

func itemsOf(a gateway.Answer) []string {
	ids := make([]string, len(a.Items))
	for i, item := range a.Items {
		ids[i] = item.ItemID
	}
	return ids
}

// table reads one of the shop's tables; rows by key as text.
func table(t *testing.T, dir, path, key string, lists map[string]string) (*data.Table, map[string]int) {
	t.Helper()
	files, err := data.ResolveAll(dir, path)
	if err != nil {
		t.Fatal(err)
	}
	f, err := data.Open(t.Context(), data.Spec{Path: path, Files: files, Key: key, Lists: lists})
	if err != nil {
		t.Fatal(err)
	}
	read, err := f.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := data.Values[int64](read, key)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]int{}
	for i, k := range keys {
		rows[strconv.FormatInt(k, 10)] = i
	}
	return read, rows
}

func values[T float32 | int64 | string](t *testing.T, from *data.Table, column string) []T {
	t.Helper()
	v, err := data.Values[T](from, column)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestFilterIsTheSameEverywhere holds a run's own lists, and those that its export gives through the gateway, to conditions on items and
// on users, of whom the ensemble knows nothing.
func TestFilterIsTheSameEverywhere(t *testing.T) {
	s := serve(t, strings.Replace(plain, "FILTER", `seen, {where: "price <= 60"}, {where: "not price < user.age / 2 or user.gender == 'F'"}`, 1))
	if _, ok := s.manifest.Inputs.Column("age"); ok {
		t.Fatal("the ensemble takes the age; the test wants that the filter alone needs it")
	}
	prices, itemAt := table(t, s.dir, "items.csv.gz", "item_id", map[string]string{"categories": "|"})
	people, userAt := table(t, s.dir, "users.csv.gz", "user_id", nil)
	price, age, gender := values[float32](t, prices, "price"), values[int64](t, people, "age"), values[string](t, people, "gender")
	var users []string
	for user := range userAt {
		users = append(users, user)
	}
	slices.Sort(users)
	users = users[:60]
	dropped := map[bool]int{}
	err := s.Recommend(t.Context(), pipeline.RecommendOptions{Users: users, K: 20, Everything: true}, func(r pipeline.Recommendation) error {
		if diff := cmp.Diff(itemsOf(s.ask(t, r.User, "")), r.Items); diff != "" {
			t.Errorf("user %s (-gateway +offline):\n%s", r.User, diff)
		}
		u := userAt[r.User]
		for _, item := range r.Items {
			cost := float64(price[itemAt[item]])
			if cost > 60 || cost < float64(age[u])/2 && gender[u] != "F" {
				t.Errorf("user %s, of age %v and gender %q, gets item %s for %v", r.User, age[u], gender[u], item, cost)
			}
			dropped[cost < float64(age[u])/2]++
		}
		for _, item := range itemsOf(s.ask(t, r.User, `, "filter": "price < 30"`)) {
			if price[itemAt[item]] >= 30 {
				t.Errorf("user %s gets item %s for %v", r.User, item, price[itemAt[item]])
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(dropped) != 2 {
		t.Errorf("items below half of the age %d times, others %d times: the test wants both", dropped[true], dropped[false])
	}
	// The evaluation obeys the filter too: with fewer items the lists find less.
	open := serve(t, strings.Replace(plain, "FILTER", "seen", 1))
	if got, all := s.metrics.Pipeline["test"].Answer["coverage@10"], open.metrics.Pipeline["test"].Answer["coverage@10"]; got == all {
		t.Errorf("coverage@10 is %v with and without conditions", got)
	}
	if open.manifest.Where != nil || open.manifest.Attributes != nil {
		t.Errorf("a manifest without conditions has %v and %v", open.manifest.Where, open.manifest.Attributes)
	}
}

func TestFilterFaults(t *testing.T) {
	for filter, want := range map[string]string{
		`{where: "price <"}`:        `filter: where: formula "price <": at character 8`,
		`{where: [1]}`:              `filter: line 10: where: got a list, want text`,
		`{where: "price"}`:          `filter: where: formula "price": at character 1: this is a number; a condition is needed`,
		`{where: "prize < 3"}`:      `there is no column prize;`,
		`{where: "user.town == 1"}`: `there is no column user.town;`,
		`seen, bought`:              `filter: line 10: unknown rule "bought"; there are: seen, where`,
	} {
		dir := shopData(t)
		p, err := pipeline.New([]byte(strings.Replace(plain, "FILTER", filter, 1)), dir, t.TempDir(), 0, pipeline.Options{})
		if err == nil {
			err = p.Fit(t.Context())
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want one with %q", filter, err, want)
		}
	}
}
