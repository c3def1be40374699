package feature

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	"recsys/schema"
	"recsys/tensor"
)

// Fitting is a workflow that is being fitted, one operator after another, from data that may lie on several machines:
//
//	f, err := w.Start(raw)
//	for f.Operator() != nil {
//		p, err := f.Learn()
//		... // each part of the data: Learn, Add; then Merge into p
//		err = f.Finish(p)
//	}
//	fitted, err := f.Workflow()
//
// Other processes take up the same state by [FittedWorkflow]'s form: [Fitting.Write], [Workflow.Resume]. It is not safe
// for concurrent use.
type Fitting struct {
	workflow Workflow
	planner  *planner
	fitted   []Fitted
}

// Start checks the workflow as Fit does, and begins.
func (w Workflow) Start(raw schema.Schema) (*Fitting, error) { return w.start(raw, nil) }

func (w Workflow) start(raw schema.Schema, former *FittedWorkflow) (*Fitting, error) {
	if _, err := w.Plan(raw); err != nil {
		return nil, err
	}
	p, err := newPlan(raw)
	if err != nil {
		return nil, err
	}
	p.columns.former = former
	return &Fitting{workflow: w, planner: p}, nil
}

// Resume is Start with the operators that were fitted when [Fitting.Write] wrote from.
func (w Workflow) Resume(registry *Registry, raw schema.Schema, from io.Reader) (*Fitting, error) {
	f, err := w.Start(raw)
	if err != nil {
		return nil, err
	}
	_, operators, err := readState(registry, from)
	if err != nil {
		return nil, err
	}
	if len(operators) > len(w.Operators) {
		return nil, fmt.Errorf("%d operators are fitted, of a workflow that has %d", len(operators), len(w.Operators))
	}
	for _, fitted := range operators {
		if err := f.take(fitted); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// Write writes the operators that are fitted, in the form of [FittedWorkflow.Write].
func (f *Fitting) Write(to io.Writer) error { return writeState(to, f.planner.columns.Raw, f.fitted) }

// Operator returns the operator that is to be fitted next, nil when all are.
func (f *Fitting) Operator() Operator {
	if len(f.fitted) == len(f.workflow.Operators) {
		return nil
	}
	return f.workflow.Operators[len(f.fitted)]
}

// Learn returns what the next operator has learned from no rows; nil where it needs no data.
func (f *Fitting) Learn() (Partial, error) {
	o, ok := f.Operator().(Learner)
	if !ok {
		return nil, nil //nolint:nilnil // It learns nothing, or Finish tells that it cannot.
	}
	p, err := o.Learn(f.planner.columns)
	return p, f.wrap(err)
}

// Add learns from src, part of the rows, which streams raw columns. It may lack columns, such as those of another table.
func (f *Fitting) Add(ctx context.Context, p Partial, src Source) error {
	s := f.source(src)
	s.part = true
	return f.wrap(addAll(ctx, p, s))
}

// Finish fits the next operator from what was learned of all rows, which is nil where [Fitting.Learn] gave nil. It fails
// with [ErrAllRows] for an operator that reads data and is no [Learner].
func (f *Fitting) Finish(ctx context.Context, learned Partial) error {
	var fitted Fitted
	var err error
	if o, ok := f.Operator().(Learner); ok {
		fitted, err = o.Finish(f.planner.columns, learned)
	} else {
		fitted, err = f.Operator().Fit(ctx, f.planner.columns, noSource{})
	}
	if err != nil {
		return f.wrap(err)
	}
	return f.take(fitted)
}

// Workflow returns the fitted workflow when all operators are fitted.
func (f *Fitting) Workflow() (*FittedWorkflow, error) {
	if o := f.Operator(); o != nil {
		return nil, fmt.Errorf("operator %s is not fitted", o.Name())
	}
	return assemble(f.planner.columns.Raw, f.fitted)
}

// fit fits the next operator from all rows.
func (f *Fitting) fit(ctx context.Context, src Source) error {
	fitted, err := f.Operator().Fit(ctx, f.planner.columns, f.source(src))
	if err != nil {
		return f.wrap(err)
	}
	return f.take(fitted)
}

// source streams the columns as the operators before have left them.
func (f *Fitting) source(src Source) *transformed {
	return newTransformed(src, f.planner.columns, f.fitted)
}

// take goes on to the next operator.
func (f *Fitting) take(fitted Fitted) error {
	plan, err := f.planner.check(f.Operator())
	if err == nil {
		err = f.planner.take(plan, fitted)
	}
	if err != nil {
		return f.wrap(err)
	}
	f.fitted = append(f.fitted, fitted)
	return nil
}

func (f *Fitting) wrap(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("operator %d, %s: %w", len(f.fitted)+1, f.Operator().Name(), err)
}

// ErrAllRows is wrapped by the error of [Fitting.Finish] for an operator that learns, and not from parts of the rows.
var ErrAllRows = errors.New("it learns from all rows at once, not from parts: fit the workflow in one process")

// noSource is the data of operators that need none.
type noSource struct{}

func (noSource) Batches(context.Context, []string) iter.Seq2[tensor.Map, error] {
	return func(yield func(tensor.Map, error) bool) { yield(nil, ErrAllRows) }
}

func (s noSource) Interactions(ctx context.Context, columns []string) iter.Seq2[tensor.Map, error] {
	return s.Batches(ctx, columns)
}
