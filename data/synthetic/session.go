package synthetic

import (
	"math"
	"slices"
	"strconv"

	"recsys/internal/portable"
)

const (
	start = 1_704_067_200 // 2024-01-01 00:00 UTC, in Unix seconds
	days  = 90
)

// kind is what happened: the strongest of an interaction counts.
type kind int

const (
	view kind = iota
	cart
	purchase
)

func (k kind) String() string { return [...]string{"view", "cart", "purchase"}[k] }

type event struct {
	user, item int
	kind       kind
	time       int64
	session    int64
}

// shopper walks one user through the shop; a user views an item once.
type shopper struct {
	cat   *catalogue
	user  *user
	r     *portable.Rand
	seen  []bool
	left  []int // items not yet seen, for each leaf
	likes *portable.Table
}

func newShopper(c Config, cat *catalogue, people []user, i int) *shopper {
	s := &shopper{
		cat: cat, user: &people[i], r: portable.New(c.Seed, "sessions/"+strconv.Itoa(i)),
		seen: make([]bool, len(cat.items)), left: make([]int, len(cat.leaves)),
	}
	weights := make([]float64, len(cat.leaves))
	for l := range weights {
		weights[l] = portable.Exp(float64(1.8 * s.user.taste.dot(cat.leaves[l].taste)))
		s.left[l] = len(cat.leaves[l].items)
	}
	var err error
	if s.likes, err = portable.NewTable(weights); err != nil {
		panic("synthetic: " + err.Error()) // exponentials of bounded numbers
	}
	return s
}

// times draws the starts of n sessions, ascending, mostly in the evening, one and a half hours apart at least.
func (s *shopper) times(n int) []int64 {
	times := make([]int64, n)
	for i := range times {
		hour := max(s.r.IntN(24), s.r.IntN(24))
		times[i] = start + int64(s.r.IntN(days))*86_400 + int64(hour)*3_600 + int64(s.r.IntN(3_600))
	}
	slices.Sort(times)
	for i := 1; i < n; i++ {
		times[i] = max(times[i], times[i-1]+5_400)
	}
	return times
}

// session appends the events of one visit that begins at time now.
func (s *shopper) session(events []event, index int, id, now int64) []event {
	steps := min(30, 2+int(math.Floor(float64(-5.5*portable.Log(1-s.r.Float64())))))
	l := s.likes.Sample(s.r)
	for range steps {
		switch x := s.r.Float64(); {
		case x < 0.1:
			l = s.likes.Sample(s.r)
		case x < 0.25 && len(s.cat.leaves[l].nearby) > 0:
			l = s.cat.leaves[l].nearby[s.r.IntN(len(s.cat.leaves[l].nearby))]
		}
		if s.left[l] == 0 {
			continue
		}
		i := s.pick(l)
		now += 15 + int64(s.r.IntN(45))
		events = append(events, event{index, i, view, now, id})
		if s.r.Float64() < portable.Sigmoid(odds(s.user, &s.cat.items[i])) {
			now += 5 + int64(s.r.IntN(20))
			events = append(events, event{index, i, cart, now, id})
			if s.r.Float64() < portable.Sigmoid(odds(s.user, &s.cat.items[i])+0.8) {
				now += 20 + int64(s.r.IntN(20))
				events = append(events, event{index, i, purchase, now, id})
			}
		}
	}
	return events
}

// pick draws an unseen item of a leaf by popularity and taste.
func (s *shopper) pick(l int) int {
	items := s.cat.leaves[l].items
	weights := make([]float64, len(items))
	for j, i := range items {
		if !s.seen[i] {
			weights[j] = float64(s.cat.items[i].weight * portable.Exp(float64(1.2*s.user.taste.dot(s.cat.items[i].taste))))
		}
	}
	table, err := portable.NewTable(weights)
	if err != nil {
		panic("synthetic: " + err.Error()) // one item at least is left
	}
	i := items[table.Sample(s.r)]
	s.seen[i] = true
	s.left[l]--
	return i
}

// odds is the log odds that a view is followed by a cart.
func odds(u *user, i *item) float64 {
	return float64(1.4*u.taste.dot(i.taste)) - float64(0.9*float64(u.thrift*i.dear)) - 3.9
}
