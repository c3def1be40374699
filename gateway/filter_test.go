package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/featurestore"
	"recsys/gateway"
	"recsys/schema"
	"recsys/tensor"
)

func attributeRow() schema.Schema {
	return schema.Schema{
		column("year", tensor.Int64, 0, schema.Item),
		column("genres", tensor.String, 2, schema.Item),
		column("available_in", tensor.String, 2, schema.Item),
	}
}

// described gives the fixture's items attributes: a to j are of 1990 to 1999, every second one is a comedy too, d is a horror film, c has no year, and e and f are
// available in one country alone.
func described(tb testing.TB) func(*gateway.Config) {
	tb.Helper()
	codec, err := featurestore.NewCodec(attributeRow())
	if err != nil {
		tb.Fatal(err)
	}
	return func(c *gateway.Config) {
		c.ItemRow = attributeRow()
		c.Items = func(yield func(featurestore.Record, error) bool) {
			for i, key := range itemKeys() {
				year, genres, countries := int64(1990+i), []string{"Drama", ""}, []string{"", ""}
				if i%2 == 0 {
					genres[1] = "Comedy"
				}
				if key == "d" {
					genres[0] = "Horror"
				}
				if key == "c" {
					year = tensor.NullInt64
				}
				if key == "e" || key == "f" {
					countries[0] = map[string]string{"e": "de", "f": "fr"}[key]
				}
				row, err := codec.Encode(tensor.Map{
					"year": tensor.Of([]int64{year}, 1), "genres": tensor.Of(genres, 1, 2), "available_in": tensor.Of(countries, 1, 2),
				}, 0)
				if !yield(featurestore.Record{UserID: key, Row: row}, err) {
					return
				}
			}
		}
	}
}

// where adds conditions to the manifest, with a column of users and one of the context that the ensemble does not take.
func where(conditions ...string) func(*gateway.Config) {
	return func(c *gateway.Config) {
		c.Manifest.Where = conditions
		c.Manifest.Attributes = schema.Schema{column("country", tensor.String, 0, schema.Context)}
	}
}

func both(changes ...func(*gateway.Config)) func(*gateway.Config) {
	return func(c *gateway.Config) {
		for _, change := range changes {
			change(c)
		}
	}
}

// shown are the items of an answer to a request with the given further fields. User 7 is not known.
func shown(t *testing.T, s *stand, fields string) string {
	t.Helper()
	w := post(t, s, `{"user_id": 7, "num_results": 6`+fields+`}`)
	if w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	var a gateway.Answer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, item := range a.Items {
		b.WriteString(item.ItemID)
	}
	return b.String()
}

func TestFilter(t *testing.T) {
	s := newStand(t, both(described(t), where()))
	for fields, want := range map[string]string{
		``:                                  "abcdef",
		`, "filter": null`:                  "abcdef",
		`, "filter": "genres has 'Comedy'"`: "acegi",
		`, "filter": "genres has 'Comedy' && year >= 1994"`:                                                     "egi",
		`, "filter": "item_id in ('b', 'j')"`:                                                                   "bj",
		`, "filter": "year < 1993 or is_null(year)"`:                                                            "abc",
		`, "filter": "year > user.age + 1962"`:                                                                  "defghi", // The age is 30.5 by default.
		`, "filter": "year > user.age + 1962", "context": {"age": 35}`:                                          "ij",
		`, "filter": "is_null(available_in) or available_in has context.country"`:                               "abcdgh",
		`, "filter": "is_null(available_in) or available_in has context.country", "context": {"country": "fr"}`: "abcdfg",
		`, "filter": "year == 1"`:                                                                               "",
		`, "filter": "genres has 'Comedy'", "exclude_item_ids": ["a", "g"]`:                                     "cei",
		`, "filter": "genres has 'Comedy'", "candidate_item_ids": ["a", "b", "i"]`:                              "ai",
	} {
		if got := shown(t, s, fields); got != want {
			t.Errorf("%s: got %s, want %s", fields, got, want)
		}
		if got := shown(t, s, fields); got != want { // Now out of the cache.
			t.Errorf("%s again: got %s, want %s", fields, got, want)
		}
	}
	if _, ok := s.ranker.last()["country"]; ok {
		t.Error("the ensemble was given a column that it does not take")
	}
}

func TestWhere(t *testing.T) {
	s := newStand(t, both(described(t), where("year != 1990", "is_null(available_in) or available_in has context.country")))
	for fields, want := range map[string]string{
		``:                                      "bdghij", // c has no year, and nobody knows whether it is of 1990.
		`, "context": {"country": "de"}`:        "bdeghi",
		`, "context": {"country": "fr"}`:        "bdfghi",
		`, "filter": "genres has 'Comedy'"`:     "gi",
		`, "candidate_item_ids": ["a","b","e"]`: "b",
	} {
		if got := shown(t, s, fields); got != want {
			t.Errorf("%s: got %s, want %s", fields, got, want)
		}
	}
	// Neither a ranking nor what stands in for the ensemble shows what is filtered out.
	w := do(t, s.public, http.MethodPost, "/v1/rankings", `{"user_id": 7, "item_ids": ["a", "e", "b"]}`)
	var r gateway.Ranking
	if err := json.Unmarshal(w.Body.Bytes(), &r); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r.UnrankedItemIDs, []string{"a", "e"}); diff != "" || len(r.Items) != 1 {
		t.Errorf("ranking %s", w.Body)
	}
	s.ranker.infer = func(context.Context, tensor.Map) (tensor.Map, string, error) { return nil, "", errors.New("down") }
	if got := shown(t, s, `, "filter": "item_id in ('j', 'h')"`); got != "jh" {
		t.Errorf("fallback: got %s, want jh", got)
	}
	// /v1/popular has no user and no context: what depends on them is not asked.
	s = newStand(t, both(described(t), where("item_id != 'j'")))
	if w := do(t, s.public, http.MethodGet, "/v1/popular?num_results=2", ""); !strings.Contains(w.Body.String(), `[{"item_id":"i"`) {
		t.Errorf("popular %s", w.Body)
	}
}

func TestFilterFaults(t *testing.T) {
	s := newStand(t, both(described(t), where()))
	for filter, want := range map[string]string{
		`"year >="`:                           `"pointer":"/filter","detail":"formula \"year \u003e=\": at character 8: the formula ends`,
		`"yeer > 1"`:                          `there is no column yeer; there are available_in, context.country, `,
		`"year"`:                              `a condition is needed`,
		`"a.b > 1"`:                           `\"a\" is neither user nor context`,
		`7`:                                   `"pointer":"/filter","detail":"want a string"`,
		`["year"]`:                            `"pointer":"/filter","detail":"want a string"`,
		`"` + strings.Repeat("(", 4097) + `"`: `"pointer":"/filter","detail":"longer than 4096 bytes"`,
	} {
		w := post(t, s, `{"user_id": 7, "filter": `+filter+`}`)
		if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: got %d %s, want 422 with %s", filter, w.Code, w.Body, want)
		}
	}
	w := do(t, s.public, http.MethodPost, batchPath, `{"requests": [{"user_id": 7, "filter": "year ="}, {"user_id": 7, "filter": "year > 1996", "num_results": 2}]}`)
	if body := w.Body.String(); !strings.Contains(body, `"pointer":"/requests/0/filter"`) || !strings.Contains(body, `"items":[{"item_id":"h"`) {
		t.Errorf("batch %s", body)
	}
	// Without a bitmap the ensemble cannot be held to a condition.
	s = newStand(t, both(described(t), func(c *gateway.Config) { c.Manifest.Blocked.Input, c.Manifest.Blocked.Bytes = "", 0 }))
	if w := post(t, s, `{"user_id": 7, "filter": "year > 1"}`); !strings.Contains(w.Body.String(), "takes no bitmap") {
		t.Errorf("without a bitmap: %s", w.Body)
	}
}

func TestWhereFaults(t *testing.T) {
	for want, change := range map[string]func(*gateway.Config){
		"there is no column yeer":      where("yeer > 1"),
		"a condition is needed":        where("year"),
		"there is no column user.year": where("user.year > 1"),
		"row has schema hash":          func(c *gateway.Config) { c.ItemRow = c.ItemRow[:1] },
		"items: ":                      func(c *gateway.Config) { c.ItemRow = append(c.ItemRow, c.Manifest.ItemKey) },
	} {
		s := newStand(t, described(t))
		config := gateway.Config{Manifest: manifest(t), Inferencer: s.ranker, Store: s.store}
		both(described(t), change)(&config)
		if _, err := gateway.New(config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
}

// More filters than are kept make no difference but the time that they take.
func TestManyFilters(t *testing.T) {
	s := newStand(t, described(t))
	for round := range 2 {
		for year := range 300 {
			want := "abdefg"
			if year > 4 {
				want = ""
			}
			filter := fmt.Sprintf(`, "filter": "year >= %d"`, 1990+max(0, year-4)*100)
			if got := shown(t, s, filter); got != want {
				t.Fatalf("round %d, %s: got %s, want %s", round, filter, got, want)
			}
		}
	}
}
