package expression

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The limits of an expression keep parsing and graphs small.
const (
	MaxBytes = 4096
	maxDepth = 100 // parentheses, calls and signs within each other
)

// function describes a function of expressions.
type function struct {
	name     string
	min, max int  // numbers of arguments
	truths   int  // how many of the first arguments are truths
	truth    bool // it returns a truth
}

func functions() []function {
	return []function{
		{name: "abs", min: 1, max: 1},
		{name: "clip", min: 3, max: 3},
		{name: "if", min: 3, max: 3, truths: 1},
		{name: "is_null", min: 1, max: 1, truth: true},
		{name: "log1p", min: 1, max: 1},
		{name: "max", min: 2, max: 16},
		{name: "min", min: 2, max: 16},
	}
}

// parser reads an expression by recursive descent.
type parser struct {
	text  string
	at    int
	depth int
}

// Parse reads an expression of at most MaxBytes that nests at most 100 deep. Errors name the character at fault.
func Parse(text string) (*Term, error) {
	if len(text) > MaxBytes {
		return nil, fmt.Errorf("a formula of %d bytes; the limit is %d", len(text), MaxBytes)
	}
	p := &parser{text: text}
	t, err := p.or()
	if err == nil && p.peek() != "" {
		err = p.fault("%q is not expected", p.peek())
	}
	if err != nil {
		return nil, fmt.Errorf("formula %q: %w", text, err)
	}
	return t, nil
}

func (p *parser) fault(format string, args ...any) error {
	return faultAt(p.at, format, args...)
}

// take moves on if the next token is one of tokens, and returns it.
func (p *parser) take(tokens ...string) (token string, at int, ok bool) {
	token = p.peek()
	if token == "" || !slices.Contains(tokens, token) {
		return "", p.at, false
	}
	at = p.at
	p.at += len(token)
	return token, at, true
}

// spelled returns the one name of a sign that has several.
func spelled(sign string) string {
	switch sign {
	case "&&":
		return "and"
	case "||":
		return "or"
	case "!":
		return "not"
	}
	return sign
}

// chain reads operands that one of signs joins, from left to right.
func (p *parser) chain(next func() (*Term, error), truth bool, signs ...string) (*Term, error) {
	left, err := next()
	for err == nil {
		sign, at, ok := p.take(signs...)
		if !ok {
			return left, nil
		}
		var right *Term
		if right, err = next(); err == nil {
			left = &Term{Op: spelled(sign), At: at, Args: []*Term{left, right}, Truth: truth}
			err = p.want(truth, left.Args...)
		}
	}
	return nil, err
}

// want verifies that terms are truths, or that they are numbers.
func (p *parser) want(truth bool, terms ...*Term) error {
	for _, t := range terms {
		switch {
		case truth && t.Op == Text:
			return t.Fault("a text stands where true or false is needed; compare it")
		case truth && !t.Truth:
			return t.Fault("a number stands where true or false is needed; compare it")
		case !truth && t.Truth:
			return t.Fault("true or false stands where a number is needed; use if(condition, a, b)")
		case !truth && t.Op == Text:
			return t.Fault("a text stands where a number is needed; texts can be compared by == and !=, and looked for by has and in")
		}
	}
	return nil
}

func (p *parser) or() (*Term, error)  { return p.chain(p.and, true, "or", "||") }
func (p *parser) and() (*Term, error) { return p.chain(p.not, true, "and", "&&") }

func (p *parser) not() (*Term, error) {
	_, at, ok := p.take("not", "!")
	if !ok {
		return p.comparison()
	}
	return p.within(func() (*Term, error) {
		t, err := p.not()
		if err != nil {
			return nil, err
		}
		return &Term{Op: "not", At: at, Args: []*Term{t}, Truth: true}, p.want(true, t)
	})
}

func (p *parser) comparison() (*Term, error) {
	left, err := p.sum()
	if err != nil {
		return nil, err
	}
	sign, at, ok := p.take("<", "<=", ">", ">=", "==", "!=", "has", "in")
	if !ok {
		return left, nil
	}
	read := p.sum
	if sign == "in" {
		read = p.among
	}
	right, err := read()
	if err != nil {
		return nil, err
	}
	t := &Term{Op: sign, At: at, Args: []*Term{left, right}, Truth: true}
	switch {
	case sign == "has" && left.Op != Column:
		return nil, left.Fault("has looks into a list: a column is needed before it")
	case sign == "has" || sign == "in" || sign == "==" || sign == "!=":
		for _, arg := range t.Args {
			if arg.Op != Text {
				err = errors.Join(err, p.want(false, arg))
			}
		}
		return t, err
	}
	return t, p.want(false, left, right)
}

// among reads what stands behind in: numbers or texts in parentheses, or a column.
func (p *parser) among() (*Term, error) {
	_, at, ok := p.take("(")
	if !ok {
		t, err := p.primary()
		if err == nil && t.Op != Column {
			err = t.Fault("in needs a list: numbers or texts in parentheses, or a column")
		}
		return t, err
	}
	list := &Term{Op: List, At: at}
	for more := true; more; {
		t, err := p.sign()
		if err != nil {
			return nil, err
		}
		if t.Op == "negative" && t.Args[0].Op == Number {
			t = &Term{Op: Number, At: t.At, Number: -t.Args[0].Number}
		}
		if !t.literal() || t.Op != list.kind(t) {
			return nil, t.Fault("the list behind in has numbers alone or texts alone")
		}
		list.Args = append(list.Args, t)
		_, _, more = p.take(",")
	}
	return list, p.close()
}

// kind is the operation of the elements of a list to which t may be added.
func (t *Term) kind(next *Term) string {
	if len(t.Args) == 0 {
		return next.Op
	}
	return t.Args[0].Op
}

func (p *parser) sum() (*Term, error)     { return p.chain(p.product, false, "+", "-") }
func (p *parser) product() (*Term, error) { return p.chain(p.sign, false, "*", "/") }

func (p *parser) sign() (*Term, error) {
	_, at, ok := p.take("-")
	if !ok {
		return p.primary()
	}
	return p.within(func() (*Term, error) {
		t, err := p.sign()
		if err != nil {
			return nil, err
		}
		return &Term{Op: "negative", At: at, Args: []*Term{t}}, p.want(false, t)
	})
}

// within reads a term inside of another.
func (p *parser) within(read func() (*Term, error)) (*Term, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.fault("terms are nested more than %d deep", maxDepth)
	}
	defer func() { p.depth-- }()
	return read()
}

func (p *parser) primary() (*Term, error) {
	token := p.peek()
	at := p.at
	switch {
	case token == "":
		return nil, p.fault("the formula ends where a number, a column or a parenthesis is needed")
	case token == "(":
		p.at += len(token)
		t, err := p.within(p.or)
		if err == nil {
			err = p.close()
		}
		return t, err
	case isDigit(token[0]) || token[0] == '.':
		v, err := strconv.ParseFloat(token, 64)
		if err != nil || strings.Contains(token, "_") {
			return nil, p.fault("%s is no number", token)
		}
		p.at += len(token)
		return &Term{Op: Number, At: at, Number: v}, nil
	case token[0] == '\'' || token[0] == '"':
		value, err := unquote(token)
		if err != nil {
			return nil, p.fault("%v", err)
		}
		p.at += len(token)
		return &Term{Op: Text, At: at, Name: value}, nil
	case token[0] == '`':
		name, err := p.name()
		return &Term{Op: Column, At: at, Name: name}, err
	case !isLetter(token[0]) || slices.Contains([]string{"and", "or", "not", "has", "in"}, token):
		return nil, p.fault("%q stands where a number, a column or a parenthesis is needed", token)
	}
	p.at += len(token)
	if p.at < len(p.text) && p.text[p.at] == '.' {
		return p.scoped(token, at)
	}
	if _, _, call := p.take("("); call {
		return p.call(token, at)
	}
	return &Term{Op: Column, At: at, Name: token}, nil
}

// scoped reads the name of a column behind its scope and a point.
func (p *parser) scoped(scope string, at int) (*Term, error) {
	p.at++
	if scope != UserScope && scope != ContextScope {
		return nil, faultAt(at, "%q is neither user nor context; a column with a point in its name stands between backquotes", scope)
	}
	name, err := p.name()
	return &Term{Op: Column, At: at, Scope: scope, Name: name}, err
}

// name reads the name of a column, between backquotes or not.
func (p *parser) name() (string, error) {
	token := p.peek()
	switch {
	case token != "" && isLetter(token[0]):
		p.at += len(token)
		return token, nil
	case token == "" || token[0] != '`':
		return "", p.fault("the name of a column is needed")
	case len(token) < 3 || token[len(token)-1] != '`':
		return "", p.fault("a column between backquotes has a name and a second backquote")
	}
	p.at += len(token)
	return token[1 : len(token)-1], nil
}

func (p *parser) close() error {
	if _, _, ok := p.take(")"); !ok {
		return p.fault("a closing parenthesis is missing")
	}
	return nil
}

// call reads the arguments of a function.
func (p *parser) call(name string, at int) (*Term, error) {
	var f function
	names := make([]string, 0, len(functions()))
	for _, known := range functions() {
		if known.name == name {
			f = known
		}
		names = append(names, known.name)
	}
	if f.name == "" {
		p.at = at
		return nil, p.fault("there is no function %q; there are %s", name, strings.Join(names, ", "))
	}
	t := &Term{Op: name, At: at, Truth: f.truth}
	for more := true; more; {
		arg, err := p.within(p.or)
		if err == nil {
			err = p.want(len(t.Args) < f.truths, arg)
		}
		if err != nil {
			return nil, err
		}
		t.Args = append(t.Args, arg)
		_, _, more = p.take(",")
	}
	if err := p.close(); err != nil {
		return nil, err
	}
	if len(t.Args) < f.min || len(t.Args) > f.max {
		p.at = at
		return nil, p.fault("%s has %d arguments; it takes %d to %d", name, len(t.Args), f.min, f.max)
	}
	return t, nil
}
