package ordering

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
)

// Policy says how an answer is made of ranked candidates. The zero value takes them as they are ranked.
type Policy struct {
	// Boosts change scores; an item that meets several conditions is changed by each, in their order.
	Boosts []Boost `json:"boosts,omitempty" yaml:"boosts"`
	// Diversity spreads an answer over attributes.
	Diversity Diversity `json:"diversity,omitzero" yaml:"diversity"`
	// Caps are the most items of an answer that share a value of an attribute, by the attribute. Null and empty lists share nothing.
	Caps map[string]int `json:"caps,omitempty" yaml:"caps"`
	// Shares keep a part of an answer for items that meet a condition, as long as there are such among the candidates.
	Shares []Share `json:"shares,omitempty" yaml:"shares"`
	// Slots keep places for items.
	Slots []Slot `json:"slots,omitempty" yaml:"slots"`
	// Temperature above 0 draws each place from the softmax of the values, divided by it, of the items that are left.
	Temperature float64 `json:"temperature,omitempty" yaml:"temperature"`
	// Epsilon, in [0,1], is the probability with which a place is drawn from all items that are left alike. Of the two there can be one.
	Epsilon float64 `json:"epsilon,omitempty" yaml:"epsilon"`
	// Requests are what a request may choose instead.
	Requests Limits `json:"requests,omitzero" yaml:"requests"`
}

// Boost changes the scores of the items that meet a condition: Times, if it is not 0, multiplies those above 0 and divides those below, so
// that a factor above 1 raises every score; Plus is added to the result.
type Boost struct {
	Where string  `json:"where" yaml:"where"`
	Times float64 `json:"times,omitempty" yaml:"times"`
	Plus  float64 `json:"plus,omitempty" yaml:"plus"`
}

// Diversity is MMR or DPP, or neither.
type Diversity struct {
	MMR *MMR `json:"mmr,omitempty" yaml:"mmr"`
	DPP *DPP `json:"dpp,omitempty" yaml:"dpp"`
}

// Names is a list, of which one can be written without brackets.
type Names []string

// UnmarshalJSON reads a name or a list of names.
func (n *Names) UnmarshalJSON(text []byte) error {
	var one string
	if json.Unmarshal(text, &one) == nil {
		*n = Names{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(n))
}

// MMR is maximal marginal relevance (Carbonell and Goldstein 1998): the value of an item is Lambda times its relevance, less 1-Lambda
// times its greatest similarity to an item that the answer has already. Relevance is the score, scaled to [0,1] over the
// candidates; the similarity of two items is the mean over the attributes By of the Jaccard index of their values.
type MMR struct {
	By     Names   `json:"by" yaml:"by"`
	Lambda float64 `json:"lambda" yaml:"lambda"`
}

// DPP is greedy inference for a determinantal point process (Chen, Zhang and Zhou 2018): the value of an item is TradeOff times its
// relevance plus 1-TradeOff times the logarithm by which it raises the determinant of the similarities. They are those of MMR, of which
// one in a hundred is taken off for different items, so that equal ones do not end the answer.
type DPP struct {
	By       Names   `json:"by" yaml:"by"`
	TradeOff float64 `json:"trade_off" yaml:"trade_off"`
}

// Share keeps a part of an answer, in (0,1]: of the first n items floor(n*Share) or more meet the condition.
type Share struct {
	Where string  `json:"where" yaml:"where"`
	Share float64 `json:"share" yaml:"share"`
}

// Slot keeps a place of an answer, counted from 1, for an item by its key, which need not be a candidate, or for the best candidate that
// meets a condition. Where the item is blocked, or there is no such candidate, the place is taken by the next best.
type Slot struct {
	Position int    `json:"position" yaml:"position"`
	Item     Key    `json:"item,omitempty" yaml:"item"`
	Where    string `json:"where,omitempty" yaml:"where"`
}

// Key is an item's key as text; an integer can be written as one.
type Key string

// UnmarshalJSON reads a text or an integer.
func (k *Key) UnmarshalJSON(text []byte) error {
	var n int64
	if json.Unmarshal(text, &n) == nil {
		*k = Key(strconv.FormatInt(n, 10))
		return nil
	}
	return json.Unmarshal(text, (*string)(k))
}

// Limits are what a request may choose instead of what the policy says; the zero value lets it choose nothing.
type Limits struct {
	// Diversity lets it choose Lambda or TradeOff.
	Diversity bool `json:"diversity,omitempty" yaml:"diversity"`
	// Temperature and Epsilon are the greatest that it may choose.
	Temperature float64 `json:"temperature,omitempty" yaml:"temperature"`
	Epsilon     float64 `json:"epsilon,omitempty" yaml:"epsilon"`
	// Slots and Boosts are the most that it may add, Times the greatest factor of such a boost, of which 1/Times is the least.
	Slots  int     `json:"slots,omitempty" yaml:"slots"`
	Boosts int     `json:"boosts,omitempty" yaml:"boosts"`
	Times  float64 `json:"times,omitempty" yaml:"times"`
}

// MaxPosition is the last place of an answer that a slot can keep.
const MaxPosition = 1000

// Active reports whether the policy, or a request, can change anything.
func (p Policy) Active() bool {
	return len(p.Boosts)+len(p.Caps)+len(p.Shares)+len(p.Slots) > 0 || p.Diversity != Diversity{} || p.Explores() ||
		p.Requests != Limits{}
}

// Explores reports whether chance has a part in an answer.
func (p Policy) Explores() bool { return p.Temperature > 0 || p.Epsilon > 0 }

// Validate checks what can be checked without columns, and reports every fault.
func (p Policy) Validate() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	for i, b := range p.Boosts {
		errs = append(errs, at("boosts", i, b.Validate()))
	}
	errs = append(errs, p.Diversity.validate())
	for _, name := range slices.Sorted(maps.Keys(p.Caps)) {
		if p.Caps[name] < 1 {
			fail("caps.%s: %d has to be 1 or more", name, p.Caps[name])
		}
	}
	for i, s := range p.Shares {
		if !(s.Share > 0 && s.Share <= 1) || s.Where == "" {
			fail("shares: number %d: share %v of %q: want a condition and a share above 0, at most 1", i+1, s.Share, s.Where)
		}
	}
	taken := map[int]bool{}
	for i, s := range p.Slots {
		errs = append(errs, at("slots", i, s.Validate()))
		if taken[s.Position] {
			fail("slots: position %d: there are two", s.Position)
		}
		taken[s.Position] = true
	}
	errs = append(errs, within("temperature", p.Temperature, 0, math.MaxFloat64), within("epsilon", p.Epsilon, 0, 1))
	if p.Temperature > 0 && p.Epsilon > 0 {
		fail("temperature, epsilon: there can be one of the two")
	}
	return errors.Join(append(errs, p.Requests.validate(p))...)
}

func (d Diversity) validate() error {
	var errs []error
	if m := d.MMR; m != nil {
		errs = append(errs, within("diversity.mmr.lambda", m.Lambda, 0, 1))
		if len(m.By) == 0 {
			errs = append(errs, errors.New("diversity.mmr.by: is empty; name attributes of items"))
		}
	}
	if d := d.DPP; d != nil {
		errs = append(errs, within("diversity.dpp.trade_off", d.TradeOff, 0, 1))
		if len(d.By) == 0 {
			errs = append(errs, errors.New("diversity.dpp.by: is empty; name attributes of items"))
		}
	}
	if d.MMR != nil && d.DPP != nil {
		errs = append(errs, errors.New("diversity: mmr and dpp: there can be one of the two"))
	}
	return errors.Join(errs...)
}

func (l Limits) validate(p Policy) error {
	var errs []error
	errs = append(errs, within("requests.temperature", l.Temperature, 0, math.MaxFloat64), within("requests.epsilon", l.Epsilon, 0, 1),
		within("requests.slots", float64(l.Slots), 0, MaxPosition), within("requests.boosts", float64(l.Boosts), 0, 100))
	if l.Diversity && p.Diversity == (Diversity{}) {
		errs = append(errs, errors.New("requests.diversity: needs diversity.mmr or diversity.dpp"))
	}
	if l.Boosts > 0 && !(l.Times >= 1 && l.Times <= math.MaxFloat64) || l.Boosts == 0 && l.Times != 0 {
		errs = append(errs, fmt.Errorf("requests.times: %v: has to be 1 or more, beside boosts", l.Times))
	}
	return errors.Join(errs...)
}

// Validate checks the boost by itself.
func (b Boost) Validate() error {
	if b.Where == "" {
		return errors.New("where: is missing; give a condition")
	}
	if b.Times == 0 && b.Plus == 0 {
		return errors.New("times, plus: one of the two is needed")
	}
	return errors.Join(within("times", b.Times, 0, math.MaxFloat64), within("plus", b.Plus, -math.MaxFloat64, math.MaxFloat64))
}

// Validate checks the slot by itself.
func (s Slot) Validate() error {
	if (s.Item == "") == (s.Where == "") {
		return errors.New("item, where: want one of the two")
	}
	return within("position", float64(s.Position), 1, MaxPosition)
}

func at(key string, i int, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: number %d: %w", key, i+1, err)
}

func within(key string, v, least, most float64) error {
	switch {
	case v >= least && v <= most:
		return nil
	case most == math.MaxFloat64 && least == 0:
		return fmt.Errorf("%s: %v has to be 0 or more", key, v)
	case most == math.MaxFloat64:
		return fmt.Errorf("%s: %v has to be finite", key, v)
	}
	return fmt.Errorf("%s: %v is not from %v to %v", key, v, least, most)
}
