package pipeline_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/gateway"
	"recsys/pipeline"
)

// policy uses what there is but chance, with a column of users that the ensemble does not take.
const policy = `ordering:
  return: 12
  boosts: [{where: "price < user.age", times: 1.5}, {where: "brand == 'BRAND'", plus: -1000000}]
  diversity: {mmr: {by: [categories, brand], lambda: 0.7}}
  caps: {brand: 3}
  shares: [{where: "price > 100", share: 0.25}]
  slots: [{position: 2, item: ITEM}, {position: 5, where: "price < 20"}]
  requests: {diversity: true, temperature: 1}
`

func withPolicy(t *testing.T, text string) string {
	t.Helper()
	return strings.Replace(strings.Replace(plain, "FILTER", "seen", 1), "ordering: {return: 20}\n", text, 1)
}

// TestOrderingIsTheSameEverywhere holds a run's own lists to those that its export gives through the gateway.
func TestOrderingIsTheSameEverywhere(t *testing.T) {
	bare := serve(t, withPolicy(t, "ordering: {return: 12}\n"))
	items, itemAt := table(t, bare.dir, "items.csv.gz", "item_id", map[string]string{"categories": "|"})
	_, userAt := table(t, bare.dir, "users.csv.gz", "user_id", nil)
	brand := values[string](t, items, "brand")
	var users, all []string
	for user := range userAt {
		users = append(users, user)
	}
	for item := range itemAt {
		all = append(all, item)
	}
	slices.Sort(users)
	slices.Sort(all)
	users = users[:40]
	pinned, buried := all[len(all)/2], brand[itemAt[itemsOf(bare.ask(t, users[0], ""))[0]]]

	s := serve(t, withPolicy(t, strings.NewReplacer("BRAND", buried, "ITEM", pinned).Replace(policy)))
	if s.manifest.Limits.MaxResults != 12 || s.manifest.Ordering == nil {
		t.Fatalf("at most %d results and the policy %+v", s.manifest.Limits.MaxResults, s.manifest.Ordering)
	}
	changed, pins, from := 0, 0, 0
	err := s.Recommend(t.Context(), pipeline.RecommendOptions{Users: users, K: 12, Everything: true}, func(r pipeline.Recommendation) error {
		if diff := cmp.Diff(itemsOf(s.ask(t, r.User, "")), r.Items); diff != "" {
			t.Errorf("user %s (-gateway +offline):\n%s", r.User, diff)
		}
		plainly := itemsOf(bare.ask(t, r.User, ""))
		if !slices.Equal(plainly, r.Items) {
			changed++
		}
		for _, item := range r.Items {
			if item != pinned && !slices.Contains(plainly, item) {
				from++
			}
		}
		if r.Items[1] == pinned {
			pins++
		}
		counts := map[string]int{}
		for _, item := range r.Items {
			counts[brand[itemAt[item]]]++
		}
		for b, n := range counts {
			if b != "" && n > 4 { // Three, and one that a slot may add.
				t.Errorf("user %s has %d items of %s", r.User, n, b)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if changed < len(users)/2 || pins < len(users)/2 {
		t.Errorf("%d of %d lists have changed, %d have the item of the slot; some users have seen it, no more", changed, len(users), pins)
	}
	if from == 0 {
		t.Error("no list has an item from behind the first twelve candidates")
	}
	order, plainly := s.metrics.Pipeline["test"].PerStage["order"], bare.metrics.Pipeline["test"].PerStage["order"]
	if cmp.Equal(order, plainly) {
		t.Errorf("the evaluation has %v with and without a policy", order)
	}
}

// An explanation tells what a real export's stages made of an item.
func TestExplanations(t *testing.T) {
	s := serve(t, strings.Replace(plain, "FILTER", `seen, {where: "price < 60"}`, 1))
	w := httptest.NewRecorder()
	body := strings.NewReader(`{"user_id": 1, "num_results": 3, "item_ids": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]}`)
	s.admin.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/explanations", body))
	var x gateway.Explanation
	if err := json.Unmarshal(w.Body.Bytes(), &x); err != nil || w.Code != http.StatusOK || len(x.Items) != 3 {
		t.Fatalf("explanation %d %s", w.Code, w.Body)
	}
	for i, item := range x.Items {
		e := x.Explained[i]
		if e.ItemID != item.ItemID || e.Candidate != i+1 || e.Stages["masked_scores"] != item.Score || e.DroppedBy != "" {
			t.Errorf("item %+v is explained by %+v", item, e)
		}
	}
	causes := map[string]int{}
	for _, e := range x.Explained[3:] {
		causes[e.DroppedBy]++
	}
	if causes[gateway.DroppedFilter] == 0 || causes[gateway.DroppedOrdering] == 0 {
		t.Errorf("causes %v: want the filter and the ordering among them", causes)
	}
}

// What is drawn offline is so again with the same seed, and differs from user to user.
func TestExplorationIsEvaluated(t *testing.T) {
	lists := func(seed int) map[string][]string {
		s := serve(t, fmt.Sprintf("seed: %d\n", seed)+withPolicy(t, "ordering: {return: 12, epsilon: 0.5}\n"))
		out := map[string][]string{}
		err := s.Recommend(t.Context(), pipeline.RecommendOptions{Users: []string{"1", "2", "3"}, K: 12}, func(r pipeline.Recommendation) error {
			out[r.User] = r.Items
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	first := lists(1)
	if diff := cmp.Diff(lists(1), first); diff != "" {
		t.Errorf("again (-got +want):\n%s", diff)
	}
	if cmp.Equal(lists(2), first) {
		t.Error("another seed draws the same")
	}
}

func TestOrderingFaults(t *testing.T) {
	for text, want := range map[string]string{
		`ordering: {retrun: 20}`:                                    `line 11: ordering: unknown setting "retrun"; did you mean "return"?`,
		`ordering: {return: 2.5}`:                                   `line 11: ordering: return: got number 2.5, want a whole number`,
		`ordering: {caps: {brand: 1.5}}`:                            `want a whole number`,
		`ordering: {caps: {brand: 0}}`:                              `ordering: caps.brand: 0 has to be 1 or more`,
		`ordering: {caps: {color: 2}}`:                              `ordering: there is no attribute "color" of items; there are brand, categories, item_id, price`,
		`ordering: {diversity: {mmr: {lambda: 2}}}`:                 `ordering: diversity.mmr.lambda: 2 is not from 0 to 1`,
		`ordering: {boosts: [{where: "prize > 1", times: 2}]}`:      `ordering: boosts: number 1: where: formula "prize > 1"`,
		`ordering: {slots: [{position: 1, item: 3, where: "1<2"}]}`: `ordering: slots: number 1: item, where: want one of the two`,
		`ordering: [return]`:                                        `line 11: ordering: settings in braces are wanted`,
	} {
		p, err := pipeline.New([]byte(withPolicy(t, text+"\n")), shopData(t), t.TempDir(), 0, pipeline.Options{})
		if err == nil {
			err = p.Fit(t.Context())
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want one with %q", text, err, want)
		}
	}
}
