package ordering_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/internal/expression"
	"recsys/ordering"
)

func TestFaults(t *testing.T) {
	tests := []struct {
		policy ordering.Policy
		want   string
	}{
		{ordering.Policy{Boosts: []ordering.Boost{{Where: "year > 1"}}}, "boosts: number 1: times, plus: one of the two is needed"},
		{ordering.Policy{Boosts: []ordering.Boost{{Times: 2}}}, "boosts: number 1: where: is missing"},
		{ordering.Policy{Boosts: []ordering.Boost{{Where: "year > 1", Times: -2}}}, "times: -2 has to be 0 or more"},
		{ordering.Policy{Boosts: []ordering.Boost{{Where: "year > 1", Plus: math.Inf(1)}}}, "plus: +Inf has to be finite"},
		{ordering.Policy{Boosts: []ordering.Boost{{Where: "year", Plus: 1}}}, `boosts: number 1: where: formula "year"`},
		{ordering.Policy{Diversity: ordering.Diversity{MMR: &ordering.MMR{Lambda: 1.5}}}, "diversity.mmr.lambda: 1.5 is not from 0 to 1\ndiversity.mmr.by: is empty"},
		{ordering.Policy{Diversity: ordering.Diversity{DPP: &ordering.DPP{TradeOff: math.NaN()}}}, "diversity.dpp.trade_off: NaN is not from 0 to 1"},
		{ordering.Policy{Diversity: ordering.Diversity{MMR: &ordering.MMR{}, DPP: &ordering.DPP{}}}, "mmr and dpp: there can be one"},
		{ordering.Policy{Diversity: ordering.Diversity{MMR: &ordering.MMR{By: ordering.Names{"color"}}}}, `there is no attribute "color" of items; there are brand, genres, id, year`},
		{ordering.Policy{Caps: map[string]int{"color": 0}}, "caps.color: 0 has to be 1 or more"},
		{ordering.Policy{Caps: map[string]int{"color": 1}}, `there is no attribute "color"`},
		{ordering.Policy{Shares: []ordering.Share{{Where: "year > 1", Share: 1.1}}}, "shares: number 1: share 1.1"},
		{ordering.Policy{Slots: []ordering.Slot{{Position: 1}}}, "slots: number 1: item, where: want one of the two"},
		{ordering.Policy{Slots: []ordering.Slot{{Position: 0, Item: "1"}}}, "slots: number 1: position: 0 is not from 1 to 1000"},
		{ordering.Policy{Slots: []ordering.Slot{{Position: 1, Item: "1"}, {Position: 1, Where: "year > 1"}}}, "slots: position 1: there are two"},
		{ordering.Policy{Temperature: -1}, "temperature: -1 has to be 0 or more"},
		{ordering.Policy{Temperature: 1, Epsilon: 0.5}, "temperature, epsilon: there can be one"},
		{ordering.Policy{Requests: ordering.Limits{Diversity: true}}, "requests.diversity: needs diversity.mmr or diversity.dpp"},
		{ordering.Policy{Requests: ordering.Limits{Boosts: 1}}, "requests.times: 0: has to be 1 or more"},
	}
	for _, tt := range tests {
		_, err := ordering.Compile(tt.policy, columns(), nil)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%+v: got error %v, want one with %q", tt.policy, err, tt.want)
		}
	}
	for name, p := range policies() {
		if !p.Active() {
			t.Errorf("%s is not active", name)
		}
	}
	if (ordering.Policy{}).Active() {
		t.Error("the zero policy is active")
	}
}

// A policy of the manifest reads as it was written.
func TestPolicyAsJSON(t *testing.T) {
	for name, p := range policies() {
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var got ordering.Policy
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatalf("%s: %s: %v", name, text, err)
		}
		if diff := cmp.Diff(got, p); diff != "" {
			t.Errorf("%s: %s (-got +want):\n%s", name, text, diff)
		}
	}
	var p ordering.Policy
	if err := json.Unmarshal([]byte(`{"diversity": {"mmr": {"by": "brand", "lambda": 0.5}}}`), &p); err != nil || p.Diversity.MMR.By[0] != "brand" {
		t.Errorf("one name without a list: %+v, %v", p.Diversity.MMR, err)
	}
}

func TestWith(t *testing.T) {
	p := ordering.Policy{
		Diversity: ordering.Diversity{MMR: &ordering.MMR{By: ordering.Names{"genres"}, Lambda: 0.5}},
		Slots:     []ordering.Slot{{Position: 1, Item: "8"}, {Position: 2, Item: "9"}}, Temperature: 1,
	}
	rules := compiled(t, p)
	one, none := 1.0, 0.0
	boost := ordering.Boost{Where: "id == 5", Plus: 9}
	where, err := expression.Compile(boost.Where, columns(), nil)
	if err != nil {
		t.Fatal(err)
	}
	choice := ordering.Choice{Diversity: &one, Temperature: &none, Slots: []ordering.Slot{{Position: 1, Item: "7"}, {Position: 4, Item: "9"}}}
	choice.Add(boost, where)
	if diff := cmp.Diff(itemsOf(order(t, rules.With(choice), request(t))), []int{7, 5, 0, 9, 1, 2}); diff != "" {
		t.Errorf("chosen (-got +want):\n%s", diff)
	}
	epsilon := 0.0
	if got := rules.With(ordering.Choice{Epsilon: &epsilon}).Policy(); got.Explores() {
		t.Errorf("epsilon 0 explores still: %+v", got)
	}
	if diff := cmp.Diff(rules.Policy(), p); diff != "" {
		t.Errorf("the rules have changed (-got +want):\n%s", diff)
	}
}
