package exec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"recsys/graph"
	"recsys/tensor"
)

// symbols says which dimension of which input binds which symbol.
type symbols struct {
	names []string
	axes  [][]int // by input and axis: the index in names, or -1 for a fixed dimension
}

func collectSymbols(inputs []*graph.Value) symbols {
	var s symbols
	for _, v := range inputs {
		axes := make([]int, v.Rank())
		for i, d := range v.Shape() {
			axes[i] = -1
			if d.IsFixed() {
				continue
			}
			at := slices.Index(s.names, d.Name)
			if at < 0 || d.Name == graph.Unknown {
				at = len(s.names)
				s.names = append(s.names, d.Name)
			}
			axes[i] = at
		}
		s.axes = append(s.axes, axes)
	}
	return s
}

// key validates the inputs and appends the sizes of the symbols to dst.
func (p *Plan) key(dst []byte, in tensor.Map) ([]byte, error) {
	var local [16]int
	sizes := local[:0]
	for range p.symbols.names {
		sizes = append(sizes, -1)
	}
	known, ok := 0, true
	for i, v := range p.inputs {
		t := in[v.Name()]
		if t == nil {
			ok = false
			continue
		}
		known++
		ok = p.accept(sizes, i, t) && ok
	}
	if !ok || known != len(in) {
		if err := p.explain(in); err != nil {
			return nil, err
		}
	}
	for _, n := range sizes {
		dst = binary.AppendUvarint(dst, uint64(n))
	}
	return dst, nil
}

// accept checks input i and enters the sizes that it binds.
func (p *Plan) accept(sizes []int, i int, t *tensor.Tensor) bool {
	v := p.inputs[i]
	if t.DType() != v.DType() || t.Rank() != v.Rank() {
		return false
	}
	for axis, d := range v.Shape() {
		n, sym := t.Dim(axis), p.symbols.axes[i][axis]
		switch {
		case sym < 0 && n != d.Size, sym >= 0 && sizes[sym] >= 0 && sizes[sym] != n:
			return false
		case sym >= 0:
			sizes[sym] = n
		}
	}
	return true
}

// explain returns all that is wrong with the inputs, nil when nothing is.
func (p *Plan) explain(in tensor.Map) error {
	var faults []error
	first := make([]string, len(p.symbols.names)) // the input that bound a symbol
	sizes := make([]int, len(p.symbols.names))
	for i, v := range p.inputs {
		t := in[v.Name()]
		if t == nil {
			faults = append(faults, fmt.Errorf("input %q %s%s is missing", v.Name(), v.DType(), v.Shape()))
			continue
		}
		if t.DType() != v.DType() || t.Rank() != v.Rank() {
			faults = append(faults, fmt.Errorf("input %q has to be %s%s, got %s", v.Name(), v.DType(), v.Shape(), t))
			continue
		}
		for axis, d := range v.Shape() {
			n, sym := t.Dim(axis), p.symbols.axes[i][axis]
			switch {
			case sym < 0 && n != d.Size:
				faults = append(faults, fmt.Errorf("input %q has to be %s%s, got %s", v.Name(), v.DType(), v.Shape(), t))
			case sym >= 0 && first[sym] != "" && sizes[sym] != n:
				faults = append(faults, fmt.Errorf("input %q has to be %s%s, got %s: %s is %d here and %d in input %q",
					v.Name(), v.DType(), v.Shape(), t, d.Name, n, sizes[sym], first[sym]))
			case sym >= 0:
				first[sym], sizes[sym] = v.Name(), n
			}
		}
	}
	for _, name := range in.Names() {
		if !p.optional[name] && !slices.ContainsFunc(p.inputs, func(v *graph.Value) bool { return v.Name() == name }) {
			faults = append(faults, fmt.Errorf("input %q is unknown; remove it", name))
		}
	}
	return errors.Join(faults...)
}
