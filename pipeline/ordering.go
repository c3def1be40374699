package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"math"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"recsys/ensemble"
	"recsys/ensemble/stage"
	"recsys/internal/expression"
	"recsys/ordering"
	"recsys/schema"
	"recsys/tensor"
)

// UnmarshalYAML reads the settings as those of a block are read.
func (o *Ordering) UnmarshalYAML(node ast.Node) error {
	line := node.GetToken().Position.Line
	settings := map[string]any{}
	if err := yaml.NodeToValue(node, &settings); err != nil {
		return fmt.Errorf("line %d: ordering: settings in braces are wanted", line)
	}
	text, err := json.Marshal(settings)
	if err != nil {
		return fmt.Errorf("line %d: ordering: %w", line, err)
	}
	return Block{Name: "ordering", Line: line, settings: text}.Decode(o)
}

// draws combines the pipeline's seed with the row of a user, so that every user's answer is drawn by itself.
func (c *Config) draws(user int32) uint64 { return c.Seed<<32 ^ uint64(uint32(user)) }

// compileOrdering compiles the policy for the columns of the tables.
func (c *Config) compileOrdering(raw schema.Schema) (*ordering.Rules, error) {
	rules, err := ordering.Compile(c.Ordering.Policy, raw.Select(schema.Item), requestColumns(raw))
	if err != nil {
		return nil, fmt.Errorf("ordering: %w", err)
	}
	return rules, nil
}

// answerer makes answers of what the ensemble returns, as the gateway makes them.
type answerer struct {
	rules   *ordering.Rules // nil where the ensemble returns answers
	blocked string          // name of the bitmap
	items   *expression.Table
	most    int
	index   map[string]int
}

// newAnswerer compiles a manifest's policy.
func (p *Pipeline) newAnswerer(m *ensemble.Manifest, items *expression.Table) (*answerer, error) {
	a := &answerer{blocked: m.Blocked.Input, items: items, most: m.Limits.MaxResults}
	if m.Ordering == nil {
		return a, nil
	}
	keys := p.itemColumn()
	a.index = make(map[string]int, m.Items.Count)
	for i := m.Items.First; i < m.Items.First+m.Items.Count; i++ {
		a.index[keyText(keys, i)] = i
	}
	var err error
	a.rules, err = ordering.Compile(*m.Ordering, p.tables.Raw.Select(schema.Item), requestColumns(p.tables.Raw))
	return a, err
}

// answer returns the items and scores of row i of what the ensemble made of the requests in, which have the bitmap; best first.
func (a *answerer) answer(ctx context.Context, out, in tensor.Map, i int, seed uint64) (items []int, scores []float32, err error) {
	indices, all := rowOf[int64](out[stage.ItemIndices], i), rowOf[float32](out[stage.Scores], i)
	var candidates []ordering.Candidate
	for j, item := range indices {
		if !math.IsInf(float64(all[j]), -1) {
			candidates = append(candidates, ordering.Candidate{Item: int(item), Score: all[j]})
		}
	}
	if a.rules != nil {
		if candidates, err = a.order(ctx, candidates, in, rowOf[uint8](in[a.blocked], i), i, seed); err != nil {
			return nil, nil, err
		}
	}
	candidates = candidates[:min(len(candidates), a.most)]
	items, scores = make([]int, len(candidates)), make([]float32, len(candidates))
	for j, c := range candidates {
		items[j], scores[j] = c.Item, c.Score
	}
	return items, scores, nil
}

func (a *answerer) order(
	ctx context.Context, candidates []ordering.Candidate, in tensor.Map, bits []uint8, i int, seed uint64,
) ([]ordering.Candidate, error) {
	picks, err := a.rules.Order(ordering.Request{
		Candidates: candidates, Results: a.most, Items: a.items, Seed: seed,
		Holds: func(c *expression.Condition) ([]byte, error) { return c.Rows(ctx, a.items, rowsOf(in, c.Request(), i)) },
		Item: func(key string) (int, bool) {
			item, ok := a.index[key]
			return item, ok && bits[item/8]>>(item%8)&1 == 0
		},
	})
	if err != nil {
		return nil, err
	}
	out := make([]ordering.Candidate, len(picks))
	for j, p := range picks {
		out[j] = p.Candidate
	}
	return out, nil
}

// rowsOf returns row i of columns.
func rowsOf(in tensor.Map, columns []schema.Column, i int) tensor.Map {
	values := make(tensor.Map, len(columns))
	for _, c := range columns {
		values[c.Name] = in[c.Name].Rows(i, i+1)
	}
	return values
}
