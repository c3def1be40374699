package feature

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"recsys/schema"
	"recsys/tensor"
)

// Workflow is a list of operators, applied in order. Several may work on one column one after another.
type Workflow struct {
	Operators []Operator
}

// Plan checks the operators against the raw columns and returns the encoded columns as far as they are known before
// fitting: cardinalities that are learned are 0.
func (w Workflow) Plan(raw schema.Schema) (schema.Schema, error) {
	p, err := w.plan(raw)
	if err != nil {
		return nil, err
	}
	return p.encoded()
}

// Raw returns the raw columns with those that operators declare. It fails as Plan does.
func (w Workflow) Raw(raw schema.Schema) (schema.Schema, error) {
	p, err := w.plan(raw)
	if err != nil {
		return nil, err
	}
	return p.columns.Raw, nil
}

func (w Workflow) plan(raw schema.Schema) (*planner, error) {
	p, err := newPlan(raw)
	if err != nil {
		return nil, err
	}
	for i, op := range w.Operators {
		plan, err := p.check(op)
		if err != nil {
			return nil, fmt.Errorf("operator %d, %s: %w", i+1, op.Name(), err)
		}
		p.add(plan.Declares, plan.Writes, plan.Drops)
	}
	return p, nil
}

// Fit learns every operator's state from src, in order. raw describes the raw columns: every column that an operator
// reads carries the tag user, item or context, and a list column has its length. The whole workflow is checked
// before any data is read.
func (w Workflow) Fit(ctx context.Context, raw schema.Schema, src Source) (*FittedWorkflow, error) {
	return w.fit(ctx, raw, src, nil)
}

// Refit is [Workflow.Fit] on newer data that keeps every id of a former fit: vocabularies only grow, so that embedding
// tables of the former workflow stay valid for their first rows. Everything else, such as moments, is learned anew. It
// fails where settings that ids depend on have changed.
func (w Workflow) Refit(
	ctx context.Context, former *FittedWorkflow, raw schema.Schema, src Source,
) (*FittedWorkflow, error) {
	if former == nil {
		return nil, errors.New("refit without a former workflow; use Fit")
	}
	return w.fit(ctx, raw, src, former)
}

func (w Workflow) fit(
	ctx context.Context, raw schema.Schema, src Source, former *FittedWorkflow,
) (*FittedWorkflow, error) {
	f, err := w.start(raw, former)
	if err != nil {
		return nil, err
	}
	for f.Operator() != nil {
		if err := f.fit(ctx, src); err != nil {
			return nil, err
		}
	}
	return f.Workflow()
}

// planner follows the columns through the operators.
type planner struct {
	columns Columns
	written []string
}

func newPlan(raw schema.Schema) (*planner, error) {
	if err := raw.Validate(); err != nil {
		return nil, fmt.Errorf("raw schema: %w", err)
	}
	if _, taken := raw.Column(RowColumn); taken {
		return nil, fmt.Errorf("raw schema: column %q: the name stands for the number of a row; rename it", RowColumn)
	}
	clean := make(schema.Schema, len(raw))
	for i, c := range raw {
		c = WithTags(c, nil, []schema.Tag{schema.Categorical, schema.Continuous})
		c.Cardinality = 0
		clean[i] = c
	}
	return &planner{columns: Columns{Raw: clean, Now: clean, vocabularies: map[string]*Vocabulary{}}}, nil
}

// check runs an operator's schema rule and verifies what it promises.
func (p *planner) check(op Operator) (Plan, error) {
	if err := op.Validate(); err != nil {
		return Plan{}, err
	}
	plan, err := op.Plan(p.columns)
	if err != nil {
		return Plan{}, err
	}
	var errs []error
	for _, c := range plan.Declares {
		if had, ok := p.columns.Raw.Column(c.Name); ok && (had.DType != c.DType || had.Length != c.Length) {
			errs = append(errs, fmt.Errorf("column %q: the data has it as %s of length %d, the operator as %s of length %d",
				c.Name, had.DType, had.Length, c.DType, c.Length))
		}
		if slices.Contains(p.written, c.Name) {
			errs = append(errs, fmt.Errorf("column %q: an operator before writes it; give the raw column another name", c.Name))
		}
	}
	errs = append(errs, checkColumns(plan.Declares), checkColumns(plan.Writes))
	return plan, errors.Join(errs...)
}

// checkColumns checks columns that an operator declares or writes.
func checkColumns(s schema.Schema) error {
	errs := []error{s.Validate()}
	for _, c := range s {
		if EntityOf(c) == "" {
			errs = append(errs, fmt.Errorf("column %q: the operator gives it none of the tags user, item, context and interaction", c.Name))
		}
	}
	return errors.Join(errs...)
}

func (p *planner) add(declares, writes schema.Schema, drops []string) {
	p.columns.Raw = overlay(p.columns.Raw, declares)
	p.columns.Now = overlay(overlay(p.columns.Now, declares), writes)
	for _, c := range writes {
		if !slices.Contains(p.written, c.Name) {
			p.written = append(p.written, c.Name)
		}
	}
	p.columns.Now = slices.DeleteFunc(slices.Clone(p.columns.Now), func(c schema.Column) bool {
		return slices.Contains(drops, c.Name)
	})
}

// keepsPromise compares what was planned with what was fitted; only cardinalities may be new.
func (p *planner) keepsPromise(plan Plan, f Fitted) error {
	if got := dropsOf(f); !slices.Equal(got, plan.Drops) {
		return fmt.Errorf("columns %v were to be dropped, %v are", plan.Drops, got)
	}
	writes := slices.Clone(f.Writes())
	if len(writes) != len(plan.Writes) {
		return fmt.Errorf("%d columns were planned, %d are written", len(plan.Writes), len(writes))
	}
	for i, want := range plan.Writes {
		got := writes[i]
		if want.Cardinality == 0 {
			got.Cardinality = 0
		}
		if got.Name != want.Name || got.DType != want.DType || got.Length != want.Length ||
			got.Cardinality != want.Cardinality || !slices.Equal(got.Tags, want.Tags) {
			return fmt.Errorf("column %+v was planned, %+v is written", want, writes[i])
		}
	}
	return nil
}

// take follows the columns through an operator of that plan that is fitted.
func (p *planner) take(plan Plan, f Fitted) error {
	if err := p.keepsPromise(plan, f); err != nil {
		return fmt.Errorf("fitting broke the operator's own plan: %w", err)
	}
	p.add(plan.Declares, f.Writes(), dropsOf(f))
	if e, ok := f.(Encoder); ok {
		maps.Copy(p.columns.vocabularies, e.Vocabularies())
	}
	return nil
}

// encoded returns the columns that operators wrote, finished: see [finish].
func (p *planner) encoded() (schema.Schema, error) {
	var out schema.Schema
	var errs []error
	for _, c := range p.columns.Now {
		if !slices.Contains(p.written, c.Name) {
			continue
		}
		switch {
		case c.Has(schema.Categorical), c.Has(schema.Continuous):
		case c.DType.DType == tensor.Float32, c.DType.DType == tensor.Int64:
			c = WithTags(c, []schema.Tag{schema.Continuous}, nil)
			c.DType = schema.DType{DType: tensor.Float32}
		default:
			errs = append(errs, fmt.Errorf("column %q is still %s when the workflow ends; add an operator that encodes it, "+
				"such as categorify", c.Name, c.DType))
		}
		out = append(out, c)
	}
	if len(out) == 0 && len(errs) == 0 {
		errs = append(errs, errors.New("workflow writes no columns; add operators"))
	}
	return out, errors.Join(errs...)
}
