package expression

import (
	"fmt"
	"slices"
	"strings"

	"recsys/internal/nearest"
	"recsys/schema"
	"recsys/tensor"
)

// Condition is an expression that is true or false for each row of a table. It is immutable and safe for concurrent use.
type Condition struct {
	text  string
	term  *Term
	kinds map[Ref]kind
	wants []schema.Column // of the request
}

// kind is what a term computes.
type kind int

const (
	aNumber kind = iota
	aText
	aTruth
	numbers // a list
	texts
)

func (k kind) String() string {
	return [...]string{"a number", "a text", "true or false", "a list of numbers", "a list of texts"}[k]
}

// element is what a list is made of.
func (k kind) element() kind {
	if k < numbers {
		return -1
	}
	return k - numbers
}

// Compile parses a condition on columns of items, by their names, and of the request, behind "user." those tagged as the user's and behind
// "context." the others. Errors name the character at fault.
func Compile(text string, items, request schema.Schema) (*Condition, error) {
	t, err := Parse(text)
	if err != nil {
		return nil, err
	}
	c := &Condition{text: text, term: t, kinds: map[Ref]kind{}}
	k, err := checker{c, items, request}.kindOf(t)
	if err == nil && k != aTruth {
		err = t.Fault("this is %s; a condition is needed: compare it", k)
	}
	if err != nil {
		return nil, fmt.Errorf("formula %q: %w", text, err)
	}
	return c, nil
}

// String is the condition as it was written.
func (c *Condition) String() string { return c.text }

// Request returns the columns of the request that the condition reads.
func (c *Condition) Request() []schema.Column { return c.wants }

type checker struct {
	*Condition
	items, request schema.Schema
}

// kindOf returns what a term computes, or what is wrong within it.
func (c checker) kindOf(t *Term) (kind, error) {
	switch t.Op {
	case Number:
		return aNumber, nil
	case Text:
		return aText, nil
	case List:
		if t.Args[0].Op == Text {
			return texts, nil
		}
		return numbers, nil
	case Column:
		return c.column(t)
	}
	kinds := make([]kind, len(t.Args))
	for i, arg := range t.Args {
		var err error
		if kinds[i], err = c.kindOf(arg); err != nil {
			return 0, err
		}
	}
	result := aNumber
	if t.Truth {
		result = aTruth
	}
	switch t.Op {
	case "is_null":
		return result, nil
	case "not", "and", "or":
		return result, nil // The parser has told truths from values.
	case "has":
		return result, fits(t.Args[0], kinds[0], t.Args[1], kinds[1])
	case "in":
		return result, fits(t.Args[1], kinds[1], t.Args[0], kinds[0])
	case "==", "!=":
		if kinds[0] == aText && kinds[1] == aText {
			return result, nil
		}
	}
	for i, arg := range t.Args {
		if kinds[i] != aNumber && kinds[i] != aTruth {
			hint := ""
			switch {
			case kinds[i] >= numbers:
				hint = "; look into it by has or in"
			case t.Op == "==" || t.Op == "!=":
				hint = " to compare it with one"
			}
			return 0, arg.Fault("this is %s; a number is needed%s", kinds[i], hint)
		}
	}
	return result, nil
}

// fits checks that a value can be one of a list.
func fits(list *Term, listKind kind, value *Term, valueKind kind) error {
	switch {
	case listKind < numbers:
		return list.Fault("this is %s; a list is needed", listKind)
	case valueKind != listKind.element():
		return value.Fault("this is %s, and the list is %s", valueKind, listKind)
	}
	return nil
}

// column finds a column and notes it.
func (c checker) column(t *Term) (kind, error) {
	ref := Ref{t.Scope, t.Name}
	found, known := schema.Column{}, make([]string, 0, len(c.items)+len(c.request))
	ok := false
	for _, column := range slices.Concat(c.items, c.request) {
		if (Ref{scopeOf(column), column.Name}) == ref {
			found, ok = column, true
		}
		known = append(known, Ref{scopeOf(column), column.Name}.String())
	}
	if !ok {
		slices.Sort(known)
		return 0, t.Fault("there is no column %s; there are %s%s", ref, strings.Join(known, ", "), nearest.Hint(ref.String(), known))
	}
	k := aNumber
	if found.DType.DType == tensor.String {
		k = aText
	}
	if found.Length > 0 {
		k += numbers
	}
	if _, noted := c.kinds[ref]; !noted && t.Scope != "" {
		c.wants = append(c.wants, found)
	}
	c.kinds[ref] = k
	return k, nil
}

func scopeOf(c schema.Column) string {
	switch {
	case c.Has(schema.Item):
		return ""
	case c.Has(schema.User):
		return UserScope
	}
	return ContextScope
}
