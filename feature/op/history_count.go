package op

import (
	"context"
	"errors"
	"fmt"

	"recsys/feature"
	"recsys/graph"
	"recsys/schema"
	"recsys/tensor"
)

// HistoryCount makes a column of how many of the items in the user's history are like the candidate: have the same value of an
// item column, such as the brand. Histories hold what lies strictly before the interaction, so the count is as of then. Values
// that are null or out of vocabulary are like none.
type HistoryCount struct {
	// Column is the name of the new column.
	Column string `json:"name"`
	// Of is a scalar column of items that an operator before has encoded.
	Of string `json:"of"`
	// History is the list of a sequence operator before.
	History string `json:"history"`
	// Share divides the count by the number of items in the history: 0 to 1, 0 for an empty one.
	Share bool `json:"share,omitempty"`
}

type counted struct {
	itemValues

	First int  `json:"first"` // the lowest id that counts
	Share bool `json:"share,omitempty"`
}

// Name returns "history_count".
func (o *HistoryCount) Name() string { return "history_count" }

// Validate checks the settings.
func (o *HistoryCount) Validate() error {
	return checkPair(o.Column, "of", o.Of, "history", o.History)
}

// Plan is the schema rule: a new float32 column of the interaction, tagged continuous.
func (o *HistoryCount) Plan(in feature.Columns) (feature.Plan, error) {
	of, err := findOf(in, o.Of, o.History)
	if err != nil {
		return feature.Plan{}, err
	}
	if !of.column.Has(schema.Categorical) {
		return feature.Plan{}, fmt.Errorf("column %q: it is not encoded here; put categorify or another operator that makes ids before", o.Of)
	}
	c := number(feature.WithTags(belonging(schema.Interaction, of.column), nil, []schema.Tag{schema.Categorical}))
	c.Name, c.Cardinality = o.Column, 0
	return feature.Plan{Reads: []string{o.History, o.Of}, Writes: schema.Schema{c}}, checkFresh(in, o.Column)
}

// Fit reads the value of every item of the training data in one pass.
func (o *HistoryCount) Fit(ctx context.Context, in feature.Columns, src feature.Source) (feature.Fitted, error) {
	plan, err := o.Plan(in)
	if err != nil {
		return nil, err
	}
	of, err := findOf(in, o.Of, o.History)
	if err != nil {
		return nil, err
	}
	values, err := learnItems(ctx, src, of)
	if err != nil {
		return nil, err
	}
	learned := counted{itemValues: values, First: feature.FirstOOV, Share: o.Share}
	if v, ok := in.Vocabulary(o.Of); ok {
		learned.First = v.First()
	}
	return historyCountRule().fitted([]entry[counted]{
		{From: o.History, With: []string{o.Of}, Writes: plan.Writes, Learned: learned},
	})
}

func historyCountRule() rule[counted] {
	return rule[counted]{
		name: "history_count", version: 1,
		check: func(e entry[counted]) error {
			if len(e.With) != 1 || e.Learned.Ints == nil {
				return errors.New("it needs ids by item, and a column to compare them with")
			}
			return errors.Join(e.Learned.check(), checkFloats(e.Writes), checkNumbers(e.Writes, 1))
		},
		join: func(b *graph.Builder, e entry[counted], in []*graph.Value) []*graph.Value {
			history, own := in[0], b.Unsqueeze(in[1], []int64{1})
			before := e.Learned.of(b, history) // [B,L]
			alike := b.And(b.Equal(before, own), b.GreaterOrEqual(before, b.Int64(int64(e.Learned.First))))
			count := b.ReduceSum(b.Cast(alike, tensor.Float32), []int64{1}, false)
			if e.Learned.Share {
				items := b.Cast(b.Not(b.Equal(history, b.Int64(feature.PaddingID))), tensor.Float32)
				count = b.Div(count, b.Max(b.ReduceSum(items, []int64{1}, false), b.Float32(1)))
			}
			return []*graph.Value{count}
		},
	}
}
