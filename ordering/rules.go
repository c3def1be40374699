package ordering

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"recsys/internal/expression"
	"recsys/schema"
)

// Rules is a policy whose conditions are compiled. It is immutable and safe for concurrent use.
type Rules struct {
	policy Policy
	boosts []*expression.Condition
	shares []*expression.Condition
	slots  []*expression.Condition // nil for those of an item
}

// Compile checks a policy against the columns of items and of the request; see the package expression for both. It reports every fault.
func Compile(p Policy, items, request schema.Schema) (*Rules, error) {
	if err := p.Validate(); err != nil {
		return nil, err
	}
	r := &Rules{policy: p}
	var errs []error
	compile := func(key string, i int, text string) *expression.Condition {
		c, err := expression.Compile(text, items, request)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: number %d: where: %w", key, i+1, err))
		}
		return c
	}
	for i, b := range p.Boosts {
		r.boosts = append(r.boosts, compile("boosts", i, b.Where))
	}
	for i, s := range p.Shares {
		r.shares = append(r.shares, compile("shares", i, s.Where))
	}
	for i, s := range p.Slots {
		var c *expression.Condition
		if s.Where != "" {
			c = compile("slots", i, s.Where)
		}
		r.slots = append(r.slots, c)
	}
	attributes := slices.Collect(maps.Keys(p.Caps))
	for _, name := range slices.Sorted(slices.Values(append(attributes, p.by()...))) {
		if _, ok := items.Column(name); !ok {
			known := make([]string, 0, len(items))
			for _, c := range items {
				known = append(known, c.Name)
			}
			slices.Sort(known)
			errs = append(errs, fmt.Errorf("there is no attribute %q of items; there are %s", name, strings.Join(known, ", ")))
		}
	}
	return r, errors.Join(errs...)
}

// by are the attributes that similarity looks at.
func (p Policy) by() []string {
	switch {
	case p.Diversity.MMR != nil:
		return p.Diversity.MMR.By
	case p.Diversity.DPP != nil:
		return p.Diversity.DPP.By
	}
	return nil
}

// Policy is what the rules were compiled of, but for what [Rules.With] has changed.
func (r *Rules) Policy() Policy { return r.policy }

// Conditions returns all conditions, for what they read of the request.
func (r *Rules) Conditions() []*expression.Condition {
	all := slices.Concat(r.boosts, r.shares, r.slots)
	return slices.DeleteFunc(all, func(c *expression.Condition) bool { return c == nil })
}

// Choice is what a request chooses instead of what the policy says. Nil and empty leave it as it is.
type Choice struct {
	Diversity            *float64
	Temperature, Epsilon *float64
	Boosts               []Boost
	Slots                []Slot // by item; they come before the policy's, of which one at the same place gives way
	conditions           []*expression.Condition
}

// Add adds a boost with its condition.
func (c *Choice) Add(b Boost, where *expression.Condition) {
	c.Boosts, c.conditions = append(c.Boosts, b), append(c.conditions, where)
}

// With returns the rules with what a request chooses, which has to be within the policy's limits.
func (r *Rules) With(c Choice) *Rules {
	own := *r
	p := &own.policy
	if d := &p.Diversity; c.Diversity != nil && d.MMR != nil {
		d.MMR = &MMR{d.MMR.By, *c.Diversity}
	} else if c.Diversity != nil && d.DPP != nil {
		d.DPP = &DPP{d.DPP.By, *c.Diversity}
	}
	if c.Temperature != nil {
		p.Temperature, p.Epsilon = *c.Temperature, 0
	}
	if c.Epsilon != nil {
		p.Temperature, p.Epsilon = 0, *c.Epsilon
	}
	p.Boosts, own.boosts = slices.Concat(p.Boosts, c.Boosts), slices.Concat(r.boosts, c.conditions)
	if len(c.Slots) > 0 {
		slots, conditions := slices.Clone(c.Slots), slices.Repeat([]*expression.Condition{nil}, len(c.Slots))
		for i, s := range p.Slots {
			if !slices.ContainsFunc(c.Slots, func(chosen Slot) bool { return chosen.Position == s.Position || s.Item != "" && chosen.Item == s.Item }) {
				slots, conditions = append(slots, s), append(conditions, r.slots[i])
			}
		}
		p.Slots, own.slots = slots, conditions
	}
	return &own
}
