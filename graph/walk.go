package graph

import (
	"slices"

	"recsys/tensor"
)

// MaxRank is the greatest number of dimensions that values may have.
const MaxRank = 8

// maxOperands is the greatest number of tensors that are walked together: the result and three inputs (Where).
const maxOperands = 4

// walk visits several tensors of one index space row by row, each with its own strides. Axes that all operands lay
// out alike are merged and axes of one element dropped, so that rows are as long as they can be. It lives on the
// stack of its user:
//
//	w := broadcastWalk(zs, xs, ys)
//	for w.next() {
//		… w.n elements from w.off[o] in steps of w.step[o], for every operand o …
//	}
type walk struct {
	rank    int
	dims    [MaxRank]int
	strides [MaxRank][maxOperands]int
	index   [MaxRank]int
	// n is the length of the current row; off is where it begins and step how it advances in each operand.
	n         int
	off, step [maxOperands]int
	started   bool
	empty     bool
}

// axis adds the next inner axis with the stride of every operand along it.
func (w *walk) axis(size int, strides [maxOperands]int) {
	if size == 1 {
		return
	}
	w.empty = w.empty || size == 0
	if w.rank > 0 {
		outer := w.strides[w.rank-1]
		merge := true
		for o, s := range strides {
			merge = merge && outer[o] == s*size
		}
		if merge {
			w.dims[w.rank-1] *= size
			w.strides[w.rank-1] = strides
			return
		}
	}
	w.dims[w.rank], w.strides[w.rank] = size, strides
	w.rank++
}

// next moves to the first row, then to each following one; false when there is none.
func (w *walk) next() bool {
	if w.empty {
		return false
	}
	if !w.started {
		w.started = true
		w.n = 1
		if w.rank > 0 {
			w.n, w.step = w.dims[w.rank-1], w.strides[w.rank-1]
		}
		return true
	}
	for a := w.rank - 2; a >= 0; a-- {
		w.index[a]++
		s := &w.strides[a]
		for o := range w.off {
			w.off[o] += s[o]
		}
		if w.index[a] < w.dims[a] {
			return true
		}
		for o := range w.off {
			w.off[o] -= s[o] * w.dims[a]
		}
		w.index[a] = 0
	}
	return false
}

// broadcastWalk walks a result of shape out, operand 0, together with tensors that were broadcast to it.
func broadcastWalk(out []int, operands ...[]int) walk {
	var w walk
	var strides [MaxRank][maxOperands]int
	lay(&strides, 0, out, len(out))
	for o, shape := range operands {
		lay(&strides, o+1, shape, len(out))
	}
	for i, size := range out {
		w.axis(size, strides[i])
	}
	return w
}

// lay sets the strides of operand o, of the given shape, in an index space of the given rank: axes that are
// repeated have stride 0.
func lay(strides *[MaxRank][maxOperands]int, o int, shape []int, rank int) {
	stride := 1
	for i, size := range slices.Backward(shape) {
		if size != 1 {
			strides[rank-len(shape)+i][o] = stride
		}
		stride *= size
	}
}

// copyWalk copies elements of src, operand 1 of w, to dst, operand 0. Both have one element type.
func copyWalk(w walk, dst, src *tensor.Tensor) error {
	m, err := moverOf(src.DType())
	if err != nil {
		return err
	}
	m.rows(w, dst, src)
	return nil
}

func copyRows[T any](w walk, dst, src []T) {
	for w.next() {
		to, from := w.off[0], w.off[1]
		switch {
		case w.n == 1:
			dst[to] = src[from]
		case w.step[0] == 1 && w.step[1] == 1:
			copy(dst[to:to+w.n], src[from:from+w.n])
		case w.step[0] == 1 && w.step[1] == 0:
			fill(dst[to:to+w.n], src[from])
		default:
			for range w.n {
				dst[to] = src[from]
				to += w.step[0]
				from += w.step[1]
			}
		}
	}
}

func fill[T any](dst []T, v T) {
	for i := range dst {
		dst[i] = v
	}
}

// swapped exchanges operands 0 and 1 of a walk that has not begun.
func (w walk) swapped() walk {
	for i := range w.rank {
		s := &w.strides[i]
		s[0], s[1] = s[1], s[0]
	}
	w.off[0], w.off[1] = w.off[1], w.off[0]
	return w
}
