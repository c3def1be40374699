package ordering

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"

	"recsys/internal/expression"
)

// Candidate is an item by its index, the row of the table, with its score.
type Candidate struct {
	Item  int
	Score float32
}

// Request is what one answer is made of.
type Request struct {
	// Candidates are ranked: by falling score.
	Candidates []Candidate
	// Results is the most items of the answer.
	Results int
	// Items has the attributes.
	Items *expression.Table
	// Seed drives what is drawn.
	Seed uint64
	// Holds returns the bitmap of the items that meet a condition; bit i of byte j is item 8j+i.
	Holds func(*expression.Condition) ([]byte, error)
	// Item returns the index of an item that a slot names, and whether the answer may have it.
	Item func(key string) (int, bool)
}

// Pick is an item of an answer.
type Pick struct {
	Candidate
	// Boosted is the score with all boosts.
	Boosted float64
	// Propensity is the probability with which the item was picked for its place, given the places before; 1 where nothing was drawn.
	Propensity float64
	// Because says what has kept the place for it: "slot", "share" or nothing.
	Because string
}

// The values of Pick.Because.
const (
	BecauseSlot  = "slot"
	BecauseShare = "share"
)

// Order picks the items of an answer, place by place: a slot's item; otherwise, among the candidates that no cap forbids, and those that a
// share wants if it has too few, the one of the greatest value, the earlier one of equals, or one that is drawn. The value is the
// boosted score, or what MMR or DPP make of it.
func (r *Rules) Order(q Request) ([]Pick, error) {
	o, err := r.start(q)
	if err != nil {
		return nil, err
	}
	picks := make([]Pick, 0, min(q.Results, len(q.Candidates)+len(r.policy.Slots)))
	for place := 1; len(picks) < q.Results && place <= q.Results; place++ {
		at, because, ok := o.kept(place)
		propensity := 1.0
		if !ok {
			var among []int
			if among, because = o.among(place, len(picks)+1); len(among) == 0 {
				continue // Slots behind may have items still.
			}
			at, propensity = o.choose(among)
		}
		o.take(at)
		picks = append(picks, Pick{o.all[at].Candidate, o.all[at].boosted, propensity, because})
	}
	return picks, nil
}

// entry is a candidate, or an item that a slot brings.
type entry struct {
	Candidate
	boosted   float64
	relevance float64 // scaled to [0,1]
	pinned    bool    // for a slot alone
	taken     bool
	shares    []bool // by share
	capped    [][]uint64
}

// order is one answer in the making.
type order struct {
	*Rules
	request Request
	random  *rand.Rand
	all     []entry
	slots   map[int]int    // place to entry
	where   map[int][]byte // place to the bitmap of a slot's condition
	caps    []string
	counts  []map[uint64]int // by cap
	met     []int            // by share
	spread  diversity        // nil without
}

func (r *Rules) start(q Request) (*order, error) {
	o := &order{
		Rules: r, request: q, random: rand.New(rand.NewPCG(q.Seed, 0)), all: make([]entry, len(q.Candidates)),
		slots: map[int]int{}, where: map[int][]byte{}, caps: slices.Sorted(maps.Keys(r.policy.Caps)), met: make([]int, len(r.shares)),
	}
	for i, c := range q.Candidates {
		o.all[i] = entry{Candidate: c, boosted: float64(c.Score)}
	}
	if err := o.boost(); err != nil {
		return nil, err
	}
	if err := o.keepSlots(); err != nil {
		return nil, err
	}
	for i, c := range r.shares {
		bits, err := q.Holds(c)
		if err != nil {
			return nil, fmt.Errorf("shares: number %d: %w", i+1, err)
		}
		for j := range o.all {
			o.all[j].shares = append(o.all[j].shares, has(bits, o.all[j].Item))
		}
	}
	for _, name := range o.caps {
		o.counts = append(o.counts, map[uint64]int{})
		for j := range o.all {
			o.all[j].capped = append(o.all[j].capped, q.Items.Tokens(name, o.all[j].Item))
		}
	}
	o.scale()
	o.spread = newDiversity(r.policy, o.all, q.Items)
	return o, nil
}

func has(bits []byte, item int) bool { return bits[item/8]>>(item%8)&1 == 1 }

// boost changes the scores.
func (o *order) boost() error {
	for i, b := range o.policy.Boosts {
		bits, err := o.request.Holds(o.boosts[i])
		if err != nil {
			return fmt.Errorf("boosts: number %d: %w", i+1, err)
		}
		for j := range o.all {
			e := &o.all[j]
			if !has(bits, e.Item) {
				continue
			}
			switch {
			case b.Times != 0 && e.boosted > 0:
				e.boosted *= b.Times
			case b.Times != 0:
				e.boosted /= b.Times
			}
			e.boosted += b.Plus
		}
	}
	return nil
}

// keepSlots finds the items of slots; one that is no candidate becomes an entry.
func (o *order) keepSlots() error {
	for i, s := range o.policy.Slots {
		if s.Where != "" {
			bits, err := o.request.Holds(o.Rules.slots[i])
			if err != nil {
				return fmt.Errorf("slots: position %d: %w", s.Position, err)
			}
			o.where[s.Position] = bits
			continue
		}
		item, ok := o.request.Item(string(s.Item))
		if !ok {
			continue
		}
		at := slices.IndexFunc(o.all, func(e entry) bool { return e.Item == item })
		if at < 0 {
			at = len(o.all)
			o.all = append(o.all, entry{Candidate: Candidate{Item: item}})
		}
		o.all[at].pinned = true
		o.slots[s.Position] = at
	}
	return nil
}

// scale maps the candidates' scores to [0,1].
func (o *order) scale() {
	least, most := math.Inf(1), math.Inf(-1)
	for i := range o.request.Candidates {
		least, most = min(least, o.all[i].boosted), max(most, o.all[i].boosted)
	}
	for i := range o.all {
		if o.all[i].relevance = 1; most > least {
			o.all[i].relevance = min(1, max(0, (o.all[i].boosted-least)/(most-least)))
		}
	}
}

// kept returns the entry that a slot has for a place.
func (o *order) kept(place int) (at int, because string, ok bool) {
	at, ok = o.slots[place]
	return at, BecauseSlot, ok && !o.all[at].taken
}

// among returns the entries that may have a place, which is the n-th of the answer that is taken: those of a slot's condition, or those that
// a share wants, or all, whatever there is.
func (o *order) among(place, n int) (among []int, because string) {
	free := make([]int, 0, len(o.all))
	for i := range o.all {
		if e := &o.all[i]; !e.taken && !e.pinned && o.allows(e) {
			free = append(free, i)
		}
	}
	if bits, ok := o.where[place]; ok {
		if some := keepOf(free, func(i int) bool { return has(bits, o.all[i].Item) }); len(some) > 0 {
			return some, BecauseSlot
		}
	}
	for i, s := range o.policy.Shares {
		// A share of 0.3 of ten items is three, whatever 0.3 is in binary.
		if float64(o.met[i]) < math.Floor(s.Share*float64(n)+1e-9) {
			if some := keepOf(free, func(j int) bool { return o.all[j].shares[i] }); len(some) > 0 {
				free, because = some, BecauseShare
			}
		}
	}
	return free, because
}

func keepOf(list []int, keep func(int) bool) []int {
	out := make([]int, 0, len(list))
	for _, i := range list {
		if keep(i) {
			out = append(out, i)
		}
	}
	return out
}

// allows reports whether no cap forbids an entry.
func (o *order) allows(e *entry) bool {
	for i, name := range o.caps {
		for _, token := range e.capped[i] {
			if o.counts[i][token] >= o.policy.Caps[name] {
				return false
			}
		}
	}
	return true
}

// take notes that an entry has a place.
func (o *order) take(at int) {
	e := &o.all[at]
	e.taken = true
	for i := range o.caps {
		for _, token := range e.capped[i] {
			o.counts[i][token]++
		}
	}
	for i := range o.met {
		if e.shares[i] {
			o.met[i]++
		}
	}
	if o.spread != nil {
		o.spread.take(at)
	}
}

func (o *order) value(at int) float64 {
	if o.spread != nil {
		return o.spread.value(at)
	}
	return o.all[at].boosted
}

// choose returns the best entry or one that is drawn, and with which probability it was.
func (o *order) choose(among []int) (at int, propensity float64) {
	values := make([]float64, len(among))
	best := 0
	for i, at := range among {
		if values[i] = o.value(at); values[i] > values[best] {
			best = i
		}
	}
	switch {
	case o.policy.Temperature > 0:
		i, p := o.softmax(values, values[best])
		return among[i], p
	case o.policy.Epsilon > 0:
		even := o.policy.Epsilon / float64(len(among))
		i := best
		if o.random.Float64() < o.policy.Epsilon {
			i = o.random.IntN(len(among))
		}
		if i == best {
			return among[i], even + 1 - o.policy.Epsilon
		}
		return among[i], even
	}
	return among[best], 1
}

// softmax draws from exp(value/temperature). Drawing place after place without putting back gives the distribution of Plackett 1975, as
// adding Gumbel noise to all values and taking the greatest does (Yellott 1977), and each place's probability with it.
func (o *order) softmax(values []float64, most float64) (at int, propensity float64) {
	sum := 0.0
	for i, v := range values {
		values[i] = math.Exp((v - most) / o.policy.Temperature)
		sum += values[i]
	}
	left := o.random.Float64() * sum
	for i, weight := range values {
		if left -= weight; left < 0 {
			return i, weight / sum
		}
	}
	// Rounding has left something: it is the last one's that can be drawn.
	for i := len(values) - 1; ; i-- {
		if values[i] > 0 {
			return i, values[i] / sum
		}
	}
}
