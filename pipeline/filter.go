package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"recsys/ensemble"
	"recsys/internal/expression"
	"recsys/schema"
	"recsys/tensor"
)

// The rules of Config.Filter.
const (
	seenRule  = "seen"
	whereRule = "where"
)

// KeepsSeen reports whether items may be recommended that the user has.
func (c *Config) KeepsSeen() bool {
	return !slices.ContainsFunc(c.Filter, func(b Block) bool { return b.Name == seenRule })
}

// conditions returns the conditions of the filter as they are written.
func (c *Config) conditions() ([]string, error) {
	var out []string
	for _, b := range c.Filter {
		if b.Name != whereRule {
			continue
		}
		text := ""
		if err := b.Decode(&text); err != nil {
			return nil, fmt.Errorf("filter: %w", err)
		}
		out = append(out, text)
	}
	return out, nil
}

// validateFilter checks what can be checked without columns.
func (c *Config) validateFilter() error {
	var errs []error
	for _, b := range c.Filter {
		if b.Name != seenRule && b.Name != whereRule {
			errs = append(errs, fmt.Errorf("filter: %w", b.unknown("rule", []string{seenRule, whereRule})))
		}
	}
	conditions, err := c.conditions()
	errs = append(errs, err)
	for _, text := range conditions {
		if _, err := expression.Parse(text); err != nil {
			errs = append(errs, fmt.Errorf("filter: where: %w", err))
		}
	}
	return errors.Join(errs...)
}

// compileFilter compiles the conditions of the filter for the columns of the tables.
func (c *Config) compileFilter(raw schema.Schema) ([]*expression.Condition, error) {
	texts, err := c.conditions()
	if err != nil {
		return nil, err
	}
	out := make([]*expression.Condition, len(texts))
	for i, text := range texts {
		if out[i], err = compileCondition(text, raw); err != nil {
			return nil, fmt.Errorf("filter: where: %w", err)
		}
	}
	return out, nil
}

func compileCondition(text string, raw schema.Schema) (*expression.Condition, error) {
	return expression.Compile(text, raw.Select(schema.Item), requestColumns(raw))
}

// requestColumns are the raw columns that are not those of items.
func requestColumns(raw schema.Schema) schema.Schema {
	return slices.DeleteFunc(slices.Clone(raw), func(c schema.Column) bool { return c.Has(schema.Item) })
}

// describeFilter adds to a manifest what the gateway has to know of the filter and of the policy of ordering.
func (p *Pipeline) describeFilter(m *ensemble.Manifest) error {
	conditions, err := p.config.compileFilter(p.tables.Raw)
	if err != nil {
		return err
	}
	m.KeepSeen = p.config.KeepsSeen()
	for _, condition := range conditions {
		m.Where = append(m.Where, condition.String())
	}
	if p.config.Ordering.Active() {
		rules, err := p.config.compileOrdering(p.tables.Raw)
		if err != nil {
			return err
		}
		policy := rules.Policy()
		m.Ordering = &policy
		conditions = append(conditions, rules.Conditions()...)
	}
	for _, condition := range conditions {
		for _, c := range condition.Request() {
			if _, ok := m.RequestColumns().Column(c.Name); ok {
				continue
			}
			m.Attributes = append(m.Attributes, c)
			if c.Has(schema.User) && !c.Has(schema.ID) {
				m.UserRow = append(m.UserRow, c)
			}
		}
	}
	return nil
}

// filters make offline requests' bitmaps of blocked items, as the gateway makes them.
type filters struct {
	blocked    ensemble.ManifestBlocked
	keep       [][]byte                // of conditions that read nothing of the request
	conditions []*expression.Condition // the others
	items      *expression.Table       // rows by item index; nil without conditions
}

// newAnswering makes what an offline request needs beside the stages, as the gateway has it.
func (p *Pipeline) newAnswering(ctx context.Context, m *ensemble.Manifest) (*filters, *answerer, error) {
	items, err := p.attributes(ctx, m)
	if err != nil {
		return nil, nil, err
	}
	f, err := p.newFilters(ctx, m, items)
	if err != nil {
		return nil, nil, err
	}
	a, err := p.newAnswerer(m, items)
	return f, a, err
}

// newFilters compiles a manifest's conditions; items are the columns of items by item index.
func (p *Pipeline) newFilters(ctx context.Context, m *ensemble.Manifest, items *expression.Table) (*filters, error) {
	f := &filters{blocked: m.Blocked, items: items}
	for _, text := range m.Where {
		c, err := compileCondition(text, p.tables.Raw)
		if err != nil {
			return nil, fmt.Errorf("filter: %w", err)
		}
		if len(c.Request()) > 0 {
			f.conditions = append(f.conditions, c)
			continue
		}
		keep, err := c.Rows(ctx, f.items, nil)
		if err != nil {
			return nil, err
		}
		f.keep = append(f.keep, keep)
	}
	return f, nil
}

// attributes returns the columns of items by item index; nil where a manifest has neither conditions nor a policy.
func (p *Pipeline) attributes(ctx context.Context, m *ensemble.Manifest) (*expression.Table, error) {
	if len(m.Where) == 0 && m.Ordering == nil {
		return nil, nil //nolint:nilnil // Nobody asks it then.
	}
	rows, _, _, err := encoder{p.config, p.tables, p.workflow}.itemRows(ctx)
	if err != nil {
		return nil, err
	}
	t := expression.NewTable(p.tables.Raw.Select(schema.Item))
	return t, t.Append(rows.Len(), columnsOf(rows, p.tables.Raw))
}

// block adds the bitmap to the raw columns of requests, [B] and [B,L]; seen are the item indices that each may not get.
func (f *filters) block(ctx context.Context, in tensor.Map, seen [][]int32) error {
	bits := make([]uint8, len(seen)*f.blocked.Bytes)
	for i, items := range seen {
		own := bits[i*f.blocked.Bytes : (i+1)*f.blocked.Bytes]
		for _, item := range items {
			own[item>>3] |= 1 << (item & 7)
		}
		keeps := slices.Clip(f.keep)
		for _, c := range f.conditions {
			keep, err := c.Rows(ctx, f.items, rowsOf(in, c.Request(), i))
			if err != nil {
				return err
			}
			keeps = append(keeps, keep)
		}
		for _, keep := range keeps {
			for j := range own {
				own[j] |= ^keep[j]
			}
		}
	}
	in[f.blocked.Input] = tensor.Of(bits, len(seen), f.blocked.Bytes)
	return nil
}
