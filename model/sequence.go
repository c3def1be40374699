package model

import (
	"errors"
	"fmt"

	"recsys/graph"
	"recsys/layer"
	"recsys/schema"
)

// SequenceRetriever is a retriever that knows a state after every place of a history, so that a history trains all of
// them at once.
type SequenceRetriever interface {
	Retriever
	// History is the name of the sequence column that it reads.
	History() string
	// States returns [B,L,D] float32: the query's vector as it is after each place of the history. States of places
	// behind the newest item mean nothing.
	States(b *graph.Builder, query Columns) *graph.Value
}

// sequenceBase is what sequence models have in common: a table of items, whose rows are the items' vectors, and the history.
type sequenceBase struct {
	name          string
	schema        schema.Schema
	item, history schema.Column
	table         layer.Embedding
	dropout       float32
}

// newSequenceBase checks the schema, dim, deviation and dropout. Further faults are joined to what it finds.
func newSequenceBase(s schema.Schema, name string, dim int, deviation, dropout float32, faults ...error) (sequenceBase, error) {
	item, history, err := itemSequence(s)
	errs := append([]error{err, check(s), positive(dim, deviation)}, faults...)
	if !(dropout >= 0 && dropout < 1) {
		errs = append(errs, fmt.Errorf("dropout %g has to be in [0,1)", dropout))
	}
	if err := errors.Join(errs...); err != nil {
		return sequenceBase{}, fmt.Errorf("model %q: %w", name, err)
	}
	table := layer.Embedding{Name: item.Name, Rows: item.Cardinality, Dim: dim, Init: graph.Normal(deviation)}
	return sequenceBase{name, s, item, history, table, dropout}, nil
}

func (m sequenceBase) Name() string { return m.name }

func (m sequenceBase) Schema() schema.Schema { return m.schema }

func (m sequenceBase) History() string { return m.history.Name }

func (m sequenceBase) Items(b *graph.Builder, items Columns) *graph.Value {
	defer b.Scope(m.name)()
	return m.table.Apply(b, items[m.item.Name])
}

// ids is the history among the query columns.
func (m sequenceBase) ids(b *graph.Builder, query Columns) *graph.Value {
	if ids := query[m.history.Name]; ids != nil {
		return ids
	}
	return b.Fail(fmt.Errorf("column %q is not among the inputs", m.history.Name))
}

func (m sequenceBase) drop(b *graph.Builder, name string, x *graph.Value) *graph.Value {
	return layer.Dropout{Name: name + "/dropout", Rate: m.dropout}.Apply(b, x)
}

// newest is the state after the newest item of the history, zero for an empty one.
func (m sequenceBase) newest(b *graph.Builder, query Columns, states *graph.Value) *graph.Value {
	if b.Err() != nil {
		return b.Fail(nil)
	}
	last := layer.Newest(b, query[m.history.Name]) // [B,L]
	return b.Squeeze(b.MatMul(b.Unsqueeze(last, []int64{1}), states), []int64{1})
}
