package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/gateway"
	"recsys/ordering"
	"recsys/tensor"
)

// ordered gives the manifest a policy. Without one the answers to user 7 are a to f with scores 0.9, 0.8, … 0.4.
func ordered(p ordering.Policy) func(*gateway.Config) {
	return func(c *gateway.Config) { c.Manifest.Ordering = &p }
}

func TestOrdering(t *testing.T) {
	where := func(text string) ordering.Policy {
		return ordering.Policy{Boosts: []ordering.Boost{{Where: text, Times: 3}}}
	}
	open := ordering.Policy{
		Diversity: ordering.Diversity{MMR: &ordering.MMR{By: ordering.Names{"genres"}, Lambda: 1}},
		Slots:     []ordering.Slot{{Position: 2, Item: "e"}},
		Requests:  ordering.Limits{Diversity: true, Temperature: 1, Epsilon: 1, Slots: 2, Boosts: 1, Times: 4},
	}
	tests := []struct {
		policy       ordering.Policy
		fields, want string
	}{
		{where("year > 1993"), ``, "efabcd"},
		{where("year > user.age + 1962"), ``, "defabc"}, // The age is 30.5 by default.
		{where("year > user.age + 1962"), `, "context": {"age": 32.5}`, "fabcde"},
		{where("available_in has context.country"), `, "context": {"country": "fr"}`, "fabcde"},
		{ordering.Policy{Caps: map[string]int{"genres": 2}}, ``, "abd"},
		{ordering.Policy{Slots: []ordering.Slot{{Position: 1, Item: "j"}}}, ``, "jabcde"},
		{ordering.Policy{Slots: []ordering.Slot{{Position: 1, Item: "j"}}}, `, "exclude_item_ids": ["j"]`, "abcdef"},
		{ordering.Policy{Slots: []ordering.Slot{{Position: 1, Item: "j"}}}, `, "filter": "item_id != 'j'"`, "abcdef"},
		{ordering.Policy{Slots: []ordering.Slot{{Position: 1, Item: "zz"}}}, ``, "abcdef"},
		{open, ``, "aebcdf"},
		{open, `, "ordering": {}`, "aebcdf"},
		{open, `, "ordering": {"slots": [{"position": 1, "item_id": "i"}]}`, "ieabcd"},
		{open, `, "ordering": {"slots": [{"position": 3, "item_id": "e"}]}`, "abecdf"},
		{open, `, "ordering": {"boosts": [{"where": "item_id == 'f'", "times": 4}]}`, "feabcd"},
		{open, `, "ordering": {"boosts": [{"where": "item_id == 'a'", "times": 0.25}]}`, "becdfa"},
		{open, `, "ordering": {"diversity": 0.5}`, "aedbcf"}, // d is like none of the others.
		{open, `, "ordering": {"temperature": 0, "diversity": null}`, "aebcdf"},
	}
	for _, tt := range tests {
		s := newStand(t, both(described(t), func(c *gateway.Config) {
			c.Manifest.Attributes = append(c.Manifest.Attributes, column("country", tensor.String, 0, "context"))
		}, ordered(tt.policy)))
		if got := shown(t, s, tt.fields); got != tt.want {
			t.Errorf("%+v%s: got %s, want %s", tt.policy, tt.fields, got, tt.want)
		}
	}
}

// Rankings and what stands in for the ensemble are in nobody's order but theirs.
func TestOrderingLeavesOthersAlone(t *testing.T) {
	s := newStand(t, both(described(t), ordered(ordering.Policy{Boosts: []ordering.Boost{{Where: "item_id == 'f'", Plus: 9}}, Temperature: 1})))
	w := do(t, s.public, http.MethodPost, "/v1/rankings", `{"user_id": 7, "item_ids": ["f", "b"]}`)
	if !strings.Contains(w.Body.String(), `"items":[{"item_id":"b","score":0.8,"rank":1},{"item_id":"f"`) || strings.Contains(w.Body.String(), "seed") {
		t.Errorf("ranking %s", w.Body)
	}
	s.ranker.infer = func(context.Context, tensor.Map) (tensor.Map, string, error) { return nil, "", errors.New("down") }
	if w := post(t, s, `{"user_id": 7}`); !strings.Contains(w.Body.String(), `"items":[{"item_id":"j","score":0,"rank":1}`) || strings.Contains(w.Body.String(), "seed") {
		t.Errorf("fallback %s", w.Body)
	}
}

// An answer that was drawn says its seed and its propensities, and can be had again.
func TestExploration(t *testing.T) {
	s := newStand(t, both(described(t), ordered(ordering.Policy{Temperature: 0.3})))
	ask := func(fields string) gateway.Answer {
		var a gateway.Answer
		w := post(t, s, `{"user_id": 7, "num_results": 3`+fields+`}`)
		if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != http.StatusOK || a.Seed == nil || len(a.Items) != 3 {
			t.Fatalf("answer %d %s", w.Code, w.Body)
		}
		return a
	}
	lists, seeds := map[string]bool{}, map[int]bool{}
	for range 20 {
		a := ask("")
		text, err := json.Marshal(a.Items)
		if err != nil {
			t.Fatal(err)
		}
		lists[string(text)], seeds[*a.Seed] = true, true
		replay, err := json.Marshal(*a.Seed)
		if err != nil {
			t.Fatal(err)
		}
		if again := ask(`, "seed": ` + string(replay)); !cmp.Equal(again.Items, a.Items) || *again.Seed != *a.Seed {
			t.Errorf("seed %d: got %+v, then %+v", *a.Seed, a.Items, again.Items)
		}
		// By hand: the share of exp(score/0.3) among those of a to f.
		all := 0.0
		for i := range 6 {
			all += math.Exp(float64(9-i) / 10 / 0.3)
		}
		if want := math.Exp(float64(a.Items[0].Score)/0.3) / all; math.Abs(a.Items[0].Propensity-want) > 1e-6 { // Scores are float32.
			t.Errorf("first item %+v, want the propensity %v", a.Items[0], want)
		}
	}
	if len(seeds) != 20 || len(lists) < 5 {
		t.Errorf("%d seeds and %d lists of 20 requests", len(seeds), len(lists))
	}
	s = newStand(t, both(described(t), ordered(ordering.Policy{Caps: map[string]int{"genres": 4}})))
	if w := post(t, s, `{"user_id": 7, "seed": 3}`); strings.Contains(w.Body.String(), "seed") || strings.Contains(w.Body.String(), "propensity") {
		t.Errorf("nothing is drawn: %s", w.Body)
	}
}

func TestOrderingFaults(t *testing.T) {
	s := newStand(t, both(described(t), ordered(ordering.Policy{
		Requests: ordering.Limits{Temperature: 2, Epsilon: 0.5, Slots: 2, Boosts: 1, Times: 4},
	})))
	for fields, want := range map[string]string{
		`"seed": -1`:                                               `{"pointer":"/seed","detail":"-1 is not from 0 to 9007199254740991"}`,
		`"seed": 9007199254740992`:                                 `{"pointer":"/seed"`,
		`"seed": "x"`:                                              `{"pointer":"/seed","detail":"want an integer"}`,
		`"ordering": []`:                                           `{"pointer":"/ordering","detail":"want an object"}`,
		`"ordering": {"diversity": 0.5}`:                           `{"pointer":"/ordering/diversity","detail":"unknown field"}`,
		`"ordering": {"temperature": 2.5}`:                         `{"pointer":"/ordering/temperature","detail":"2.5 is not from 0 to 2"}`,
		`"ordering": {"temperature": "hot"}`:                       `{"pointer":"/ordering/temperature","detail":"want a number"}`,
		`"ordering": {"epsilon": 0.6}`:                             `{"pointer":"/ordering/epsilon"`,
		`"ordering": {"temperature": 1, "epsilon": 0.1}`:           `{"pointer":"/ordering","detail":"temperature and epsilon: give one of the two"}`,
		`"ordering": {"slots": [{"position": 0, "item_id": "a"}]}`: `{"pointer":"/ordering/slots/0/position","detail":"want a place from 1 to 6"}`,
		`"ordering": {"slots": [{"position": 1}]}`:                 `{"pointer":"/ordering/slots/0/item_id","detail":"it is required"}`,
		`"ordering": {"slots": [{"position": 1, "item_id": "a"}, {"position": 1, "item_id": "b"}]}`:                                  `{"pointer":"/ordering/slots/1","detail":"the place or the item appears twice"}`,
		`"ordering": {"slots": [{"position": 1, "item_id": "a"}, {"position": 2, "item_id": "b"}, {"position": 3, "item_id": "c"}]}`: `{"pointer":"/ordering/slots","detail":"3 elements, at most 2 are allowed"}`,
		`"ordering": {"boosts": [{"where": "year >", "times": 2}]}`:                                                                  `{"pointer":"/ordering/boosts/0/where","detail":"formula`,
		`"ordering": {"boosts": [{"where": "year > 1", "times": 5}]}`:                                                                `{"pointer":"/ordering/boosts/0/times","detail":"want a factor from 0.25 to 4"}`,
		`"ordering": {"boosts": [{"where": "year > 1", "times": 0.2}]}`:                                                              `{"pointer":"/ordering/boosts/0/times"`,
		`"ordering": {"boosts": [{"times": 2}]}`:                                                                                     `{"pointer":"/ordering/boosts/0/where","detail":"it is required"}`,
	} {
		w := post(t, s, `{"user_id": 7, `+fields+`}`)
		if w.Code != http.StatusUnprocessableEntity || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: got %d %s, want 422 with %s", fields, w.Code, w.Body, want)
		}
	}
	for want, p := range map[string]ordering.Policy{
		"there is no attribute \"color\"": {Caps: map[string]int{"color": 1}},
		"there is no column yeer":         {Boosts: []ordering.Boost{{Where: "yeer > 1", Times: 2}}},
		"epsilon: 2 is not from 0 to 1":   {Epsilon: 2},
	} {
		config := gateway.Config{Manifest: manifest(t), Inferencer: s.ranker, Store: s.store}
		both(described(t), ordered(p))(&config)
		if _, err := gateway.New(config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got error %v, want one with %q", err, want)
		}
	}
}
