package feature

import (
	"context"
	"encoding"

	"recsys/tensor"
)

// Learner is an [Operator] that learns from rows which may be cut into parts: what is learned from each part, maybe on
// another machine, is merged. Fit of a Learner is [FitLearner]: there is one implementation of what is learned.
type Learner interface {
	Operator
	// Learn returns what is learned from no rows; nil where the operator needs no data. Plan has succeeded on in.
	Learn(in Columns) (Partial, error)
	// Finish turns what was learned from all rows, nil where Learn gave nil, into what Fit returns.
	Finish(in Columns, learned Partial) (Fitted, error)
}

// Partial is what a [Learner] has learned from some of the rows. Integers, such as frequencies, do not depend on how rows
// are cut or in which order parts are merged; sums in floating point do, within 1e-9 relative. It is not safe for
// concurrent use.
type Partial interface {
	// Columns names the columns that Add reads.
	Columns() []string
	// Add learns from a batch of a [Source], which may hold only some of the columns.
	Add(batch tensor.Map) error
	// Merge adds what other learned, which is of the same operator and not used any more.
	Merge(other Partial) error
	// The binary form is for programs of the same version; it is not kept in files.
	encoding.BinaryMarshaler
	encoding.BinaryUnmarshaler
}

// FitLearner learns from all rows of src, in order.
func FitLearner(ctx context.Context, o Learner, in Columns, src Source) (Fitted, error) {
	p, err := o.Learn(in)
	if err != nil {
		return nil, err
	}
	if p != nil {
		if err := addAll(ctx, p, src); err != nil {
			return nil, err
		}
	}
	return o.Finish(in, p)
}

func addAll(ctx context.Context, p Partial, src Source) error {
	for batch, err := range src.Batches(ctx, p.Columns()) {
		if err == nil {
			err = p.Add(batch)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
