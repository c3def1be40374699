package featuretest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"

	"recsys/feature"
	"recsys/schema"
	"recsys/tensor"
)

// Case is an operator and what it is tried on.
type Case struct {
	// Operator is the one under test. Before lists operators that have to come first; they have to be sound.
	Operator feature.Operator
	Before   []feature.Operator
	// Raw describes the raw columns, with entities.
	Raw schema.Schema
	// Registry reads the saved state of Operator and Before.
	Registry *feature.Registry
	// Train holds the columns of Raw to fit from, of one length of 2 or more; nil means that the suite makes them.
	Train tensor.Map
	// Tolerance is the relative difference to ONNX Runtime and between kernel sets that float32 columns may have. 0
	// means none. Operators that call Log or Exp need one.
	Tolerance float64
}

func (c Case) workflow() feature.Workflow {
	return feature.Workflow{Operators: append(slices.Clone(c.Before), c.Operator)}
}

// subject is a case made ready.
type subject struct {
	Case
	train  tensor.Map
	fitted *feature.FittedWorkflow
	probe  tensor.Map // hard values for every raw column
	rows   int        // of probe
	want   tensor.Map // probe transformed
}

func newSubject(ctx context.Context, c Case) (*subject, error) {
	if c.Operator == nil || c.Registry == nil {
		return nil, errors.New("case without an operator or a registry")
	}
	s := &subject{Case: c, train: c.Train}
	if s.train == nil {
		s.train = trainingData(c.Raw)
	}
	var err error
	if s.fitted, err = s.fit(ctx, 7); err != nil {
		return nil, fmt.Errorf("fit: %w", err)
	}
	s.probe, s.rows = probeData(s.fitted.Raw(), s.train)
	s.want, err = s.fitted.Transform(ctx, s.probe)
	return s, err
}

func (s *subject) fit(ctx context.Context, batch int) (*feature.FittedWorkflow, error) {
	return s.workflow().Fit(ctx, s.Raw, s.tables(batch))
}

// tables is the training data with numbers of rows.
func (s *subject) tables(batch int) feature.Tables {
	table := maps.Clone(s.train)
	for _, t := range s.train {
		rows := make([]int64, t.Dim(0))
		for i := range rows {
			rows[i] = int64(i)
		}
		table[feature.RowColumn] = tensor.Of(rows, len(rows))
		break
	}
	return feature.Tables{Tables: []tensor.Map{table}, BatchRows: batch}
}

func (s *subject) save(w *feature.FittedWorkflow) ([]byte, error) {
	var out bytes.Buffer
	err := w.Write(&out)
	return out.Bytes(), err
}

// failing is a source whose call number at breaks after its first batch. It counts the calls.
type failing struct {
	feature.Tables
	at    int
	calls *int
}

var errSource = errors.New("the source broke")

func (f failing) Batches(ctx context.Context, columns []string) iter.Seq2[tensor.Map, error] {
	*f.calls++
	if *f.calls != f.at {
		return f.Tables.Batches(ctx, columns)
	}
	return func(yield func(tensor.Map, error) bool) {
		for batch, err := range f.Tables.Batches(ctx, columns) {
			if yield(batch, err) && err == nil {
				yield(nil, errSource)
			}
			return
		}
	}
}
