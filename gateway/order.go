package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"

	"recsys/ensemble"
	"recsys/internal/expression"
	"recsys/ordering"
	"recsys/tensor"
)

// maxSeed is the greatest seed: JSON's numbers are exact up to it.
const maxSeed = 1<<53 - 1

// newRules compiles the policy of a manifest; nil where the ensemble orders answers by itself.
func newRules(m *ensemble.Manifest, f *filters) (*ordering.Rules, error) {
	if m.Ordering == nil {
		return nil, nil //nolint:nilnil // There is nothing to do then.
	}
	rules, err := ordering.Compile(*m.Ordering, f.items.Schema(), f.request)
	if err != nil {
		return nil, fmt.Errorf("ordering of %s: %w", m.Name, err)
	}
	return rules, nil
}

// choose fixes by which rules a request is ordered, given its merged columns, and the seed if chance has a part in it. Rankings are left as the
// ensemble ranks them.
func (g *Gateway) choose(v *view, e *asked, in tensor.Map) {
	if v.rules == nil || e.q.ranking {
		return
	}
	e.rules, e.known = v.rules.With(e.q.choice), maps.Clone(in)
	if !e.rules.Policy().Explores() {
		return
	}
	seed := e.q.seed
	if seed == nil {
		h := fnv.New64a()
		_, _ = h.Write([]byte(g.newID())) // A hash never fails.
		drawn := int(h.Sum64() & maxSeed)
		seed = &drawn
	}
	e.seed = seed
}

// results is how many of the ensemble's items a request's answer needs.
func (e *asked) results(slots int) int {
	if e.rules != nil {
		return slots
	}
	return e.q.results
}

// order makes an answer of the ensemble's items, of which none is dropped. Where another generation has answered, whose items are others, they stay
// as they are.
func (v *view) order(ctx context.Context, e *asked, items []Item) ([]Item, error) {
	request := ordering.Request{
		Results: e.q.results, Items: v.filters.items, Candidates: make([]ordering.Candidate, len(items)),
		Holds: func(c *expression.Condition) ([]byte, error) { return v.filters.rows(ctx, c, e.known) },
	}
	ids := make(map[int]string, len(items))
	for i, item := range items {
		index, ok := v.catalog.index[item.ItemID]
		if !ok {
			return items[:min(len(items), e.q.results)], nil
		}
		request.Candidates[i], ids[index] = ordering.Candidate{Item: index, Score: item.Score}, item.ItemID
	}
	request.Item = func(key string) (int, bool) {
		id, err := canonicalID(key, v.manifest.ItemKey.DType.DType)
		index, ok := v.catalog.index[id]
		if err != nil || !ok || e.selection.drops(id) {
			return 0, false
		}
		ids[index] = id
		return index, true
	}
	if e.seed != nil {
		request.Seed = uint64(*e.seed)
	}
	picks, err := e.rules.Order(request)
	if err != nil {
		return nil, fmt.Errorf("%w: ordering: %w", errModel, err)
	}
	out := make([]Item, len(picks))
	for i, p := range picks {
		out[i] = Item{ItemID: ids[p.Item], Score: p.Score, Rank: i + 1, Because: p.Because}
		if e.seed != nil {
			out[i].Propensity = p.Propensity
		}
		e.why.boosted = append(e.why.boosted, p.Boosted)
	}
	return out, nil
}

// number reads a number; ok is false for null and after a fault.
func (r *strictReader) number(pointer string) (v float64, ok bool) {
	tok := r.token()
	if tok == nil {
		return 0, false
	}
	if n, isNumber := tok.(json.Number); isNumber {
		if v, err := n.Float64(); err == nil {
			return v, true
		}
	}
	r.wrong(pointer, tok, "a number")
	return 0, false
}

// seedField replays an answer.
func seedField() field[recommendation] {
	return field[recommendation]{
		name: "seed",
		schema: func() schemaNode {
			return integerNode(0, maxSeed, "Of what is drawn: with it, and the same state of the user, an answer is the same.")
		},
		read: func(r *strictReader, at string, q *recommendation) {
			n, ok := r.integer(at)
			switch {
			case ok && (n < 0 || n > maxSeed):
				r.fault(at, "%d is not from 0 to %d", n, maxSeed)
			case ok:
				seed := int(n)
				q.seed = &seed
			}
		},
	}
}

// orderingField is what a request chooses instead of the policy.
func (v *view) orderingField() field[recommendation] {
	return field[recommendation]{
		name: "ordering", schema: func() schemaNode {
			return objectNode(v.choiceFields()).with("description", "What to choose instead of the policy, as far as the pipeline lets requests choose it.")
		},
		read: func(r *strictReader, at string, q *recommendation) {
			readFields(r, at, &q.choice, v.choiceFields())
			if q.choice.Temperature != nil && q.choice.Epsilon != nil {
				r.fault(at, "temperature and epsilon: give one of the two")
			}
		},
	}
}

// limits are those of the policy.
func (v *view) limits() ordering.Limits {
	if v.manifest.Ordering == nil {
		return ordering.Limits{}
	}
	return v.manifest.Ordering.Requests
}

// choiceFields are those that requests may choose; there may be none.
func (v *view) choiceFields() []field[ordering.Choice] {
	l := v.limits()
	var fields []field[ordering.Choice]
	add := func(name string, most float64, description string, to func(*ordering.Choice) **float64) {
		if most > 0 {
			fields = append(fields, numberField(name, most, description, to))
		}
	}
	if l.Diversity {
		add("diversity", 1, "The weight of relevance: 1 for relevance alone.", func(c *ordering.Choice) **float64 { return &c.Diversity })
	}
	add("temperature", l.Temperature, "Draws places by softmax; 0 for not.", func(c *ordering.Choice) **float64 { return &c.Temperature })
	add("epsilon", l.Epsilon, "Draws places from all alike, with this probability; 0 for not.", func(c *ordering.Choice) **float64 { return &c.Epsilon })
	if l.Slots > 0 {
		fields = append(fields, v.slotsField(l.Slots))
	}
	if l.Boosts > 0 {
		fields = append(fields, v.boostsField(l))
	}
	return fields
}

// numberField is a number from 0 to most.
func numberField[T any](name string, most float64, description string, to func(*T) **float64) field[T] {
	return field[T]{
		name: name, schema: func() schemaNode {
			return schemaNode{"type": []string{"number", "null"}, "minimum": 0, "maximum": most, "description": description}
		},
		read: func(r *strictReader, at string, c *T) {
			value, ok := r.number(at)
			switch {
			case ok && (value < 0 || value > most):
				r.fault(at, "%v is not from 0 to %v", value, most)
			case ok:
				*to(c) = &value
			}
		},
	}
}

// slotsField keeps places for items.
func (v *view) slotsField(most int) field[ordering.Choice] {
	item := v.manifest.ItemKey.DType.DType
	fields := []field[ordering.Slot]{{
		name: "position", required: true,
		schema: func() schemaNode {
			return integerNode(1, v.manifest.Limits.MaxResults, "The place, from 1.").with("type", "integer")
		},
		read: func(r *strictReader, at string, s *ordering.Slot) {
			if n, ok := r.integer(at); ok && n >= 1 && n <= int64(v.manifest.Limits.MaxResults) {
				s.Position = int(n)
			} else if r.syntax == nil {
				r.fault(at, "want a place from 1 to %d", v.manifest.Limits.MaxResults)
			}
		},
	}, {
		name: "item_id", required: true, schema: func() schemaNode { return idNode(item, "The item.") },
		read: func(r *strictReader, at string, s *ordering.Slot) { s.Item = ordering.Key(r.id(at, item)) },
	}}
	return field[ordering.Choice]{
		name: "slots", schema: func() schemaNode {
			return schemaNode{
				"type": []string{"array", "null"}, "items": objectNode(fields), "maxItems": most, "description": "Places that are kept for items.",
			}
		},
		read: func(r *strictReader, at string, c *ordering.Choice) {
			r.list(at, most, func(at string) {
				var s ordering.Slot
				readFields(r, at, &s, fields)
				if slices.ContainsFunc(c.Slots, func(other ordering.Slot) bool { return other.Position == s.Position || other.Item == s.Item }) {
					r.fault(at, "the place or the item appears twice")
				}
				c.Slots = append(c.Slots, s)
			})
		},
	}
}

// chosenBoost is a boost that is being read.
type chosenBoost struct {
	where *expression.Condition
	times *float64
}

// boostsField adds boosts by factors.
func (v *view) boostsField(l ordering.Limits) field[ordering.Choice] {
	fields := []field[chosenBoost]{{
		name: "where", required: true, schema: func() schemaNode {
			return textNode(expression.MaxBytes, "A condition on the attributes of items.").with("type", "string")
		},
		read: func(r *strictReader, at string, b *chosenBoost) { b.where = v.readCondition(r, at) },
	}, {
		name: "times", required: true, schema: func() schemaNode {
			return schemaNode{"type": "number", "minimum": 1 / l.Times, "maximum": l.Times, "description": "The factor; below 1 it buries."}
		},
		read: func(r *strictReader, at string, b *chosenBoost) {
			if times, ok := r.number(at); ok && times >= 1/l.Times && times <= l.Times {
				b.times = &times
			} else if r.syntax == nil {
				r.fault(at, "want a factor from %v to %v", 1/l.Times, l.Times)
			}
		},
	}}
	return field[ordering.Choice]{
		name: "boosts", schema: func() schemaNode {
			return schemaNode{
				"type": []string{"array", "null"}, "items": objectNode(fields), "maxItems": l.Boosts, "description": "What raises and lowers scores.",
			}
		},
		read: func(r *strictReader, at string, c *ordering.Choice) {
			r.list(at, l.Boosts, func(at string) {
				var b chosenBoost
				if readFields(r, at, &b, fields) && b.where != nil && b.times != nil {
					c.Add(ordering.Boost{Where: b.where.String(), Times: *b.times}, b.where)
				}
			})
		},
	}
}
