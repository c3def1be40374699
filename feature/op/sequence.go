package op

import (
	"context"
	"errors"
	"fmt"

	"recsys/feature"
	"recsys/schema"
)

// Sequence declares a raw list column, the user's history, and encodes it with the vocabulary of another column. The
// list is [B,Length], oldest first, padded with nulls on the right; null and padding become 0, unknown keys the
// out-of-vocabulary bucket. The history is not read from the data when fitting: the gateway or the store sends it, and
// training cuts it from the events (feature.Window).
type Sequence struct {
	// Column is the name of the raw and of the encoded list.
	Column string `json:"name"`
	// Of names the column, encoded by an operator before, whose values the list holds.
	Of string `json:"of"`
	// Length is L, the number of newest events kept.
	Length int `json:"length"`
}

// Name returns "sequence".
func (o *Sequence) Name() string { return "sequence" }

// Validate checks the settings.
func (o *Sequence) Validate() error {
	var errs []error
	if o.Column == "" || o.Of == "" {
		errs = append(errs, fmt.Errorf("name %q of %q: both have to be set", o.Column, o.Of))
	}
	if o.Column != "" && o.Column == o.Of {
		errs = append(errs, fmt.Errorf("name %q is that of the column it holds; choose another", o.Column))
	}
	if o.Length < 1 {
		errs = append(errs, fmt.Errorf("length %d has to be positive", o.Length))
	}
	return errors.Join(errs...)
}

// Plan is the schema rule: a raw list of the type of Of becomes a list of ids, tagged user, sequence and categorical.
func (o *Sequence) Plan(in feature.Columns) (feature.Plan, error) {
	of, err := in.Find(o.Of)
	if err != nil {
		return feature.Plan{}, err
	}
	raw, isRaw := in.Raw.Column(o.Of)
	if !isRaw || !of.Has(schema.Categorical) {
		return feature.Plan{}, fmt.Errorf("column %q is not encoded; put categorify of %q before the sequence", o.Of, o.Of)
	}
	list := schema.Column{
		Name: o.Column, DType: raw.DType, Length: o.Length, Tags: []schema.Tag{schema.User, schema.Sequence},
	}
	return feature.Plan{
		Reads: []string{o.Column}, Declares: schema.Schema{list}, Writes: schema.Schema{ids(list, of.Cardinality)},
	}, nil
}

// Fit takes the vocabulary of Of; it reads no data.
func (o *Sequence) Fit(_ context.Context, in feature.Columns, _ feature.Source) (feature.Fitted, error) {
	plan, err := o.Plan(in)
	if err != nil {
		return nil, err
	}
	v, ok := in.Vocabulary(o.Of)
	if !ok || v.DType() != plan.Declares[0].DType.DType {
		return nil, fmt.Errorf("column %q has no vocabulary of its raw values; only a column that categorify encodes has one", o.Of)
	}
	return newEncoder(sequenceRule(), []entry[lookup]{{
		From: o.Column, Writes: plan.Writes, Learned: lookup{Name: v.Name(), vocabulary: v},
	}})
}

func sequenceRule() rule[lookup] {
	return rule[lookup]{name: "sequence", version: 1, check: checkLookup, apply: encodeColumn}
}
