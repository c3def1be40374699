package data

import (
	"bytes"
	"fmt"

	"recsys/tensor"
)

// guess is what the cells of a column have in common so far.
type guess struct {
	sep      []byte
	notInt   bool
	notFloat bool
	seen     bool
	codes    bool   // some value is a number with a leading zero
	numbers  int    // values that are numbers, and
	texts    int    // those that are not: counted to tell a slip from text
	first    string // first value of texts, with its line
	line     int
}

// Among at least slipNumbers numbers, one text, or one in slipShare, is taken for a slip.
const (
	slipNumbers = 20
	slipShare   = 100
)

func (g *guess) add(cell []byte, line int) {
	before := g.texts
	defer func() {
		if before == 0 && g.texts > 0 {
			g.first, g.line = string(cell), line
		}
	}()
	if g.sep == nil {
		g.value(cell)
		return
	}
	for element := range bytes.SplitSeq(cell, g.sep) {
		g.value(element)
	}
}

func (g *guess) value(text []byte) {
	if len(text) == 0 {
		return
	}
	g.seen = true
	if code(text) {
		g.notInt, g.notFloat, g.codes = true, true, true
		return
	}
	if _, ok := parseInt(text); ok {
		g.numbers++
		return
	}
	g.notInt = true
	if _, ok := parseFloat(text); ok {
		g.numbers++
		return
	}
	g.notFloat = true
	g.texts++
}

// slip returns an error for a column of numbers but for a few values, which would make all of it text.
func (g *guess) slip() error {
	if g.texts == 0 || g.codes || g.numbers < slipNumbers || g.texts > 1 && g.texts*slipShare > g.numbers {
		return nil
	}
	return fmt.Errorf("%q is not a number, as %d of the %d values are: correct it, leave the cell empty for null, "+
		"or declare the column's type, such as string, under columns", g.first, g.numbers, g.numbers+g.texts)
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
