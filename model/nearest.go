package model

import (
	"slices"

	"recsys/tensor"
)

// nearest are the weights w[i,j] that every item j keeps: those of the n items i of the greatest weights by size. To keep
// them by j and not by i is what makes neighbours good: an item that is near to all others would crowd out the rest
// otherwise.
type nearest struct {
	items, first, n int
	of              [][]weight // by j
}

// weight is w[i,j], of i or of j.
type weight struct {
	item  int32
	value float32
}

func newNearest(items, first, n int) *nearest {
	return &nearest{items: items, first: first, n: n, of: make([][]weight, items)}
}

// keep takes the weights of item j, which begin with the first item. Calls for different items may run at once.
func (s *nearest) keep(j int, column []float32) { s.of[j] = greatest(column, s.first, s.n) }

// greatest returns the n entries of row that are greatest by size, in the order of items; entries of size 0 are left out.
func greatest(row []float32, first, n int) []weight {
	entries := make([]weight, 0, len(row))
	for i, w := range row {
		if w != 0 {
			entries = append(entries, weight{int32(first + i), w})
		}
	}
	return cut(entries, n)
}

// cut keeps the n greatest entries by size, ties to the lower item, in the order of items, which entries have to be in.
func cut(entries []weight, n int) []weight {
	if len(entries) <= n {
		return slices.Clone(entries)
	}
	abs := func(w weight) float32 { return max(w.value, -w.value) }
	slices.SortStableFunc(entries, func(a, b weight) int {
		switch x, y := abs(a), abs(b); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	entries = slices.Clone(entries[:n])
	slices.SortFunc(entries, func(a, b weight) int { return int(a.item - b.item) })
	return entries
}

// rowsPerNeighbor bounds the rows of the model: an item that more than so many times n others keep loses the smallest of
// its weights. On MovieLens 1M nothing reaches the bound.
const rowsPerNeighbor = 10

// model turns what every item j keeps into rows by i, which a history reads.
func (s *nearest) model(name string) *ItemItem {
	rows := make([][]weight, s.items)
	for j, entries := range s.of {
		for _, w := range entries {
			rows[w.item] = append(rows[w.item], weight{int32(j), w.value})
		}
	}
	width := 1
	for i, row := range rows {
		rows[i] = cut(row, rowsPerNeighbor*s.n)
		width = max(width, len(rows[i]))
	}
	m := &ItemItem{
		Name: name, Neighbors: tensor.Zeros(tensor.Int64, s.items, width), Values: tensor.Zeros(tensor.Float32, s.items, width),
		First: s.first,
	}
	neighbors, values := tensor.MustData[int64](m.Neighbors), tensor.MustData[float32](m.Values)
	for i, row := range rows {
		for k, w := range row {
			neighbors[i*width+k], values[i*width+k] = int64(w.item), w.value
		}
	}
	return m
}
