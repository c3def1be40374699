package graph

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// label names an axis of an Einsum: a letter, or -1, -2, … for the axes that "..." stands for, from the last one on.
type label rune

// labels are the axes of an operand or of the result.
type labels []label

func (l labels) has(one label) bool { return slices.Contains(l, one) }

func (l labels) filter(keep func(label) bool) labels {
	var out labels
	for _, one := range l {
		if keep(one) {
			out = append(out, one)
		}
	}
	return out
}

// einsum is an equation that was read, with the ellipses spelled out.
type einsum struct {
	operands []labels
	result   labels
}

// parseEquation reads the equation of a node, whose inputs' ranks say what an ellipsis stands for.
func parseEquation(n *Node) (*einsum, error) {
	text := n.Attrs.Str("equation", "")
	fail := func(err error) (*einsum, error) { return nil, fmt.Errorf("equation %q: %w", text, err) }
	left, right, explicit := strings.Cut(strings.ReplaceAll(text, " ", ""), "->")
	terms := strings.Split(left, ",")
	if len(terms) != len(n.Inputs) || len(terms) > 2 {
		return fail(fmt.Errorf("has %d operands for %d inputs; supported are one or two", len(terms), len(n.Inputs)))
	}
	var e einsum
	dots := -1 // the axes that an ellipsis stands for; -1 before the first one
	for i, term := range terms {
		if n.Inputs[i] == nil {
			return fail(fmt.Errorf("operand %d is missing", i))
		}
		rank := len(n.Inputs[i].shape)
		own, err := spell(term, rank-letters(term))
		if err != nil {
			return fail(fmt.Errorf("operand %d: %w", i, err))
		}
		if len(own) != rank {
			return fail(fmt.Errorf("operand %d, %q, names %d axes of %d", i, term, len(own), rank))
		}
		if n := rank - letters(term); strings.Contains(term, ellipsis) {
			if dots >= 0 && n != dots {
				return fail(fmt.Errorf("the ellipses stand for %d and %d axes; they have to be as many", dots, n))
			}
			dots = n
		}
		e.operands = append(e.operands, own)
	}
	if !explicit {
		right = implicit(left)
	}
	var err error
	if e.result, err = spell(right, dots); err != nil {
		return fail(fmt.Errorf("result: %w", err))
	}
	all := slices.Concat(e.operands...)
	for _, l := range e.result {
		if !all.has(l) {
			return fail(fmt.Errorf("the result %q has an axis that no operand has", right))
		}
	}
	return &e, nil
}

const ellipsis = "..."

func letters(term string) int { return len(strings.Replace(term, ellipsis, "", 1)) }

// spell returns the axes of a term, whose ellipsis stands for n of them.
func spell(term string, n int) (labels, error) {
	if strings.Count(term, ellipsis) > 1 {
		return nil, errors.New("an ellipsis stands twice")
	}
	var out labels
	for term != "" {
		if strings.HasPrefix(term, ellipsis) {
			for i := range max(n, 0) {
				out = append(out, label(i-n))
			}
			term = term[len(ellipsis):]
			continue
		}
		letter := label(term[0])
		switch {
		case (letter < 'a' || letter > 'z') && (letter < 'A' || letter > 'Z'):
			return nil, fmt.Errorf("%q is neither a letter nor an ellipsis", letter)
		case out.has(letter):
			return nil, fmt.Errorf("letter %q stands twice: diagonals are not supported", letter)
		}
		out = append(out, letter)
		term = term[1:]
	}
	if len(out) > MaxRank {
		return nil, fmt.Errorf("%d axes are more than %d", len(out), MaxRank)
	}
	return out, nil
}

// implicit is the result of an equation without one: the ellipsis and the letters that stand once.
func implicit(left string) string {
	var once []string
	for letter := range strings.SplitSeq(strings.NewReplacer(ellipsis, "", ",", "").Replace(left), "") {
		if strings.Count(left, letter) == 1 {
			once = append(once, letter)
		}
	}
	slices.Sort(once)
	if strings.Contains(left, ellipsis) {
		once = slices.Insert(once, 0, ellipsis)
	}
	return strings.Join(once, "")
}

// equation writes axes as an equation, with letters of its own: an Einsum of two operands has fewer axes than there
// are letters.
func equation(operands []labels, result labels) string {
	names := map[label]byte{}
	write := func(l labels) string {
		text := make([]byte, len(l))
		for i, one := range l {
			if names[one] == 0 {
				names[one] = byte('a' + len(names))
			}
			text[i] = names[one]
		}
		return string(text)
	}
	terms := make([]string, len(operands))
	for i, l := range operands {
		terms[i] = write(l)
	}
	return strings.Join(terms, ",") + "->" + write(result)
}
