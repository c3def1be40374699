package graphtest

import (
	"cmp"
	"slices"
	"strings"

	"recsys/graph"
	"recsys/tensor"
)

func matMul64(_ *graph.Node, in, out []*tensor.Tensor) error {
	x, y, z := tensor.MustData[float64](in[0]), tensor.MustData[float64](in[1]), tensor.MustData[float64](out[0])
	// ONNX takes vectors as numpy does: a row on the left, a column on the right, an axis that the result has not.
	left, right, shape := in[0].Shape(), in[1].Shape(), out[0].Shape()
	if len(left) == 1 {
		left, shape = []int{1, left[0]}, slices.Insert(slices.Clone(shape), len(shape)-min(1, len(right)-1), 1)
	}
	if len(right) == 1 {
		right, shape = []int{right[0], 1}, append(slices.Clone(shape), 1)
	}
	depth := left[len(left)-1]
	coordinates(shape, func(at int, index []int) {
		last := len(index) - 1
		row, column := slices.Clone(index), slices.Clone(index)
		for k := range depth {
			row[last], column[last-1] = k, k
			z[at] += x[place(left, row)] * y[place(right, column)]
		}
	})
	return nil
}

func gemm64(n *graph.Node, in, out []*tensor.Tensor) error {
	x, y, z := tensor.MustData[float64](in[0]), tensor.MustData[float64](in[1]), tensor.MustData[float64](out[0])
	transA, transB := n.Attrs.Int("transA", 0) != 0, n.Attrs.Int("transB", 0) != 0
	depth := in[0].Dim(1)
	if transA {
		depth = in[0].Dim(0)
	}
	coordinates(out[0].Shape(), func(at int, index []int) {
		sum := 0.0
		for k := range depth {
			i, j := index[0]*in[0].Dim(1)+k, k*in[1].Dim(1)+index[1]
			if transA {
				i = k*in[0].Dim(1) + index[0]
			}
			if transB {
				j = index[1]*in[1].Dim(1) + k
			}
			sum += x[i] * y[j]
		}
		z[at] = float64(n.Attrs.Float("alpha", 1)) * sum
		if beta := float64(n.Attrs.Float("beta", 1)); len(in) > 2 && in[2] != nil && beta != 0 {
			z[at] += beta * tensor.MustData[float64](in[2])[place(in[2].Shape(), index)]
		}
	})
	return nil
}

// einsum64 adds up the products for every choice of the letters.
func einsum64(n *graph.Node, in, out []*tensor.Tensor) error {
	left, right, explicit := strings.Cut(strings.ReplaceAll(n.Attrs.Str("equation", ""), " ", ""), "->")
	terms := strings.Split(left, ",")
	// The axes of an ellipsis get characters that are no letters, from the last one on.
	dots := ""
	for i, term := range terms {
		if strings.Contains(term, "...") {
			dots = "0123456789"[:in[i].Rank()-len(term)+3]
		}
	}
	if !explicit {
		once := strings.Map(func(letter rune) rune {
			if strings.Count(left, string(letter)) == 1 {
				return letter
			}
			return -1
		}, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
		if right = once; strings.Contains(left, "...") {
			right = "..." + once
		}
	}
	right = strings.Replace(right, "...", dots, 1)
	letters, sizes := "", []int{}
	for i := range terms {
		terms[i] = strings.Replace(terms[i], "...", dots, 1)
		for axis, letter := range terms[i] {
			if !strings.ContainsRune(letters, letter) {
				letters, sizes = letters+string(letter), append(sizes, in[i].Dim(axis))
			}
		}
	}
	at := func(term string, shape, index []int) int {
		own := make([]int, len(term))
		for axis, letter := range term {
			own[axis] = index[strings.IndexRune(letters, letter)]
		}
		return place(shape, own)
	}
	z := tensor.MustData[float64](out[0])
	coordinates(sizes, func(_ int, index []int) {
		product := 1.0
		for i, term := range terms {
			product *= tensor.MustData[float64](in[i])[at(term, in[i].Shape(), index)]
		}
		z[at(right, out[0].Shape(), index)] += product
	})
	return nil
}

func topK64(n *graph.Node, in, out []*tensor.Tensor) error {
	if in[0].DType() != tensor.Float64 {
		return n.Op.Kernel(&graph.Run{}, n, in, out)
	}
	x, y, ids := tensor.MustData[float64](in[0]), tensor.MustData[float64](out[0]), tensor.MustData[int64](out[1])
	at := axis(n, "axis", -1, in[0].Rank())
	var best [][]int // by lane of the input: places, best first
	size := 1
	for _, d := range in[0].Shape()[at+1:] {
		size *= d
	}
	lanes(in[0].Shape(), at, func(places []int) {
		slices.SortStableFunc(places, func(i, j int) int {
			if n.Attrs.Int("largest", 1) == 0 {
				i, j = j, i
			}
			return cmp.Compare(x[j], x[i])
		})
		best = append(best, places)
	})
	lane := 0
	lanes(out[0].Shape(), at, func(places []int) {
		for i, to := range places {
			from := best[lane][i]
			y[to], ids[to] = x[from], int64(from/size%in[0].Dim(at))
		}
		lane++
	})
	return nil
}

// scattered is the form of an operator that moves elements, or adds updates at the places that places names: the place
// in the data of every element of the updates.
func scattered(op *graph.Op, places func(n *graph.Node, data, ids, updates *tensor.Tensor) []int) form {
	return func(n *graph.Node, in, out []*tensor.Tensor) error {
		if n.Attrs.Str("reduction", "none") != "add" {
			return moved(op)(n, in, out)
		}
		y, updates := tensor.MustData[float64](out[0]), tensor.MustData[float64](in[2])
		copy(y, tensor.MustData[float64](in[0]))
		for i, to := range places(n, in[0], in[1], in[2]) {
			y[to] += updates[i]
		}
		return nil
	}
}

// wrap returns a non-negative index.
func wrap(id int64, size int) int {
	if id < 0 {
		id += int64(size)
	}
	return int(id)
}

func scatterElementsAt(n *graph.Node, data, ids, updates *tensor.Tensor) []int {
	at, index64 := axis(n, "axis", 0, data.Rank()), ints(ids)
	to := make([]int, updates.Len())
	coordinates(updates.Shape(), func(i int, index []int) {
		index = slices.Clone(index)
		index[at] = wrap(index64[i], data.Dim(at))
		for axis, k := range index {
			to[i] = to[i]*data.Dim(axis) + k
		}
	})
	return to
}

func scatterNDAt(_ *graph.Node, data, ids, updates *tensor.Tensor) []int {
	depth, index64 := ids.Dim(-1), ints(ids)
	row := 1
	for _, d := range data.Shape()[depth:] {
		row *= d
	}
	to := make([]int, updates.Len())
	for i := range to {
		for k := range depth {
			to[i] = to[i]*data.Dim(k) + wrap(index64[i/row*depth+k], data.Dim(k))
		}
		to[i] = to[i]*row + i%row
	}
	return to
}
