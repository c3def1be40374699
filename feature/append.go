package feature

import (
	"fmt"
	"slices"

	"recsys/tensor"
)

// Grower is an [Encoder] whose vocabularies can become longer.
type Grower interface {
	Encoder
	// Grow returns the operator with v in the place of the vocabulary of that name, of which v holds every key at its id. What is
	// encoded by another vocabulary stays.
	Grow(v *Vocabulary) (Fitted, error)
}

// Append returns the whole workflow with keys, [N] int64 or string, at the end of the vocabulary that encodes a column. They get the ids
// that follow, in their order, and columns that share the vocabulary grow with it. Nothing else changes: what else was learned, and the
// ids of the keys before, stay, unlike with [Workflow.Refit] also where data would have it otherwise. Keys that the vocabulary has are
// refused.
func (w *FittedWorkflow) Append(column string, keys *tensor.Tensor) (*FittedWorkflow, error) {
	old, ok := w.Vocabulary(column)
	if !ok {
		return nil, fmt.Errorf("append to the vocabulary of %q: no operator encodes the column by one", column)
	}
	grown, err := old.with(keys)
	if err != nil {
		return nil, fmt.Errorf("append: %w", err)
	}
	operators := make([]Fitted, len(w.operators))
	for i, f := range w.operators {
		if operators[i], err = grow(f, grown); err != nil {
			return nil, fmt.Errorf("append to %s: operator %s: %w", old, f.Name(), err)
		}
	}
	return assemble(w.allRaw, operators)
}

func grow(f Fitted, v *Vocabulary) (Fitted, error) {
	e, ok := f.(Encoder)
	if !ok {
		return f, nil
	}
	for column, has := range e.Vocabularies() {
		if has.name != v.name {
			continue
		}
		g, ok := f.(Grower)
		if !ok {
			return nil, fmt.Errorf("it encodes %q by a vocabulary that cannot grow; fit anew", column)
		}
		return g.Grow(v)
	}
	return f, nil
}

// with returns the vocabulary with keys behind its own.
func (v *Vocabulary) with(keys *tensor.Tensor) (*Vocabulary, error) {
	if keys.Rank() != 1 || keys.DType() != v.DType() {
		return nil, fmt.Errorf("keys %s do not fit %s", keys, v)
	}
	if v.isText {
		return NewStringVocabulary(v.name, v.oov, append(slices.Clip(v.strings), tensor.MustData[string](keys)...))
	}
	return NewIntVocabulary(v.name, v.oov, append(slices.Clip(v.ints), tensor.MustData[int64](keys)...))
}
