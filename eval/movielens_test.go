package eval_test

import (
	"compress/gzip"
	"encoding/csv"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"recsys/eval"
	"recsys/model"
	"recsys/schema"
	"recsys/tensor"
	"recsys/train"
)

// TestPopularityOnMovieLens repeats the figures of popularity on MovieLens 1M, leave one out, that a scipy program of
// another hand gave: recall@10/20/100 0.0363, 0.0684, 0.2258 and ndcg@10 0.0178. Items of equal counts stand in another
// order there, which moves a few of 6,040 users.
func TestPopularityOnMovieLens(t *testing.T) {
	path := filepath.Join(os.Getenv("RECSYS_DATA"), "ratings.csv.gz")
	if _, err := os.Stat(path); os.Getenv("RECSYS_DATA") == "" || err != nil {
		t.Skip("RECSYS_DATA does not name a folder with MovieLens 1M as csv.gz; see docs/how-to/get-movielens.md")
	}
	e, parts := readRatings(t, path)
	seen := append(append([]int32{}, parts["train"]...), parts["valid"]...)
	r, err := model.Popularity(e.Schema, train.Counts(e, seen), e.First)
	if err != nil {
		t.Fatal(err)
	}
	got, err := eval.Retrieval(t.Context(), r, e, parts["test"], seen, eval.Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := eval.Metrics{"recall@10": 0.0363, "recall@20": 0.0684, "recall@100": 0.2258, "ndcg@10": 0.0178, "users": 6040}
	for name, v := range want {
		if math.Abs(got[name]-v) > 0.0005 {
			t.Errorf("%s is %.4f, want %.4f", name, got[name], v)
		}
	}
}

// readRatings reads users, items and loo_split; ids are given by first appearance.
func readRatings(t *testing.T, path string) (*train.Examples, map[string][]int32) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // It is read to its end.
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := csv.NewReader(z)
	head, err := lines.Read()
	if err != nil {
		t.Fatal(err)
	}
	at := map[string]int{}
	for i, name := range head {
		at[name] = i
	}
	const first = 3
	ids := func() func(key string) int32 {
		known := map[string]int32{}
		return func(key string) int32 {
			if _, ok := known[key]; !ok {
				known[key] = int32(first + len(known))
			}
			return known[key]
		}
	}
	user, item := ids(), ids()
	e, parts := &train.Examples{First: first}, map[string][]int32{}
	last := [2]int32{}
	for {
		line, err := lines.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		part := line[at["loo_split"]]
		parts[part] = append(parts[part], int32(len(e.User)))
		e.User, e.Item = append(e.User, user(line[at["user_id"]])), append(e.Item, item(line[at["movie_id"]]))
		last = [2]int32{max(last[0], e.User[len(e.User)-1]), max(last[1], e.Item[len(e.Item)-1])}
	}
	for i, tag := range []schema.Tag{schema.User, schema.Item} {
		e.Schema = append(e.Schema, schema.Column{
			Name: string(tag) + "_id", DType: schema.DType{DType: tensor.Int64}, Cardinality: int(last[i]) + 1,
			Tags: []schema.Tag{tag, schema.ID, schema.Categorical},
		})
	}
	e.Users = tensor.Map{"user_id": tensor.Zeros(tensor.Int64, int(last[0])+1)}
	e.Items = tensor.Map{"item_id": tensor.Zeros(tensor.Int64, int(last[1])+1)}
	return e, parts
}
