package featuretest

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"recsys/schema"
	"recsys/tensor"
)

const trainRows = 101

// trainingData makes columns with repeated values, nulls and, in lists, padding.
func trainingData(raw schema.Schema) tensor.Map {
	table := tensor.Map{}
	for _, c := range raw {
		rng := stream(1, c.Name)
		n := trainRows * max(c.Length, 1)
		switch c.DType.DType { //nolint:exhaustive // raw columns have these types
		case tensor.Int64:
			values := []int64{tensor.NullInt64, 0, -3, 17, 17, 17, 1 << 40, 1990, 1990, 2001, math.MaxInt64}
			table[c.Name] = shaped(draw(rng, values, n), c)
		case tensor.Float32:
			values := []float32{float32(math.NaN()), 0, -2.5, 3.25, 3.25, 100, 1e6, 0.1}
			table[c.Name] = shaped(draw(rng, values, n), c)
		case tensor.String:
			values := []string{"", "a", "a", "a", "b", "Ünïcödé", "日本語", "with space", "\"quoted\" <&>", "line\u2028break"}
			table[c.Name] = shaped(draw(rng, values, n), c)
		}
	}
	return table
}

// stream makes the random numbers of a column.
func stream(seed uint64, column string) *rand.Rand {
	h := fnv.New64a()
	h.Write([]byte(column))
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

func draw[T tensor.Element](rng *rand.Rand, values []T, n int) []T {
	out := make([]T, n)
	for i := range out {
		out[i] = values[rng.IntN(len(values))]
	}
	return out
}

func shaped[T tensor.Element](values []T, c schema.Column) *tensor.Tensor {
	if c.Length > 0 {
		return tensor.Of(values, len(values)/c.Length, c.Length)
	}
	return tensor.Of(values, len(values))
}

// probeData makes rows that show every column every hard value and values from the training data.
func probeData(raw schema.Schema, train tensor.Map) (probe tensor.Map, rows int) {
	ints := []int64{
		tensor.NullInt64, math.MinInt64 + 1, math.MaxInt64, 0, 1, -1, 86399, 86400, -86400, -86401, 1<<53 + 1, 424242,
	}
	floats := []float32{
		float32(math.NaN()), 0, float32(math.Copysign(0, -1)), math.MaxFloat32, -math.MaxFloat32,
		math.SmallestNonzeroFloat32, float32(math.Inf(1)), float32(math.Inf(-1)), -1, -0.5, 424242.5,
	}
	texts := []string{
		"", "never seen", " ", "é", "e\u0301", "日本語", "🎬", "tab\tand\nline", strings.Repeat("long ", 2000), "0", "A",
	}
	for _, name := range train.Names() {
		switch values := train[name].Any().(type) {
		case []int64:
			ints = append(ints, values...)
		case []float32:
			floats = append(floats, values...)
		case []string:
			texts = append(texts, values...)
		}
	}
	ints, texts = unique(ints), unique(texts)
	rows = max(len(ints), len(floats), len(texts)) + 40
	probe = tensor.Map{}
	for _, c := range raw {
		rng := stream(2, c.Name)
		switch c.DType.DType { //nolint:exhaustive // raw columns have these types
		case tensor.Int64:
			probe[c.Name] = shaped(spread(rng, ints, rows, c.Length), c)
		case tensor.Float32:
			probe[c.Name] = shaped(spread(rng, floats, rows, c.Length), c)
		case tensor.String:
			probe[c.Name] = shaped(spread(rng, texts, rows, c.Length), c)
		}
	}
	return probe, rows
}

func unique[T int64 | string](values []T) []T {
	values = slices.Clone(values)
	slices.Sort(values)
	return slices.Compact(values)
}

// spread takes each value once and then draws. In lists it begins with an empty one and pads every second list on the
// right; null is the first of values, which is sorted for the types whose null is least, and NaN for floats.
func spread[T tensor.Element](rng *rand.Rand, values []T, rows, length int) []T {
	n := rows * max(length, 1)
	out := append(slices.Clone(values), draw(rng, values, n)...)[:n]
	for row := 0; length > 0 && row < rows; row += 2 {
		for i := rng.IntN(length + 1); i < length; i++ {
			out[row*length+i] = values[0]
		}
	}
	if length > 0 {
		for i := range length {
			out[(rows-1)*length+i] = values[0]
		}
	}
	return out
}
