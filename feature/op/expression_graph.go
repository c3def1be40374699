package op

import (
	"recsys/feature"
	"recsys/graph"
	"recsys/internal/expression"
)

// evaluation turns terms into nodes.
type evaluation struct {
	b       *graph.Builder
	columns map[string]*graph.Value
}

// nullable is a number or a truth and where it is null; null is nil where it never is. Numbers are 0 where they are
// null and never NaN, on which engines differ.
type nullable struct{ x, null *graph.Value }

func (e evaluation) of(t *expression.Term) nullable {
	b := e.b
	switch t.Op {
	case expression.Number:
		return nullable{x: b.Float32(float32(t.Number))}
	case expression.Column:
		x, null := feature.Numbers(b, e.columns[t.Name])
		return e.settled(x, null)
	}
	args := make([]nullable, len(t.Args))
	var null *graph.Value
	for i, arg := range t.Args {
		args[i] = e.of(arg)
		null = e.either(null, args[i].null)
	}
	switch t.Op {
	case "is_null":
		if null == nil {
			return nullable{x: b.Less(args[0].x, args[0].x)} // false
		}
		return nullable{x: null}
	case "if":
		return e.choose(args[0], args[1], args[2])
	case "/":
		zero := b.Equal(args[1].x, b.Float32(0))
		return e.settled(b.Div(args[0].x, b.Where(zero, b.Float32(1), args[1].x)), e.either(null, zero))
	case "log1p":
		outside := b.LessOrEqual(args[0].x, b.Float32(-1))
		x := b.Where(outside, b.Float32(0), args[0].x)
		return e.settled(b.Log(b.Add(x, b.Float32(1))), e.either(null, outside))
	case "and", "or":
		return e.decide(t.Op == "or", args[0], args[1])
	case "+", "-", "*":
		// Of infinite numbers they make NaN.
		return e.settled(e.plain(t.Op, args), null)
	}
	return nullable{e.plain(t.Op, args), null}
}

// either returns where one of two is true; nil is never.
func (e evaluation) either(x, y *graph.Value) *graph.Value {
	if x == nil || y == nil {
		if x == nil {
			return y
		}
		return x
	}
	return e.b.Or(x, y)
}

// settled returns a number that may be NaN or anything where it is null.
func (e evaluation) settled(x, null *graph.Value) nullable {
	null = e.either(null, e.b.IsNaN(x))
	return nullable{e.b.Where(null, e.b.Float32(0), x), null}
}

// choose returns yes where the condition holds and no elsewhere, null where the condition or the chosen one is. ONNX
// Runtime's Where takes no truths.
func (e evaluation) choose(condition, yes, no nullable) nullable {
	b := e.b
	null := condition.null
	if yes.null != nil {
		null = e.either(null, b.And(condition.x, yes.null))
	}
	if no.null != nil {
		null = e.either(null, b.And(b.Not(condition.x), no.null))
	}
	x := b.Where(condition.x, yes.x, no.x)
	if null != nil {
		x = b.Where(null, b.Float32(0), x)
	}
	return nullable{x, null}
}

// decide returns x or y, or x and y, in three-valued logic: one operand decides where it is true for or, false for and.
func (e evaluation) decide(or bool, x, y nullable) nullable {
	b := e.b
	decided := e.either(e.surely(or, x), e.surely(or, y))
	value := decided
	if !or {
		value = b.And(x.x, y.x)
	}
	null := e.either(x.null, y.null)
	if null == nil {
		return nullable{x: value}
	}
	return nullable{value, b.And(null, b.Not(decided))}
}

// surely returns where a truth is known to be true, or known to be false.
func (e evaluation) surely(truth bool, v nullable) *graph.Value {
	x := v.x
	if !truth {
		x = e.b.Not(x)
	}
	if v.null == nil {
		return x
	}
	return e.b.And(x, e.b.Not(v.null))
}

// plain returns operations that have no cases of their own.
func (e evaluation) plain(op string, args []nullable) *graph.Value {
	b, x := e.b, args[0].x
	switch op {
	case "negative":
		return b.Neg(x)
	case "abs":
		return b.Abs(x)
	case "not":
		return b.Not(x)
	case "clip":
		return b.Min(b.Max(x, args[1].x), args[2].x)
	case "!=":
		return b.Not(b.Equal(x, args[1].x))
	}
	binary := map[string]func(x, y *graph.Value) *graph.Value{
		"+": b.Add, "-": b.Sub, "*": b.Mul, "min": b.Min, "max": b.Max,
		"<": b.Less, "<=": b.LessOrEqual, ">": b.Greater, ">=": b.GreaterOrEqual, "==": b.Equal,
	}[op]
	for _, arg := range args[1:] {
		x = binary(x, arg.x)
	}
	return x
}
