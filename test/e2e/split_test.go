package e2e_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	"recsys/ensemble"
	"recsys/featurestore"
	"recsys/featurestore/redis"
	"recsys/gateway"
	"recsys/tensor"
	redistest "recsys/test/redis"
	"recsys/test/triton"
)

// splitModels are what a Triton has to be told to load.
func splitModels() triton.Options {
	return triton.Options{LoadModels: []string{"shop", ensemble.RankingName("shop")}}
}

// TestSplitAgrees compares, for every fusing of two ensembles, the run's stages, which look item features up, with the embedded engine, a real Triton
// and the REST endpoint of a gateway that reads item rows from a real Redis.
func TestSplitAgrees(t *testing.T) {
	store := redistest.Start(t)
	w := theWorld(t)
	for _, fuse := range []ensemble.Fuse{ensemble.FuseNone, ensemble.FuseGroups, ensemble.FuseAll} {
		t.Run(string(fuse), func(t *testing.T) {
			repository := filepath.Join(t.TempDir(), "repository")
			w.must(t, "export", "--run", w.run, "--to", repository, "--fuse", string(fuse), "--layout", "split")
			w.must(t, "check", repository)
			server := triton.Start(t, repository, splitModels())
			url := w.agrees(t, repository, server, store)
			if fuse == ensemble.FuseAll {
				changedRow(t, repository, store, url)
			}
		})
	}
}

// changedRow changes an item's row in Redis, which has to count in the very next answer, and kills Redis, without which answers go on and say so.
func changedRow(t *testing.T, repository string, server *redistest.Server, url string) {
	t.Helper()
	ask := func() gateway.Answer {
		t.Helper()
		status, _, text := call(t, url+"/v1/recommendations", `{"user_id": 7, "num_results": 50}`)
		var a gateway.Answer
		if err := json.Unmarshal(text, &a); err != nil || status != http.StatusOK {
			t.Fatalf("%d %s", status, text)
		}
		return a
	}
	m, err := ensemble.ReadManifest(filepath.Join(repository, "shop", "1", ensemble.ManifestFile))
	if err != nil {
		t.Fatal(err)
	}
	codec, err := featurestore.NewCodec(m.Ranking.Row)
	if err != nil {
		t.Fatal(err)
	}
	store, err := redis.Open(server.URL(), "shop", redis.WithTimeout(10*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, store)
	before := ask()
	item := before.Items[0].ItemID
	rows, err := store.Items(t.Context(), []string{item})
	if err != nil {
		t.Fatal(err)
	}
	values, err := codec.Decode(rows[0])
	if err != nil {
		t.Fatal(err)
	}
	values["price"] = tensor.Of([]float32{1e6}, 1)
	row, err := codec.Encode(values, time.Now().UnixMilli())
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.LoadItems(t.Context(), func(yield func(featurestore.Record, error) bool) {
		yield(featurestore.Record{UserID: item, Row: row}, nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	score := func(a gateway.Answer) string {
		for _, i := range a.Items {
			if i.ItemID == item {
				return fmt.Sprint(i.Score)
			}
		}
		return "none"
	}
	if was, is := score(before), score(ask()); was == is {
		t.Errorf("the score of item %s is %s before and after its row was changed", item, was)
	}
	server.Kill()
	if a := ask(); len(a.DegradedReasons) != 1 || a.DegradedReasons[0] != gateway.FeaturesUnavailable || len(a.Items) != 50 {
		t.Errorf("without Redis: %d items, degraded by %v", len(a.Items), a.DegradedReasons)
	}
}

// TestSplitFollows changes from two ensembles to two others, to one, and back, while clients ask a gateway that runs: no request fails, and no answer is
// degraded.
func TestSplitFollows(t *testing.T) {
	w := theWorld(t)
	repository := filepath.Join(t.TempDir(), "repository")
	export := func(args ...string) {
		t.Helper()
		w.must(t, append([]string{"export", "--run", w.run, "--to", repository}, args...)...)
	}
	export("--layout", "split")
	server := triton.Start(t, repository, splitModels())
	url := w.serve(t, "--repository", repository, "--triton", server.GRPC, "--timeout", "10s")
	a := askAllTheTime(t, url)
	models := func(verb string, args ...string) {
		t.Helper()
		w.must(t, append([]string{"models", verb, "--repository", repository, "--triton", server.GRPC}, args...)...)
	}
	a.await(t, 1)
	export("--layout", "split", "--batch", "32")
	models("publish")
	a.await(t, 2)
	models("rollback")
	a.await(t, 1)
	export("--layout", "baked")
	models("publish")
	a.await(t, 3)
	models("rollback")
	a.await(t, 1)
	models("canary", "--generation", "2")
	canary := w.serve(t, "--repository", repository, "--triton", server.GRPC, "--timeout", "10s", "--model", "shop_canary")
	w.must(t, "verify", "--run", w.run, "--repository", repository, "--model", "shop_canary", "--gateway", canary, "--users", "50")
	models("canary", "--end")
	models("prune", "--generation", "2", "--generation", "3")
	a.await(t, 1)
	a.stop(t)
	left, err := filepath.Glob(filepath.Join(repository, "*"))
	if err != nil || len(left) != 5 {
		t.Errorf("left are %v (%v), want three stages and two ensembles", left, err)
	}
}
