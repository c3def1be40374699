package op

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"recsys/feature"
	"recsys/graph"
	"recsys/schema"
	"recsys/tensor"
)

// GroupStatistics makes columns of what the training data says about the group of a row: the mean price of an item's
// brand, how much a user has spent. For every key of By it learns statistics of the values that stand in its rows, and
// looks them up by the key; only the key is asked for in a request. A row's own values are among those of its group.
//
// A key that was not seen, null, and a group that has no values get the statistics of all rows, but 0 for count and sum.
type GroupStatistics struct {
	// By names the int64 or string column of keys; it stays as it is.
	By string `json:"by"`
	// Columns are int64 or float32 scalars of any entity that stand in the same table of the data as By; they stay as
	// they are. Nulls are left out.
	Columns []string `json:"columns"`
	// Statistics lists count (of values that are not null), mean, std (the population's), min, max and sum. The columns
	// are named COLUMN_by_BY_STATISTIC and belong to By's entity. Empty means mean and count.
	Statistics []string `json:"statistics,omitempty"`
}

// groups is what is known about keys; one of the lists of keys is used.
type groups struct {
	Ints    []int64  `json:"ints,omitempty"`
	Strings []string `json:"strings,omitempty"`
	// Values has for each column written the statistic of unknown keys and then that of each key.
	Values [][]float32 `json:"values"`
}

// summary accumulates the statistics of a group.
type summary struct {
	Moments  welford
	Sum      float64
	Min, Max float64
}

func (s *summary) put(x float64) {
	if s.Moments.N == 0 {
		s.Min, s.Max = x, x
	}
	s.Moments.put(x)
	s.Sum += x
	s.Min, s.Max = min(s.Min, x), max(s.Max, x)
}

func (s *summary) merge(other *summary) {
	switch {
	case other.Moments.N == 0:
		return
	case s.Moments.N == 0:
		*s = *other
		return
	}
	s.Sum += other.Sum
	s.Min, s.Max = min(s.Min, other.Min), max(s.Max, other.Max)
	s.Moments.merge(&other.Moments)
}

func statisticNames() []string { return []string{"count", "mean", "std", "min", "max", "sum"} }

// of returns a statistic, which for no values is that of all.
func (s *summary) of(statistic string, all *summary) float64 {
	switch {
	case statistic == "count":
		return float64(s.Moments.N)
	case statistic == "sum":
		return s.Sum
	case s.Moments.N == 0:
		s = all
	}
	switch statistic {
	case "mean":
		return s.Moments.Mean
	case "std":
		return s.Moments.moments().Std
	case "min":
		return s.Min
	}
	return s.Max
}

// Name returns "group_statistics".
func (o *GroupStatistics) Name() string { return "group_statistics" }

// Validate checks the settings.
func (o *GroupStatistics) Validate() error {
	errs := []error{checkNames(o.Columns)}
	if o.By == "" {
		errs = append(errs, errors.New("by is empty; set it to the column of keys"))
	}
	if slices.Contains(o.Columns, o.By) && o.By != "" {
		errs = append(errs, fmt.Errorf("column %q: statistics of the keys themselves; leave it out", o.By))
	}
	return errors.Join(append(errs, checkStatistics(o.Statistics, statisticNames()))...)
}

func (o *GroupStatistics) statistics() []string {
	if len(o.Statistics) > 0 {
		return o.Statistics
	}
	return []string{"mean", "count"}
}

// Plan is the schema rule: new float32 columns of the entity of By, tagged continuous.
func (o *GroupStatistics) Plan(in feature.Columns) (feature.Plan, error) {
	by, err := in.FindRaw(o.By, keys()...)
	errs := []error{err}
	p := feature.Plan{Reads: slices.Concat([]string{o.By}, o.Columns)}
	if by.Length > 0 {
		errs = append(errs, fmt.Errorf("column %q: it is a list; group_statistics takes one key a row", o.By))
	}
	for _, name := range o.Columns {
		c, err := in.FindRaw(name, numeric()...)
		if err == nil && c.Length > 0 {
			err = fmt.Errorf("column %q: it is a list; group_statistics takes one value a row", name)
		}
		errs = append(errs, err)
		for _, statistic := range o.statistics() {
			w := number(feature.WithTags(by, nil, []schema.Tag{schema.ID}))
			w.Name = name + "_by_" + o.By + "_" + statistic
			p.Writes = append(p.Writes, w)
			errs = append(errs, checkFresh(in, w.Name))
		}
	}
	return p, errors.Join(errs...)
}

// Fit computes the statistics in one pass, row by row. It holds 72 bytes for each group and column.
func (o *GroupStatistics) Fit(ctx context.Context, in feature.Columns, src feature.Source) (feature.Fitted, error) {
	return feature.FitLearner(ctx, o, in, src)
}

// Learn returns no groups.
func (o *GroupStatistics) Learn(feature.Columns) (feature.Partial, error) {
	return &collector{
		By: o.By, Of: o.Columns, Ints: map[int64][]summary{}, Strings: map[string][]summary{}, All: make([]summary, len(o.Columns)),
	}, nil
}

// Finish takes the statistics of each group.
func (o *GroupStatistics) Finish(in feature.Columns, learned feature.Partial) (feature.Fitted, error) {
	plan, err := o.Plan(in)
	if err != nil {
		return nil, err
	}
	c, ok := learned.(*collector)
	if !ok {
		return nil, fmt.Errorf("what was learned is %T, that of another operator", learned)
	}
	if len(c.Ints)+len(c.Strings) == 0 {
		return nil, fmt.Errorf("column %q: the training data has no rows with a key; check the split and the file", o.By)
	}
	return groupStatisticsRule().fitted([]entry[groups]{{From: o.By, Writes: plan.Writes, Learned: c.groups(o.statistics())}})
}

// collector gathers the summaries of each key by column; one of the maps is used. Exported fields are its binary form.
type collector struct {
	By      string
	Of      []string
	Ints    map[int64][]summary
	Strings map[string][]summary
	All     []summary
}

func (c *collector) Columns() []string { return slices.Concat([]string{c.By}, c.Of) }

func (c *collector) Merge(other feature.Partial) error {
	o, ok := other.(*collector)
	if !ok || o.By != c.By || !slices.Equal(o.Of, c.Of) {
		return fmt.Errorf("merge what was learned of %v into that of %v: they are of different operators", other.Columns(), c.Columns())
	}
	mergeSummaries(c.All, o.All)
	mergeGroups(c.Ints, o.Ints)
	mergeGroups(c.Strings, o.Strings)
	return nil
}

func mergeGroups[K comparable](groups, others map[K][]summary) {
	for key, s := range others {
		if groups[key] == nil {
			groups[key] = s
		} else {
			mergeSummaries(groups[key], s)
		}
	}
}

func mergeSummaries(into, others []summary) {
	for i := range into {
		into[i].merge(&others[i])
	}
}

func (c *collector) MarshalBinary() ([]byte, error) {
	type wire collector // has no MarshalBinary, which gob would call
	return toGob((*wire)(c))
}

func (c *collector) UnmarshalBinary(text []byte) error {
	type wire collector
	w := wire{Ints: map[int64][]summary{}, Strings: map[string][]summary{}}
	if err := fromGob(text, &w); err != nil {
		return err
	}
	*c = collector(w)
	return nil
}

// Add learns from rows that hold the key and all columns.
func (c *collector) Add(batch tensor.Map) error {
	by := batch[c.By]
	for i, name := range c.Of {
		t := batch[name]
		if t == nil || by == nil {
			return fmt.Errorf("columns %q and %q stand in different tables of the data; group_statistics takes columns of one",
				c.By, name)
		}
		var err error
		switch keys := by.Any().(type) {
		case []int64:
			err = summarise(c.Ints, keys, tensor.NullInt64, t, i, c.All)
		case []string:
			err = summarise(c.Strings, keys, "", t, i, c.All)
		}
		if err != nil {
			return fmt.Errorf("column %q: %w", name, err)
		}
	}
	return nil
}

// summarise adds the values of t, column number i, to the groups of their keys and to all.
func summarise[K comparable](groups map[K][]summary, keys []K, null K, t *tensor.Tensor, i int, all []summary) error {
	for _, key := range keys {
		if key != null && groups[key] == nil {
			groups[key] = make([]summary, len(all))
		}
	}
	return eachNumber(t, func(row int, x float64) {
		all[i].put(x)
		if key := keys[row]; key != null {
			groups[key][i].put(x)
		}
	})
}

// groups returns what is saved, the keys in rising order.
func (c *collector) groups(statistics []string) groups {
	var out groups
	summaries := make([][]summary, 0, 1+len(c.Ints)+len(c.Strings))
	summaries = append(summaries, make([]summary, len(c.All)))
	for key := range c.Ints {
		out.Ints = append(out.Ints, key)
	}
	for key := range c.Strings {
		out.Strings = append(out.Strings, key)
	}
	slices.Sort(out.Ints)
	slices.Sort(out.Strings)
	for _, key := range out.Ints {
		summaries = append(summaries, c.Ints[key])
	}
	for _, key := range out.Strings {
		summaries = append(summaries, c.Strings[key])
	}
	for i := range c.All {
		for _, statistic := range statistics {
			values := make([]float32, len(summaries))
			for g := range summaries {
				values[g] = float32(summaries[g][i].of(statistic, &c.All[i]))
			}
			out.Values = append(out.Values, values)
		}
	}
	return out
}

func groupStatisticsRule() rule[groups] {
	return rule[groups]{
		name: "group_statistics", version: 1,
		check: func(e entry[groups]) error {
			g := e.Learned
			n := len(g.Ints) + len(g.Strings)
			if n == 0 || len(g.Ints) > 0 && len(g.Strings) > 0 {
				return errors.New("it needs keys of one type")
			}
			errs := []error{checkFloats(e.Writes), checkNumbers(e.Writes, len(g.Values))}
			for _, values := range g.Values {
				if len(values) != n+1 {
					errs = append(errs, fmt.Errorf("%d statistics of %d keys", len(values), n))
				}
				for _, v := range values {
					if math.IsInf(float64(v), 0) {
						errs = append(errs, errors.New("a statistic is beyond float32; put clip or log before"))
						break
					}
				}
			}
			return errors.Join(errs...)
		},
		apply: func(b *graph.Builder, e entry[groups], x *graph.Value) []*graph.Value {
			rows := make([]int64, len(e.Learned.Ints)+len(e.Learned.Strings))
			for i := range rows {
				rows[i] = int64(i + 1)
			}
			table := tensor.Of(e.Learned.Ints, len(e.Learned.Ints))
			if x.DType() == tensor.String {
				table = tensor.Of(e.Learned.Strings, len(e.Learned.Strings))
			}
			row := b.LabelEncoder(x, table, tensor.Of(rows, len(rows)), tensor.Scalar(int64(0)))
			out := make([]*graph.Value, len(e.Writes))
			for i, values := range e.Learned.Values {
				out[i] = b.Gather(b.Const("", tensor.Of(values, len(values))), row, 0)
			}
			return out
		},
	}
}
