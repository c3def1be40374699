package ordering_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/internal/expression"
	"recsys/ordering"
	"recsys/schema"
	"recsys/tensor"
)

func columns() schema.Schema {
	item := []schema.Tag{schema.Item}
	return schema.Schema{
		{Name: "id", DType: schema.DType{DType: tensor.Int64}, Tags: item},
		{Name: "year", DType: schema.DType{DType: tensor.Int64}, Tags: item},
		{Name: "brand", DType: schema.DType{DType: tensor.String}, Tags: item},
		{Name: "genres", DType: schema.DType{DType: tensor.String}, Length: 2, Tags: item},
	}
}

// shelf has twelve items: three of the brand a, three of b, three of c and three without, years 1990 to 2001, genres x; y; x and y; none; and so on.
func shelf(tb testing.TB) *expression.Table {
	tb.Helper()
	const n = 12
	ids, years, brands, genres := make([]int64, n), make([]int64, n), make([]string, n), make([]string, 2*n)
	for i := range n {
		ids[i], years[i] = int64(i), int64(1990+i)
		brands[i] = []string{"a", "b", "c", ""}[i/3]
		copy(genres[2*i:], [][]string{{"x", ""}, {"y", ""}, {"x", "y"}, {"", ""}}[i%4])
	}
	t := expression.NewTable(columns())
	err := t.Append(n, tensor.Map{
		"id": tensor.Of(ids, n), "year": tensor.Of(years, n), "brand": tensor.Of(brands, n), "genres": tensor.Of(genres, n, 2),
	})
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// request ranks the items 0 to 9 with scores 1, 0.9, … 0.1; 10 and 11 are no candidates, of which 11 is blocked.
func request(tb testing.TB) ordering.Request {
	tb.Helper()
	q := ordering.Request{Results: 6, Items: shelf(tb)}
	for i := range 10 {
		q.Candidates = append(q.Candidates, ordering.Candidate{Item: i, Score: float32(10-i) / 10})
	}
	q.Holds = func(c *expression.Condition) ([]byte, error) { return c.Rows(tb.Context(), q.Items, nil) }
	q.Item = func(key string) (int, bool) {
		var item int
		_, err := fmt.Sscan(key, &item)
		return item, err == nil && item < 11
	}
	return q
}

func compiled(tb testing.TB, p ordering.Policy) *ordering.Rules {
	tb.Helper()
	r, err := ordering.Compile(p, columns(), nil)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func order(tb testing.TB, r *ordering.Rules, q ordering.Request) []ordering.Pick {
	tb.Helper()
	picks, err := r.Order(q)
	if err != nil {
		tb.Fatal(err)
	}
	return picks
}

func itemsOf(picks []ordering.Pick) []int {
	items := make([]int, len(picks))
	for i, p := range picks {
		items[i] = p.Item
	}
	return items
}

// The wanted answers are worked out by hand.
func TestOrder(t *testing.T) {
	tests := []struct {
		name   string
		policy ordering.Policy
		want   []int
	}{
		{"nothing", ordering.Policy{}, []int{0, 1, 2, 3, 4, 5}},
		{"boost", ordering.Policy{Boosts: []ordering.Boost{{Where: "id == 4", Times: 1.6}}}, []int{0, 4, 1, 2, 3, 5}}, // 0.6·1.6 = 0.96
		{"bury", ordering.Policy{Boosts: []ordering.Boost{{Where: "brand == 'a'", Plus: -0.55}}}, []int{3, 4, 5, 0, 6, 1}},
		{"boosts add up", ordering.Policy{Boosts: []ordering.Boost{{Where: "id == 9", Plus: 0.37}, {Where: "id > 8", Times: 2}}}, []int{0, 9, 1, 2, 3, 4}}, // (0.1+0.37)·2 = 0.94
		{"a factor raises what is below 0", ordering.Policy{Boosts: []ordering.Boost{{Where: "id < 10", Plus: -2}, {Where: "id == 9", Times: 4}}}, []int{9, 0, 1, 2, 3, 4}},
		{"cap", ordering.Policy{Caps: map[string]int{"brand": 1}}, []int{0, 3, 6, 9}},
		{"caps of lists and of two", ordering.Policy{Caps: map[string]int{"genres": 1, "brand": 2}}, []int{0, 1, 3, 7}},
		{"share", ordering.Policy{Shares: []ordering.Share{{Where: "year >= 1996", Share: 0.34}}}, []int{0, 1, 6, 2, 3, 7}}, // one of 3, two of 6
		{"share of all", ordering.Policy{Shares: []ordering.Share{{Where: "year >= 1998", Share: 1}}}, []int{8, 9, 0, 1, 2, 3}},
		{"two shares", ordering.Policy{Shares: []ordering.Share{{Where: "id >= 6", Share: 0.5}, {Where: "brand == 'c'", Share: 0.5}}}, []int{0, 6, 1, 7, 2, 8}},
		{"slot", ordering.Policy{Slots: []ordering.Slot{{Position: 2, Item: "7"}}}, []int{0, 7, 1, 2, 3, 4}},
		{"slot of no candidate", ordering.Policy{Slots: []ordering.Slot{{Position: 1, Item: "10"}}}, []int{10, 0, 1, 2, 3, 4}},
		{"slot of a blocked item", ordering.Policy{Slots: []ordering.Slot{{Position: 1, Item: "11"}}}, []int{0, 1, 2, 3, 4, 5}},
		{"slot behind the answer", ordering.Policy{Slots: []ordering.Slot{{Position: 7, Item: "1"}}}, []int{0, 2, 3, 4, 5, 6}},
		{"slot of a condition", ordering.Policy{Slots: []ordering.Slot{{Position: 3, Where: "brand == 'c'"}}}, []int{0, 1, 6, 2, 3, 4}},
		{"slot of a condition that nothing meets", ordering.Policy{Slots: []ordering.Slot{{Position: 3, Where: "year == 1"}}}, []int{0, 1, 2, 3, 4, 5}},
		{"slots and a cap", ordering.Policy{Slots: []ordering.Slot{{Position: 6, Item: "1"}}, Caps: map[string]int{"brand": 1}}, []int{0, 3, 6, 9, 1}},
		// λ=1/2: 0 first, then (r - nearest)/2: 1 has r=8/9 and shares nothing with 0; 2 shares one of two genres with both, 3 none: 6/9 against 7/9-1/2.
		// With 2 there, 6 is like it: 4 is the better one of those that are like another.
		{"mmr", ordering.Policy{Diversity: ordering.Diversity{MMR: &ordering.MMR{By: ordering.Names{"genres"}, Lambda: 0.5}}}, []int{0, 1, 3, 2, 7, 4}},
		{"mmr that asks for relevance alone", ordering.Policy{Diversity: ordering.Diversity{MMR: &ordering.MMR{By: ordering.Names{"genres"}, Lambda: 1}}}, []int{0, 1, 2, 3, 4, 5}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			picks := order(t, compiled(t, tt.policy), request(t))
			if diff := cmp.Diff(itemsOf(picks), tt.want); diff != "" {
				t.Errorf("items (-got +want):\n%s", diff)
			}
			for _, p := range picks {
				if p.Propensity != 1 {
					t.Errorf("item %d has the propensity %v, want 1: nothing is drawn", p.Item, p.Propensity)
				}
			}
		})
	}
}

func TestPicksSayWhy(t *testing.T) {
	p := ordering.Policy{
		Boosts: []ordering.Boost{{Where: "id == 1", Times: 3}}, Slots: []ordering.Slot{{Position: 1, Item: "10"}},
		Shares: []ordering.Share{{Where: "id == 9", Share: 0.34}},
	}
	q := request(t)
	q.Results = 3
	want := []ordering.Pick{
		{Candidate: ordering.Candidate{Item: 10}, Propensity: 1, Because: ordering.BecauseSlot},
		{Candidate: ordering.Candidate{Item: 1, Score: 0.9}, Boosted: 3 * float64(float32(0.9)), Propensity: 1},
		{Candidate: ordering.Candidate{Item: 9, Score: 0.1}, Boosted: float64(float32(0.1)), Propensity: 1, Because: ordering.BecauseShare},
	}
	if diff := cmp.Diff(order(t, compiled(t, p), q), want); diff != "" {
		t.Errorf("picks (-got +want):\n%s", diff)
	}
}

// random makes a request of n candidates with random scores and a policy that uses much.
func random(tb testing.TB, r *rand.Rand, n int) (ordering.Request, *expression.Table) {
	tb.Helper()
	t := expression.NewTable(columns())
	genres := []string{"", "p", "q", "r", "s"}
	ids, years, brands, lists := make([]int64, n), make([]int64, n), make([]string, n), make([]string, 2*n)
	for i := range n {
		ids[i], years[i], brands[i] = int64(i), 1990+r.Int64N(20), genres[r.IntN(5)]
		lists[2*i], lists[2*i+1] = genres[r.IntN(5)], genres[r.IntN(5)]
	}
	err := t.Append(n, tensor.Map{"id": tensor.Of(ids, n), "year": tensor.Of(years, n), "brand": tensor.Of(brands, n), "genres": tensor.Of(lists, n, 2)})
	if err != nil {
		tb.Fatal(err)
	}
	q := request(tb)
	q.Items, q.Results, q.Seed = t, n, r.Uint64()
	q.Holds = func(c *expression.Condition) ([]byte, error) { return c.Rows(tb.Context(), t, nil) }
	q.Candidates = nil
	for i := range n {
		q.Candidates = append(q.Candidates, ordering.Candidate{Item: i, Score: r.Float32()})
	}
	slices.SortFunc(q.Candidates, func(a, b ordering.Candidate) int { return int(math.Copysign(1, float64(b.Score-a.Score))) })
	return q, t
}

func policies() map[string]ordering.Policy {
	by := ordering.Names{"genres", "brand"}
	common := ordering.Policy{
		Boosts: []ordering.Boost{{Where: "year > 2000", Times: 1.5}}, Caps: map[string]int{"genres": 6},
		Shares: []ordering.Share{{Where: "year > 2005", Share: 0.3}}, Slots: []ordering.Slot{{Position: 3, Item: "5"}, {Position: 4, Where: "year < 1993"}},
	}
	out := map[string]ordering.Policy{"plain": common}
	add := func(name string, change func(*ordering.Policy)) {
		p := common
		change(&p)
		out[name] = p
	}
	add("mmr", func(p *ordering.Policy) { p.Diversity.MMR = &ordering.MMR{By: by, Lambda: 0.6} })
	add("dpp", func(p *ordering.Policy) { p.Diversity.DPP = &ordering.DPP{By: by, TradeOff: 0.4} })
	add("softmax", func(p *ordering.Policy) { p.Temperature = 0.2 })
	add("epsilon", func(p *ordering.Policy) { p.Epsilon = 0.3 })
	add("softmax of mmr", func(p *ordering.Policy) { p.Diversity.MMR, p.Temperature = &ordering.MMR{By: by, Lambda: 0.6}, 0.1 })
	return out
}

// An answer is the beginning of every longer one, holds no item twice, keeps to its caps, and is the same for the same seed.
func TestAnswersArePrefixes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, p := range policies() {
		rules := compiled(t, p)
		for range 20 {
			q, items := random(t, r, 40)
			long := order(t, rules, q)
			q.Results = 1 + r.IntN(20)
			short := order(t, rules, q)
			if diff := cmp.Diff(short, long[:min(len(long), q.Results)]); diff != "" {
				t.Fatalf("%s, %d results (-short +long):\n%s", name, q.Results, diff)
			}
			seen, genres := map[int]bool{}, map[any]int{}
			for _, pick := range long {
				if seen[pick.Item] {
					t.Fatalf("%s: item %d appears twice", name, pick.Item)
				}
				seen[pick.Item] = true
				if pick.Because == ordering.BecauseSlot {
					continue // An item of a slot may break a cap; it counts.
				}
				values, _ := items.Value("genres", pick.Item).([]any)
				slices.SortFunc(values, func(a, b any) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
				for _, g := range slices.Compact(values) {
					if genres[g]++; genres[g] > 6 {
						t.Fatalf("%s: more than 6 of %v", name, g)
					}
				}
			}
		}
	}
}

// similarity is the mean Jaccard index of genres and brand, by sets.
func similarity(t *expression.Table, a, b int) float64 {
	set := func(item int, name string) map[any]bool {
		out := map[any]bool{}
		switch v := t.Value(name, item).(type) {
		case []any:
			for _, x := range v {
				out[x] = true
			}
		case string:
			out[v] = true
		}
		return out
	}
	sum := 0.0
	for _, name := range []string{"genres", "brand"} {
		x, y := set(a, name), set(b, name)
		both := 0
		for v := range x {
			if y[v] {
				both++
			}
		}
		if all := len(x) + len(y) - both; all > 0 {
			sum += float64(both) / float64(all)
		}
	}
	return sum / 2
}

// logDeterminant is by Gaussian elimination of a positive definite matrix.
func logDeterminant(m [][]float64) float64 {
	sum := 0.0
	for i := range m {
		sum += math.Log(m[i][i])
		for j := i + 1; j < len(m); j++ {
			f := m[j][i] / m[i][i]
			for k := i; k < len(m); k++ {
				m[j][k] -= f * m[i][k]
			}
		}
	}
	return sum
}

// TestDiversityIsGreedy works MMR and DPP out by their definitions: for each place, from scratch, for each item that is left.
func TestDiversityIsGreedy(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	by := ordering.Names{"genres", "brand"}
	const n, places, weight = 30, 12, 0.45
	for name, d := range map[string]ordering.Diversity{
		"mmr": {MMR: &ordering.MMR{By: by, Lambda: weight}}, "dpp": {DPP: &ordering.DPP{By: by, TradeOff: weight}},
	} {
		for range 10 {
			q, items := random(t, r, n)
			q.Results = places
			least, most := float64(q.Candidates[n-1].Score), float64(q.Candidates[0].Score)
			value := func(answer []int, c ordering.Candidate) float64 {
				relevance := (float64(c.Score) - least) / (most - least)
				if name == "mmr" {
					nearest := 0.0
					for _, item := range answer {
						nearest = max(nearest, similarity(items, item, c.Item))
					}
					return weight*relevance - (1-weight)*nearest
				}
				gain := func(all []int) float64 {
					m := make([][]float64, len(all))
					for i := range all {
						for j := range all {
							v := 1.0
							if i != j {
								v = 0.99 * similarity(items, all[i], all[j])
							}
							m[i] = append(m[i], v)
						}
					}
					return logDeterminant(m)
				}
				return weight*relevance + (1-weight)*(gain(append(slices.Clone(answer), c.Item))-gain(answer))
			}
			picks := itemsOf(order(t, compiled(t, ordering.Policy{Diversity: d}), q))
			for i, got := range picks {
				best, greatest, its := -1, math.Inf(-1), math.Inf(-1)
				for _, c := range q.Candidates {
					if slices.Contains(picks[:i], c.Item) {
						continue
					}
					v := value(picks[:i], c)
					if v > greatest {
						best, greatest = c.Item, v
					}
					if c.Item == got {
						its = v
					}
				}
				if its < greatest-1e-9 { // Both work in float64; they sum in another order.
					t.Fatalf("%s: place %d has item %d of value %v, want %d of %v", name, i+1, got, its, best, greatest)
				}
			}
		}
	}
}
