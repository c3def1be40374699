package data

import (
	"bytes"

	"recsys/tensor"
)

// guess is what the cells of a column have in common so far.
type guess struct {
	sep      []byte
	notInt   bool
	notFloat bool
	seen     bool
}

func (g *guess) add(cell []byte) {
	if g.notFloat {
		return
	}
	if g.sep == nil {
		g.value(cell)
		return
	}
	for element := range bytes.SplitSeq(cell, g.sep) {
		g.value(element)
	}
}

func (g *guess) value(text []byte) {
	if len(text) == 0 || g.notFloat {
		return
	}
	g.seen = true
	if code(text) {
		g.notInt, g.notFloat = true, true
		return
	}
	if !g.notInt {
		if _, ok := parseInt(text); ok {
			return
		}
		g.notInt = true
	}
	_, ok := parseFloat(text)
	g.notFloat = !ok
}

// code reports a number with a leading zero, such as a zip code, which is text.
func code(text []byte) bool {
	text = bytes.TrimPrefix(text, []byte{'-'})
	return len(text) > 1 && text[0] == '0' && text[1] >= '0' && text[1] <= '9'
}

func (g *guess) dtype() tensor.DType {
	switch {
	case !g.seen || g.notFloat:
		return tensor.String
	case g.notInt:
		return tensor.Float32
	}
	return tensor.Int64
}
