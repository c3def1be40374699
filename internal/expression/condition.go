package expression

import (
	"context"
	"fmt"
	"math"
	"slices"

	"recsys/schema"
	"recsys/tensor"
)

// tri is a truth of three values.
type tri int8

const (
	no tri = iota
	yes
	null
)

func triOf(b bool) tri {
	if b {
		return yes
	}
	return no
}

// pause is the number of rows after which a condition looks whether anybody waits still.
const pause = 1 << 14

// Rows returns a bitmap of the rows of a table for which the condition is true: bit i of byte j is row 8j+i. The table has the
// columns of items that Compile was given. values are those of the columns of Request, one row each. It ends early with ctx.
func (c *Condition) Rows(ctx context.Context, t *Table, values tensor.Map) ([]byte, error) {
	b := &binding{condition: c, table: t, request: map[Ref]*column{}}
	for _, column := range c.wants {
		v := values[column.Name]
		if v == nil || v.DType() != column.DType.DType || v.Len() != max(1, column.Length) {
			return nil, fmt.Errorf("condition %q: column %q has values %v: want one row of %s", c.text, column.Name, v, column.DType)
		}
		flat, err := v.Reshape(1, v.Len())
		if err != nil {
			return nil, err
		}
		one := NewTable(schema.Schema{column}).columns[column.Name]
		one.append(flat, 1)
		b.request[Ref{scopeOf(column), column.Name}] = one
	}
	holds := b.truth(c.term)
	bits := make([]byte, (t.rows+7)/8)
	for row := range t.rows {
		if row%pause == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if holds(row) == yes {
			bits[row/8] |= 1 << (row % 8)
		}
	}
	return bits, nil
}

// binding makes functions of terms, from a row to what they compute there.
type binding struct {
	condition *Condition
	table     *Table
	request   map[Ref]*column
}

// of returns the values of a column, and whether they are the request's, which has one row.
func (b *binding) of(t *Term) (c *column, fixed bool) {
	if t.Scope == "" {
		return b.table.columns[t.Name], false
	}
	return b.request[Ref{t.Scope, t.Name}], true
}

// number returns a function to a number, NaN for null.
func (b *binding) number(t *Term) func(row int) float64 {
	args := make([]func(int) float64, len(t.Args))
	for i, arg := range t.Args {
		if !arg.Truth {
			args[i] = b.number(arg)
		}
	}
	switch t.Op {
	case Number:
		v := t.Number
		return func(int) float64 { return v }
	case Column:
		c, fixed := b.of(t)
		if fixed {
			v := c.numbers[0]
			return func(int) float64 { return v }
		}
		return func(row int) float64 { return c.numbers[row] }
	case "if":
		condition := b.truth(t.Args[0])
		return func(row int) float64 {
			switch condition(row) {
			case yes:
				return args[1](row)
			case no:
				return args[2](row)
			case null:
			}
			return math.NaN()
		}
	case "negative":
		return func(row int) float64 { return -args[0](row) }
	case "abs":
		return func(row int) float64 { return math.Abs(args[0](row)) }
	case "log1p":
		return func(row int) float64 {
			if x := args[0](row); x > -1 {
				return math.Log1p(x)
			}
			return math.NaN()
		}
	case "clip":
		low, high := arithmetic("max"), arithmetic("min")
		return func(row int) float64 { return high(low(args[0](row), args[1](row)), args[2](row)) }
	}
	binary := arithmetic(t.Op)
	return func(row int) float64 {
		x := args[0](row)
		for _, arg := range args[1:] {
			x = binary(x, arg(row))
		}
		return x
	}
}

// arithmetic returns an operation of two numbers, which leaves null what is null.
func arithmetic(op string) func(x, y float64) float64 {
	switch op {
	case "+":
		return func(x, y float64) float64 { return x + y }
	case "-":
		return func(x, y float64) float64 { return x - y }
	case "*":
		return func(x, y float64) float64 { return x * y }
	case "/":
		return func(x, y float64) float64 {
			if y == 0 {
				return math.NaN()
			}
			return x / y
		}
	case "min":
		return leaveNull(math.Min)
	}
	return leaveNull(math.Max)
}

// leaveNull makes null of what is computed from null: math.Max of +Inf and NaN is +Inf.
func leaveNull(f func(x, y float64) float64) func(x, y float64) float64 {
	return func(x, y float64) float64 {
		if math.IsNaN(x) || math.IsNaN(y) {
			return math.NaN()
		}
		return f(x, y)
	}
}

func (b *binding) truth(t *Term) func(row int) tri {
	switch t.Op {
	case "not":
		x := b.truth(t.Args[0])
		return func(row int) tri { return [...]tri{yes, no, null}[x(row)] }
	case "and", "or":
		return decide(t.Op == "or", b.truth(t.Args[0]), b.truth(t.Args[1]))
	case "is_null":
		return b.isNull(t.Args[0])
	case "has":
		return b.member(t.Args[0], t.Args[1])
	case "in":
		return b.member(t.Args[1], t.Args[0])
	case "==", "!=":
		if k := b.kind(t.Args[0]); k == aText {
			same := b.sameText(t.Args[0], t.Args[1])
			if t.Op == "==" {
				return same
			}
			return func(row int) tri { return [...]tri{yes, no, null}[same(row)] }
		}
	}
	x, y := b.number(t.Args[0]), b.number(t.Args[1])
	compare := comparison(t.Op)
	return func(row int) tri {
		l, r := x(row), y(row)
		if math.IsNaN(l) || math.IsNaN(r) {
			return null
		}
		return triOf(compare(l, r))
	}
}

func comparison(op string) func(x, y float64) bool {
	switch op {
	case "<":
		return func(x, y float64) bool { return x < y }
	case "<=":
		return func(x, y float64) bool { return x <= y }
	case ">":
		return func(x, y float64) bool { return x > y }
	case ">=":
		return func(x, y float64) bool { return x >= y }
	case "!=":
		return func(x, y float64) bool { return x != y }
	}
	return func(x, y float64) bool { return x == y }
}

// decide returns x or y, or x and y: one that is yes decides for or, one that is no for and.
func decide(or bool, x, y func(int) tri) func(int) tri {
	decides := no
	if or {
		decides = yes
	}
	return func(row int) tri {
		l := x(row)
		if l == decides {
			return l
		}
		r := y(row)
		if r == decides || l != null {
			return r
		}
		return l
	}
}

// kind tells numbers from texts and lists.
func (b *binding) kind(t *Term) kind {
	switch t.Op {
	case Text:
		return aText
	case Column:
		return b.condition.kinds[Ref{t.Scope, t.Name}]
	}
	return aNumber
}

// isNull asks of a list whether it is empty.
func (b *binding) isNull(t *Term) func(row int) tri {
	if t.Op != Column || b.kind(t) == aNumber {
		x := b.number(t)
		return func(row int) tri { return triOf(math.IsNaN(x(row))) }
	}
	c, fixed := b.of(t)
	return func(row int) tri {
		if fixed {
			row = 0
		}
		from, to := c.span(row)
		return triOf(from == to || !c.list && c.codes[from] < 0)
	}
}

// text returns a function to a text, "" for null.
func (b *binding) text(t *Term) (f func(row int) string, fixed bool) {
	if t.Op == Text {
		return func(int) string { return t.Name }, true
	}
	c, fixed := b.of(t)
	return func(row int) string {
		if fixed {
			row = 0
		}
		if code := c.codes[row]; code >= 0 {
			return c.words[code]
		}
		return ""
	}, fixed
}

func (b *binding) sameText(x, y *Term) func(row int) tri {
	l, lFixed := b.text(x)
	r, rFixed := b.text(y)
	if lFixed {
		x, l, lFixed, r, rFixed = y, r, rFixed, l, lFixed
	}
	if rFixed && !lFixed { // The usual case: look the text up once.
		want := r(0)
		if want == "" {
			return func(int) tri { return null }
		}
		c, _ := b.of(x)
		code := c.find(want)
		return func(row int) tri {
			if c.codes[row] < 0 {
				return null
			}
			return triOf(c.codes[row] == code)
		}
	}
	return func(row int) tri {
		v, w := l(row), r(row)
		if v == "" || w == "" {
			return null
		}
		return triOf(v == w)
	}
}

// member asks whether a value is in a list. An empty list has nothing; whether it has null is null.
func (b *binding) member(list, value *Term) func(row int) tri {
	if b.kind(value) == aText {
		return b.memberText(list, value)
	}
	x := b.number(value)
	if list.Op == List {
		all := make(map[float64]bool, len(list.Args))
		for _, arg := range list.Args {
			all[arg.Number] = true
		}
		return func(row int) tri {
			v := x(row)
			if math.IsNaN(v) {
				return null
			}
			return triOf(all[v])
		}
	}
	c, fixed := b.of(list)
	return func(row int) tri {
		v := x(row)
		if math.IsNaN(v) {
			return null
		}
		if fixed {
			row = 0
		}
		from, to := c.span(row)
		return triOf(slices.Contains(c.numbers[from:to], v))
	}
}

func (b *binding) memberText(list, value *Term) func(row int) tri {
	x, fixed := b.text(value)
	if list.Op == Column && fixed { // The usual case: look the text up once.
		c, _ := b.of(list)
		want := x(0)
		if want == "" {
			return func(int) tri { return null }
		}
		code := c.find(want)
		all := list.Scope != ""
		return func(row int) tri {
			if all {
				row = 0
			}
			from, to := c.span(row)
			return triOf(slices.Contains(c.codes[from:to], code))
		}
	}
	has := b.lister(list)
	return func(row int) tri {
		v := x(row)
		if v == "" {
			return null
		}
		return triOf(has(row, v))
	}
}

// lister returns a function that looks for a text in a list.
func (b *binding) lister(list *Term) func(row int, text string) bool {
	if list.Op == List {
		all := make(map[string]bool, len(list.Args))
		for _, arg := range list.Args {
			all[arg.Name] = true
		}
		return func(_ int, text string) bool { return all[text] }
	}
	c, fixed := b.of(list)
	return func(row int, text string) bool {
		if fixed {
			row = 0
		}
		from, to := c.span(row)
		return slices.Contains(c.codes[from:to], c.find(text))
	}
}
