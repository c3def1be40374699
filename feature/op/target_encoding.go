package op

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"recsys/feature"
	"recsys/graph"
	"recsys/schema"
	"recsys/tensor"
)

// TargetEncoding makes a column of the mean of a target over the rows that have the same key, or the same keys of several columns,
// drawn towards the mean of all rows: with n rows of a key whose target is y_i, and m the mean of all rows,
//
//	(Σ y_i + Smoothing·m) / (n + Smoothing)
//
// (Micci-Barreca, SIGKDD Explorations 3(1), 2001, with λ(n) = n/(n+Smoothing)). Keys that were not seen, and null, get m.
//
// A row that was learned from would meet its own target in the sum. In training its column is therefore computed without the
// rows of its fold, of Folds that the numbers of rows are spread over by MurmurHash3 with Seed; rows that were not learned from,
// and requests, get the mean over all. What a fold lacks says nothing of the row's own target: a column of noise stays noise.
type TargetEncoding struct {
	// Columns are int64 or string scalars of any entities, not encoded yet, and stay as they are.
	Columns []string `json:"columns"`
	// Target is an int64 or float32 column of the interactions that is no input, such as 0 and 1 or a rating. Rows where it
	// is null are left out.
	Target string `json:"target"`
	// Column is the name of the new column; empty means those of Columns with "_x_" between them, "_" and Target.
	Column string `json:"name,omitempty"`
	// Smoothing is the weight of the mean of all rows, in rows; nil means 20.
	Smoothing *float64 `json:"smoothing,omitempty"`
	// Folds is the number of folds, 2 to 100; 0 means 5.
	Folds int `json:"folds,omitempty"`
	// Seed spreads the rows over the folds.
	Seed uint32 `json:"seed,omitempty"`
}

// encodedTarget is what TargetEncoding learns.
type encodedTarget struct {
	joint

	Folds int    `json:"folds"`
	Seed  uint32 `json:"seed"`
	// Values has the column's value by id of the keys: over all rows, and then without each fold.
	Values [][]float32 `json:"values"`
}

// Name returns "target_encoding".
func (o *TargetEncoding) Name() string { return "target_encoding" }

// Validate checks the settings.
func (o *TargetEncoding) Validate() error {
	errs := []error{checkNames(o.Columns)}
	if o.Target == "" {
		errs = append(errs, errors.New("no target; set it to a column of the interactions"))
	}
	if slices.Contains(o.Columns, o.Target) && o.Target != "" {
		errs = append(errs, fmt.Errorf("target %q is among the columns", o.Target))
	}
	if s := o.smoothing(); !(s >= 0) || math.IsInf(s, 1) {
		errs = append(errs, fmt.Errorf("smoothing %g has to be finite and not negative", s))
	}
	if f := o.folds(); f < 2 || f > maxFolds {
		errs = append(errs, fmt.Errorf("%d folds; set folds to a number from 2 to %d", f, maxFolds))
	}
	return errors.Join(errs...)
}

const maxFolds = 100

func (o *TargetEncoding) smoothing() float64 {
	if o.Smoothing == nil {
		return 20
	}
	return *o.Smoothing
}

func (o *TargetEncoding) folds() int {
	if o.Folds == 0 {
		return 5
	}
	return o.Folds
}

// Targets names the target.
func (o *TargetEncoding) Targets() []string { return []string{o.Target} }

// Plan is the schema rule: a new float32 column, tagged continuous. It belongs to the interaction if a column is the item's and
// to the context otherwise, for in training each row has a value of its own.
func (o *TargetEncoding) Plan(in feature.Columns) (feature.Plan, error) {
	found, entity, err := together(in, o.Columns, keys())
	_, targetErr := in.FindTarget(o.Target, numeric()...)
	if err = errors.Join(err, targetErr, scalars(found)); err != nil {
		return feature.Plan{}, err
	}
	if entity == schema.User {
		entity = schema.Context
	}
	if entity == schema.Item {
		entity = schema.Interaction
	}
	c := number(belonging(entity, found[0]))
	if c.Name = o.Column; c.Name == "" {
		c.Name = strings.Join(o.Columns, "_x_") + "_" + o.Target
	}
	return feature.Plan{Reads: o.Columns, Writes: schema.Schema{c}}, checkFresh(in, c.Name)
}

// Fit adds up the targets in one pass, row by row. It holds 16 bytes for each key and fold beside the keys.
func (o *TargetEncoding) Fit(ctx context.Context, in feature.Columns, src feature.Source) (feature.Fitted, error) {
	plan, err := o.Plan(in)
	if err != nil {
		return nil, err
	}
	sums := targetSums{folds: o.folds(), seed: o.Seed, tuples: newTuples(len(o.Columns))}
	read := append(slices.Clone(o.Columns), o.Target, feature.RowColumn)
	for batch, err := range feature.Interactions(ctx, src, read) {
		if err == nil {
			err = sums.add(batch, o.Columns, o.Target)
		}
		if err != nil {
			return nil, err
		}
	}
	if sums.all.n == 0 {
		return nil, fmt.Errorf("target %q: the training data has no rows with a value; check the split and the file", o.Target)
	}
	kept := sums.tuples.sorted(nil)
	j, ids, err := sums.tuples.joint(plan.Writes[0].Name, o.Columns, kept, 0, in)
	if err != nil {
		return nil, err
	}
	learned := encodedTarget{joint: *j, Folds: o.folds(), Seed: o.Seed, Values: sums.values(j.last().Cardinality(), kept, ids, o.smoothing())}
	return newTargetEncoded(entry[*encodedTarget]{From: o.Columns[0], With: o.Columns[1:], Writes: plan.Writes, Learned: &learned})
}

// targetSum is the sum of n targets.
type targetSum struct {
	sum float64
	n   int
}

func (s *targetSum) put(x float64) { s.sum, s.n = s.sum+x, s.n+1 }

// targetSums adds up targets by tuple of keys and fold.
type targetSums struct {
	folds  int
	seed   uint32
	tuples *tuples
	all    targetSum
	byKey  []targetSum // folds each
}

func (s *targetSums) add(batch tensor.Map, columns []string, target string) error {
	rows := s.tuples.add(columnsOf(batch, columns))
	s.byKey = append(s.byKey, make([]targetSum, s.tuples.len()*s.folds-len(s.byKey))...)
	numbers, err := tensor.Data[int64](batch[feature.RowColumn])
	if err != nil {
		return err
	}
	err = eachNumber(batch[target], func(i int, x float64) {
		s.all.put(x)
		if rows[i] >= 0 {
			s.byKey[rows[i]*s.folds+foldOf(numbers[i], s.folds, s.seed)].put(x)
		}
	})
	if err != nil {
		return fmt.Errorf("target %q: %w", target, err)
	}
	return nil
}

// foldOf returns the fold of a row; the graph of training computes the same.
func foldOf(row int64, folds int, seed uint32) int {
	return int(graph.MurmurHash3Int64(row, seed) % uint32(folds))
}

// values returns the column's values by id, of which kept tuples have ids: over all folds, and without each one.
func (s *targetSums) values(cardinality int, kept []int, ids []int64, smoothing float64) [][]float32 {
	mean := s.all.sum / float64(s.all.n)
	out := make([][]float32, 1+s.folds)
	for without := range out {
		values := make([]float32, cardinality)
		for i := range values {
			values[i] = float32(mean)
		}
		for i, tuple := range kept {
			var total targetSum
			for fold, sum := range s.byKey[tuple*s.folds : (tuple+1)*s.folds] {
				if fold != without-1 {
					total.sum, total.n = total.sum+sum.sum, total.n+sum.n
				}
			}
			if weight := float64(total.n) + smoothing; weight > 0 {
				values[ids[i]] = float32((total.sum + float64(smoothing*mean)) / weight)
			}
		}
		out[without] = values
	}
	return out
}

// targetEncoded is a fitted TargetEncoding.
type targetEncoded struct{ *columnwise[*encodedTarget] }

func newTargetEncoded(entries ...entry[*encodedTarget]) (targetEncoded, error) {
	f, err := targetEncodingRule().fitted(entries)
	return targetEncoded{f}, err
}

func (f targetEncoded) Vocabularies() map[string]*feature.Vocabulary {
	return f.entries[0].Learned.vocabularies()
}

// ApplyTraining is that of feature.Trained.
func (f targetEncoded) ApplyTraining(b *graph.Builder, in map[string]*graph.Value, row *graph.Value) map[string]*graph.Value {
	e := f.entries[0]
	defer b.Scope(e.From)()
	fold := b.Mod(b.Cast(b.MurmurHash3(row, e.Learned.Seed, true), tensor.Int64), b.Int64(int64(e.Learned.Folds)))
	table := b.Where(b.Equal(row, b.Int64(tensor.NullInt64)), b.Int64(0), b.Add(fold, b.Int64(1)))
	id := e.Learned.encode(b, f.rule.inputs(e, in))
	cardinality := e.Learned.last().Cardinality()
	at := b.Add(b.Mul(table, b.Int64(int64(cardinality))), id)
	values := slices.Concat(e.Learned.Values...)
	return map[string]*graph.Value{e.Writes[0].Name: b.Gather(b.Const("", tensor.Of(values, len(values))), at, 0)}
}

func targetEncodingRule() rule[*encodedTarget] {
	return rule[*encodedTarget]{
		name: "target_encoding", version: 1,
		check: func(e entry[*encodedTarget]) error {
			l := e.Learned
			errs := []error{checkFloats(e.Writes), checkNumbers(e.Writes, 1)}
			if len(l.columns) != 1+len(e.With) || l.Folds < 2 || len(l.Values) != 1+l.Folds {
				return fmt.Errorf("it needs values of %d columns over all and without each of %d folds", 1+len(e.With), l.Folds)
			}
			for _, values := range l.Values {
				if len(values) != l.last().Cardinality() {
					errs = append(errs, fmt.Errorf("%d values of %d ids", len(values), l.last().Cardinality()))
				}
				if slices.ContainsFunc(values, func(v float32) bool { return math.IsInf(float64(v), 0) }) {
					errs = append(errs, errors.New("a mean is beyond float32"))
				}
			}
			return errors.Join(errs...)
		},
		join: func(b *graph.Builder, e entry[*encodedTarget], in []*graph.Value) []*graph.Value {
			values := e.Learned.Values[0]
			return []*graph.Value{b.Gather(b.Const("", tensor.Of(values, len(values))), e.Learned.encode(b, in), 0)}
		},
	}
}

func targetEncodingKind() feature.Kind {
	return jointKind(targetEncodingRule(), func() feature.Operator { return &TargetEncoding{} },
		func(l *encodedTarget) *joint {
			if l == nil {
				return nil
			}
			return &l.joint
		},
		func(e ...entry[*encodedTarget]) (feature.Fitted, error) { return newTargetEncoded(e...) })
}
