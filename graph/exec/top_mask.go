package exec

import (
	"math"

	"recsys/graph"
	"recsys/tensor"
)

// topMask tells which scores of a row are -inf for a TopK. It is looked at for scores that might be selected alone.
type topMask struct {
	in    int  // the input: bool, or bits of bytes
	each  bool // a mask for each row, else one for all
	bytes int  // of a row of bits; 0 for bool
	from  int  // the bit of the first score
}

// masked returns the step Where(mask, -inf, scores) that makes v, nil if v is not made so or has other readers.
func (f *topFuser) masked(v *graph.Value) *step {
	m := f.makers[v]
	if m == nil || m.kind != call || m.form != "" || m.node.Op.Type != "Where" || m.node.Op.Domain != "" || f.uses[v] != 1 || !f.largest {
		return nil
	}
	least := f.program.consts[m.in[1]]
	if least == nil || least.Len() != 1 || !math.IsInf(float64(tensor.MustData[float32](least)[0]), -1) || !m.in[2].Shape().Same(v.Shape()) {
		return nil
	}
	if e := extentOf(m.in[0].Shape(), v.Shape()); e != whole && e != vector {
		return nil
	}
	return m
}

// mask adds the mask of a Where to the step.
func (f *topFuser) mask(where *step) *topMask {
	v := where.in[0]
	t := &topMask{each: extentOf(v.Shape(), where.out[0].Shape()) == whole}
	if bitmap, from := f.bitmap(v); bitmap != nil {
		t.from, t.bytes, v = from, bitmap.Shape()[1].Size, bitmap
	}
	t.in = place(f.step, v)
	return t
}

// bitmap recognises bits [B,8W] that were looked up, eight for each byte of a bitmap [B,W] and the lowest first, and cut out
// from a bit on: Slice(Reshape(Gather(table [256,8], Cast(bitmap)))).
func (f *topFuser) bitmap(v *graph.Value) (bitmap *graph.Value, from int) {
	if m := f.makers[v]; m != nil && m.node.Op.Type == "Slice" {
		var ok bool
		if from, ok = f.program.startOfLastAxis(m); !ok {
			return nil, 0
		}
		v = m.in[0]
	}
	flat := f.makers[v]
	if flat == nil || flat.kind != view || v.Rank() != 2 {
		return nil, 0
	}
	lookup := f.makers[flat.in[0]]
	if lookup == nil || lookup.kind != call || lookup.node.Op.Type != "Gather" || lookup.node.Attrs.Int("axis", 0) != 0 ||
		!f.program.isBits(lookup.in[0]) {
		return nil, 0
	}
	bytes := lookup.in[1]
	if m := f.makers[bytes]; m != nil && m.kind == call && m.node.Op.Type == "Cast" {
		bytes = m.in[0]
	}
	if bytes.DType() != tensor.Uint8 || bytes.Rank() != 2 || !bytes.Shape()[1].IsFixed() || !v.Shape()[1].Is(8*bytes.Shape()[1].Size) {
		return nil, 0
	}
	return bytes, from
}

// startOfLastAxis returns where a Slice of the last axis alone, in steps of one, begins.
func (p *program) startOfLastAxis(s *step) (from int, ok bool) {
	var list [5]int64 // data, start, end, axis, step
	list[3], list[4] = 0, 1
	for i := 1; i < len(s.in); i++ {
		if s.in[i] == nil {
			continue
		}
		t := p.consts[s.in[i]]
		if t == nil || t.Len() != 1 || t.DType() != tensor.Int64 {
			return 0, false
		}
		list[i] = tensor.MustData[int64](t)[0]
	}
	last := s.in[0].Rank() - 1
	axis, err := graph.Axis(list[3], last+1)
	if size := s.in[0].Shape()[last]; list[1] < 0 || !size.IsFixed() || list[1] > int64(size.Size) {
		return 0, false
	}
	return int(list[1]), err == nil && axis == last && list[4] == 1
}

// isBits reports whether v is the constant table [256,8] of the bits of every byte, lowest first.
func (p *program) isBits(v *graph.Value) bool {
	t := p.consts[v]
	if t == nil || t.DType() != tensor.Bool || t.Rank() != 2 || t.Dim(0) != 256 || t.Dim(1) != 8 {
		return false
	}
	for i, bit := range tensor.MustData[bool](t) {
		if bit != (i>>3>>(i&7)&1 == 1) {
			return false
		}
	}
	return true
}

// of returns the mask of a row of scores.
func (t *topMask) of(in []*tensor.Tensor, row, width int) graph.Mask {
	switch {
	case t == nil:
		return graph.Mask{}
	case !t.each:
		row = 0
	}
	if t.bytes > 0 {
		return graph.Mask{Bits: tensor.MustData[uint8](in[t.in])[row*t.bytes:][:t.bytes], From: t.from}
	}
	return graph.Mask{Bools: tensor.MustData[bool](in[t.in])[row*width:][:width]}
}
