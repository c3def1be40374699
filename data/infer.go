package data

import (
	"bytes"
	"fmt"
	"unicode/utf8"

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
	bad      [3]badValue // the first that is no integer, no number, no UTF-8
}

// badValue is a value that a type does not have, and how many there are.
type badValue struct {
	text  string
	line  int
	count int
}

// badPlace is the place of a type among a guess's bad values.
func badPlace(dtype tensor.DType) int {
	switch dtype {
	case tensor.Int64:
		return 0
	case tensor.Float32:
		return 1
	default:
		return 2
	}
}

func (b *badValue) add(text []byte, line int) {
	if b.count++; b.count == 1 {
		b.text, b.line = string(text), line
	}
}

// check returns the error for the first value that a type does not have.
func (g *guess) check(dtype tensor.DType) (line int, err error) {
	b := g.bad[badPlace(dtype)]
	if b.count == 0 {
		return 0, nil
	}
	err = badCell([]byte(b.text), dtype)
	if b.count > 1 {
		err = fmt.Errorf("%w (and %d more values of the column)", err, b.count-1)
	}
	return b.line, err
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
		g.value(cell, line)
		return
	}
	for element := range bytes.SplitSeq(cell, g.sep) {
		g.value(element, line)
	}
}

func (g *guess) value(text []byte, line int) {
	if len(text) == 0 {
		return
	}
	g.seen = true
	leading := code(text)
	if leading {
		g.notInt, g.notFloat, g.codes = true, true, true
	}
	if _, ok := parseInt(text); ok {
		if !leading {
			g.numbers++
		}
		return
	}
	g.bad[badPlace(tensor.Int64)].add(text, line)
	g.notInt = true
	if _, ok := parseFloat(text); ok {
		if !leading {
			g.numbers++
		}
		return
	}
	g.bad[badPlace(tensor.Float32)].add(text, line)
	if !utf8.Valid(text) {
		g.bad[badPlace(tensor.String)].add(text, line)
	}
	if !leading {
		g.notFloat = true
		g.texts++
	}
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
