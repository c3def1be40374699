package op

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// term is a parsed formula: a number, a column, or an operation on terms.
type term struct {
	op     string // "number", "column", an operator sign or a function's name
	at     int    // byte of the formula where it stands
	number float32
	column string
	args   []*term
	truth  bool // it is true or false instead of a number
}

// The limits of a formula keep parsing and the graph small.
const (
	maxFormula = 4096 // bytes
	maxDepth   = 100  // parentheses, calls and signs within each other
)

// function describes a function of formulas.
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

// parser reads a formula by recursive descent.
type parser struct {
	text  string
	at    int
	depth int
}

// parse reads a formula, which computes a number or a truth.
func parse(formula string) (*term, error) {
	if len(formula) > maxFormula {
		return nil, fmt.Errorf("a formula of %d bytes; the limit is %d", len(formula), maxFormula)
	}
	p := &parser{text: formula}
	t, err := p.or()
	if err == nil && p.peek() != "" {
		err = p.fault("%q is not expected", p.peek())
	}
	if err != nil {
		return nil, fmt.Errorf("formula %q: %w", formula, err)
	}
	return t, nil
}

func (p *parser) fault(format string, args ...any) error {
	return fmt.Errorf("at character %d: %s", p.at+1, fmt.Sprintf(format, args...))
}

// peek returns the next token without taking it, "" at the end.
func (p *parser) peek() string {
	for p.at < len(p.text) && strings.ContainsRune(" \t\n\r", rune(p.text[p.at])) {
		p.at++
	}
	rest := p.text[p.at:]
	if rest == "" {
		return ""
	}
	n := 0
	switch {
	case isLetter(rest[0]):
		for n < len(rest) && (isLetter(rest[n]) || isDigit(rest[n])) {
			n++
		}
	case isDigit(rest[0]) || rest[0] == '.':
		n = numberLength(rest)
	case rest[0] == '`':
		if n = strings.IndexByte(rest[1:], '`') + 2; n == 1 {
			n = len(rest)
		}
	case len(rest) > 1 && rest[1] == '=' && strings.IndexByte("<>=!", rest[0]) >= 0:
		n = 2
	default:
		n = 1
	}
	return rest[:n]
}

func isLetter(c byte) bool { return c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }

// numberLength returns how many bytes look like a number: digits, a point, an exponent with its sign.
func numberLength(s string) int {
	n := 0
	for n < len(s) && (isDigit(s[n]) || s[n] == '.' || isLetter(s[n]) ||
		(s[n] == '+' || s[n] == '-') && s[n-1]|0x20 == 'e') {
		n++
	}
	return n
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

// chain reads operands that one of signs joins, from left to right.
func (p *parser) chain(next func() (*term, error), truth bool, signs ...string) (*term, error) {
	left, err := next()
	for err == nil {
		sign, at, ok := p.take(signs...)
		if !ok {
			return left, nil
		}
		var right *term
		if right, err = next(); err == nil {
			left = &term{op: sign, at: at, args: []*term{left, right}, truth: truth}
			err = p.want(truth, left.args...)
		}
	}
	return nil, err
}

// want verifies that terms are truths, or that they are numbers.
func (p *parser) want(truth bool, terms ...*term) error {
	for _, t := range terms {
		if t.truth != truth {
			p.at = t.at
			if truth {
				return p.fault("a number stands where true or false is needed; compare it")
			}
			return p.fault("true or false stands where a number is needed; use if(condition, a, b)")
		}
	}
	return nil
}

func (p *parser) or() (*term, error)  { return p.chain(p.and, true, "or") }
func (p *parser) and() (*term, error) { return p.chain(p.not, true, "and") }

func (p *parser) not() (*term, error) {
	_, at, ok := p.take("not")
	if !ok {
		return p.comparison()
	}
	return p.within(func() (*term, error) {
		t, err := p.not()
		if err != nil {
			return nil, err
		}
		return &term{op: "not", at: at, args: []*term{t}, truth: true}, p.want(true, t)
	})
}

func (p *parser) comparison() (*term, error) {
	left, err := p.sum()
	if err != nil {
		return nil, err
	}
	sign, at, ok := p.take("<", "<=", ">", ">=", "==", "!=")
	if !ok {
		return left, nil
	}
	right, err := p.sum()
	if err != nil {
		return nil, err
	}
	return &term{op: sign, at: at, args: []*term{left, right}, truth: true}, p.want(false, left, right)
}

func (p *parser) sum() (*term, error)     { return p.chain(p.product, false, "+", "-") }
func (p *parser) product() (*term, error) { return p.chain(p.sign, false, "*", "/") }

func (p *parser) sign() (*term, error) {
	_, at, ok := p.take("-")
	if !ok {
		return p.primary()
	}
	return p.within(func() (*term, error) {
		t, err := p.sign()
		if err != nil {
			return nil, err
		}
		return &term{op: "negative", at: at, args: []*term{t}}, p.want(false, t)
	})
}

// within reads a term inside of another.
func (p *parser) within(read func() (*term, error)) (*term, error) {
	if p.depth++; p.depth > maxDepth {
		return nil, p.fault("terms are nested more than %d deep", maxDepth)
	}
	defer func() { p.depth-- }()
	return read()
}

func (p *parser) primary() (*term, error) {
	token, at := p.peek(), p.at
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
		v, err := strconv.ParseFloat(token, 32)
		if err != nil || math.IsInf(v, 0) {
			return nil, p.fault("%s is no number within float32", token)
		}
		p.at += len(token)
		return &term{op: "number", at: at, number: float32(v)}, nil
	case token[0] == '`':
		if len(token) < 3 || token[len(token)-1] != '`' {
			return nil, p.fault("a column between backquotes has a name and a second backquote")
		}
		p.at += len(token)
		return &term{op: "column", at: at, column: token[1 : len(token)-1]}, nil
	case !isLetter(token[0]) || token == "and" || token == "or" || token == "not":
		return nil, p.fault("%q stands where a number, a column or a parenthesis is needed", token)
	}
	p.at += len(token)
	if _, _, call := p.take("("); call {
		return p.call(token, at)
	}
	return &term{op: "column", at: at, column: token}, nil
}

func (p *parser) close() error {
	if _, _, ok := p.take(")"); !ok {
		return p.fault("a closing parenthesis is missing")
	}
	return nil
}

// call reads the arguments of a function.
func (p *parser) call(name string, at int) (*term, error) {
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
	t := &term{op: name, at: at, truth: f.truth}
	for more := true; more; {
		arg, err := p.within(p.or)
		if err == nil {
			err = p.want(len(t.args) < f.truths, arg)
		}
		if err != nil {
			return nil, err
		}
		t.args = append(t.args, arg)
		_, _, more = p.take(",")
	}
	if err := p.close(); err != nil {
		return nil, err
	}
	if len(t.args) < f.min || len(t.args) > f.max {
		p.at = at
		return nil, p.fault("%s has %d arguments; it takes %d to %d", name, len(t.args), f.min, f.max)
	}
	return t, nil
}

// columns adds the columns of t to names, each once, in the order in which they stand.
func (t *term) columns(names []string) []string {
	if t.op == "column" && !slices.Contains(names, t.column) {
		names = append(names, t.column)
	}
	for _, arg := range t.args {
		names = arg.columns(names)
	}
	return names
}
