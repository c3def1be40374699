package profile

import (
	"math"
	"slices"
	"strconv"

	"recsys/data"
	"recsys/internal/portable"
	"recsys/schema"
	"recsys/tensor"
)

// Sampled is the number of values of a column that quantiles, histograms and the distance of Kolmogorov and Smirnov come from
// where there are more.
const Sampled = 1 << 15

// topValues is the number of frequent values that a profile names.
const topValues = 10

// Column is what a column holds. Of lists the elements are the values.
type Column struct {
	Name  string       `json:"name"`
	DType schema.DType `json:"dtype"`
	List  bool         `json:"list,omitempty"`
	// Rows is the number of rows, Nulls that of those that are null, or an empty list.
	Rows  int `json:"rows"`
	Nulls int `json:"nulls"`
	// Values is the number of values, nulls left out.
	Values int `json:"values"`
	// Distinct is the number of distinct values; Estimated says that it is not exact: see [Exact].
	Distinct  int  `json:"distinct"`
	Estimated bool `json:"estimated,omitempty"`
	// Top are the most frequent values, ten at most. With Estimated their counts are least ones.
	Top []Count `json:"top,omitempty"`
	// Numbers is nil for text and for columns without values.
	Numbers *Numbers `json:"numbers,omitempty"`
	// Lengths are those of lists, in elements, and of text, in bytes.
	Lengths *Numbers `json:"lengths,omitempty"`

	every  []Count
	sample []float64
}

// maxCategories is the number of values up to which a column of integers is compared as one of categories.
const maxCategories = 64

// few reports whether the column is compared value by value.
func (c *Column) few() bool {
	return c.DType.DType == tensor.String || c.DType.DType == tensor.Int64 && c.Distinct <= maxCategories
}

// Every returns all values that are counted, as Top does ten of them.
func (c *Column) Every() []Count { return c.every }

// collector learns a column.
type collector interface {
	// add takes a column and mixes the hash of each row into rows, unless that is nil.
	add(c *data.Column, rows []uint64)
	profile() Column
}

// values is the collector for a type of values.
type values[T data.Value] struct {
	column  schema.Column
	rows    int
	nulls   int
	n       int // values
	count   *counter[T]
	numbers *numbers // nil for text
	lengths *numbers
	null    func(T) bool
	number  func(T) float64
	text    func(T) string
}

func newCollector(c schema.Column) collector {
	switch c.DType.DType {
	case tensor.Int64:
		return &values[int64]{
			column: c, count: newCounter(hashInt), numbers: newNumbers(c.Name), lengths: newNumbers(c.Name),
			null:   func(v int64) bool { return v == tensor.NullInt64 },
			number: func(v int64) float64 { return float64(v) },
			text:   func(v int64) string { return strconv.FormatInt(v, 10) },
		}
	case tensor.Float32:
		return &values[float32]{
			column: c, count: newCounter(hashFloat), numbers: newNumbers(c.Name), lengths: newNumbers(c.Name),
			null:   func(v float32) bool { return v != v },
			number: func(v float32) float64 { return float64(v) },
			text:   func(v float32) string { return strconv.FormatFloat(float64(v), 'g', -1, 32) },
		}
	default:
		return &values[string]{
			column: c, count: newCounter(hashText), lengths: newNumbers(c.Name),
			null: func(v string) bool { return v == "" },
			text: func(v string) string { return v },
		}
	}
}

func (v *values[T]) add(c *data.Column, rows []uint64) {
	all := tensor.MustData[T](c.Values())
	v.rows += c.Len()
	if !c.IsList() {
		for i, x := range all {
			h := uint64(0)
			if v.null(x) {
				v.nulls++
			} else {
				h = v.value(x, rows != nil)
				if v.numbers == nil {
					v.lengths.add(float64(len(v.text(x))))
				}
			}
			if rows != nil {
				rows[i] = mix(rows[i]*31 + h)
			}
		}
		return
	}
	offsets := c.Offsets()
	for i := range c.Len() {
		list := all[offsets[i]:offsets[i+1]]
		if v.lengths.add(float64(len(list))); len(list) == 0 {
			v.nulls++
		}
		h := uint64(len(list))
		for _, x := range list {
			h = mix(h*31 + v.value(x, rows != nil))
		}
		if rows != nil {
			rows[i] = mix(rows[i]*31 + h)
		}
	}
}

// value takes a value that is not null and returns its hash if that is wanted.
func (v *values[T]) value(x T, hashed bool) (h uint64) {
	v.n++
	v.count.add(x)
	if v.numbers != nil {
		v.numbers.add(v.number(x))
	}
	if hashed {
		h = v.count.hash(x)
	}
	return h
}

func (v *values[T]) profile() Column {
	c := Column{
		Name: v.column.Name, DType: v.column.DType, List: v.column.Length > 0, Rows: v.rows, Nulls: v.nulls, Values: v.n,
		Lengths: v.lengths.numbers(), every: v.count.sorted(v.text),
	}
	c.Top = c.every[:min(topValues, len(c.every))]
	c.Distinct, c.Estimated = v.count.distinct()
	if v.numbers != nil {
		c.Numbers, c.sample = v.numbers.numbers(), v.numbers.sorted()
	}
	return c
}

// Numbers describes numbers.
type Numbers struct {
	Min  float64 `json:"min"`
	Max  float64 `json:"max"`
	Mean float64 `json:"mean"`
	// Deviation is the population's standard deviation.
	Deviation float64 `json:"deviation"`
	// Quantiles are those of the values, or of a sample: see [Sampled].
	Quantiles Quantiles `json:"quantiles"`
	Histogram Histogram `json:"histogram"`
}

// Quantiles are numbers below which a share of the values lies; of n values in rising order, quantile q is number floor(q*(n-1)),
// counted from 0.
type Quantiles struct {
	P1  float64 `json:"p1"`
	P5  float64 `json:"p5"`
	P25 float64 `json:"p25"`
	P50 float64 `json:"p50"`
	P75 float64 `json:"p75"`
	P95 float64 `json:"p95"`
	P99 float64 `json:"p99"`
}

// Histogram counts the values, or those of the sample, between edges: Counts[i] those from Edges[i], which are in it, to
// Edges[i+1], which are not but in the last one. Edges are as far apart, or, where numbers are above 0 and the greatest is
// beyond 100 times the median, as many times greater.
type Histogram struct {
	Edges  []float64 `json:"edges"`
	Counts []int     `json:"counts"`
}

// Text writes a number for people: integers whole, others with four digits.
func Text(x float64) string {
	const whole = 1 << 53
	if x == math.Trunc(x) && math.Abs(x) < whole {
		return strconv.FormatInt(int64(x), 10)
	}
	return strconv.FormatFloat(x, 'g', 4, 64)
}

// numbers collects moments and a sample.
type numbers struct {
	n        int
	min, max float64
	mean, m2 float64 // Welford, Technometrics 4(3), 1962
	sample   []float64
	random   *portable.Rand
}

func newNumbers(name string) *numbers { return &numbers{random: portable.New(1, "data/profile/"+name)} }

func (s *numbers) add(x float64) {
	if s.n++; s.n == 1 {
		s.min, s.max = x, x
	}
	s.min, s.max = min(s.min, x), max(s.max, x)
	d := x - s.mean
	s.mean += float64(d / float64(s.n))
	s.m2 += float64(d * (x - s.mean))
	// Algorithm R: Vitter, Random sampling with a reservoir, ACM TOMS 11(1), 1985.
	if len(s.sample) < Sampled {
		s.sample = append(s.sample, x)
	} else if i := s.random.IntN(s.n); i < Sampled {
		s.sample[i] = x
	}
}

// sorted returns the sample in rising order.
func (s *numbers) sorted() []float64 { return slices.Sorted(slices.Values(s.sample)) }

// numbers describes what was collected; nil if that is nothing.
func (s *numbers) numbers() *Numbers {
	if s.n == 0 {
		return nil
	}
	x := s.sorted()
	at := func(q float64) float64 { return x[int(float64(q*float64(len(x)-1)))] }
	n := &Numbers{
		Min: s.min, Max: s.max, Mean: s.mean, Deviation: math.Sqrt(s.m2 / float64(s.n)),
		Quantiles: Quantiles{at(0.01), at(0.05), at(0.25), at(0.5), at(0.75), at(0.95), at(0.99)},
	}
	n.Histogram = NewHistogram(x, s.min, s.max)
	return n
}

// bins is the most bins of a histogram.
const bins = 24

// NewHistogram makes the histogram of sorted numbers that lie in [low,high]. Integers that are fewer than the bins get one each.
func NewHistogram(sorted []float64, low, high float64) Histogram {
	if len(sorted) == 0 || high == low {
		return Histogram{Edges: []float64{low, high}, Counts: []int{len(sorted)}}
	}
	count := bins
	whole := low == math.Trunc(low) && high == math.Trunc(high) && high-low < bins
	for _, x := range sorted {
		whole = whole && x == math.Trunc(x)
	}
	if whole {
		high++ // A bin for each integer.
		count = int(high - low)
	}
	median := sorted[len(sorted)/2]
	times := !whole && low > 0 && high > 100*median
	h := Histogram{Edges: make([]float64, count+1), Counts: make([]int, count)}
	for i := range h.Edges {
		share := float64(i) / float64(count)
		if times {
			h.Edges[i] = low * portable.Pow(high/low, share)
		} else {
			h.Edges[i] = low + float64((high-low)*share)
		}
	}
	h.Edges[count] = high
	for _, x := range sorted {
		i, found := slices.BinarySearch(h.Edges, x)
		if !found {
			i--
		}
		h.Counts[min(max(i, 0), count-1)]++
	}
	return h
}
