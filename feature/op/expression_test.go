package op_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"recsys/feature"
	"recsys/feature/op"
	"recsys/internal/expression"
	"recsys/schema"
	"recsys/tensor"
)

// absent is what the test makes of null, to tell it from 0.
const absent = -777

// TestExpression fixes what formulas compute.
func TestExpression(t *testing.T) {
	a, y := computed()
	for _, c := range formulas() {
		t.Run(c.formula, func(t *testing.T) {
			raw := pick("age", "year")
			raw[0].Name, raw[1].Name, raw[1].Tags = "a", "y", raw[0].Tags
			f := fit(t, raw, nil, &op.Expression{Column: "x", Formula: c.formula},
				&op.FillMissing{Columns: []string{"x"}, Value: absent})
			got := transform(t, f, tensor.Map{"a": tensor.Of(a, 4), "y": tensor.Of(y, 4)})["x"]
			// Rounding of one logarithm; everything else is exact.
			if diff := cmp.Diff(got, c.want, cmpopts.EquateApprox(1e-6, 0)); diff != "" {
				t.Errorf("(-got +want):\n%s", diff)
			}
		})
	}
}

// computed are the columns a and y of formulas.
func computed() (a []float32, y []int64) { return []float32{3, -2, nan(), 0.5}, []int64{4, null, 5, 0} }

// formulas are what TestExpression wants, worked out by hand.
func formulas() []struct {
	formula string
	want    []float32
} {
	inf32, greatest := float32(math.Inf(1)), float32(math.MaxFloat32)
	return []struct {
		formula string
		want    []float32
	}{
		{"a", []float32{3, -2, absent, 0.5}},
		{"y", []float32{4, absent, 5, 0}},
		{"1 + 2 * a", []float32{7, -3, absent, 2}},
		{"(1 + 2) * a", []float32{9, -6, absent, 1.5}},
		{"8 - 2 - a", []float32{3, 8, absent, 5.5}},
		{"24 / 2 / a", []float32{4, -6, absent, 24}},
		{"-a - -1", []float32{-2, 3, absent, 0.5}},
		{"2 * -a", []float32{-6, 4, absent, -1}},
		{"a + y", []float32{7, absent, absent, 0.5}},
		{"a / y", []float32{0.75, absent, absent, absent}},
		{"a < 1", []float32{0, 1, absent, 1}},
		{"a <= 0.5", []float32{0, 1, absent, 1}},
		{"a > -2", []float32{1, 0, absent, 1}},
		{"a >= -2", []float32{1, 1, absent, 1}},
		{"a == 3", []float32{1, 0, absent, 0}},
		{"a != 3", []float32{0, 1, absent, 1}},
		{"a > 0 and a < 1", []float32{0, 0, absent, 1}},
		{"a < 0 or a > 1 and a > 9", []float32{0, 1, absent, 0}},
		{"(a < 0 or a > 1) and a > 9", []float32{0, 0, absent, 0}},
		{"not a > 0 or a == 3", []float32{1, 1, absent, 0}},
		{"not (a > 0 or a == 3)", []float32{0, 1, absent, 0}},
		{"not (not a > 0)", []float32{1, 0, absent, 1}},
		{"a > 0 && !(a == 3) || y == 4", []float32{1, absent, absent, 1}},
		{"a > 0 or y == 5", []float32{1, absent, 1, 1}}, // One side decides, whatever null may stand for.
		{"y == 5 or a > 0", []float32{1, absent, 1, 1}},
		{"a > 0 and y == 4", []float32{1, 0, 0, 0}},
		{"y == 4 and a > 0", []float32{1, 0, 0, 0}},
		{"is_null(a) or a > 0", []float32{1, 0, 1, 1}},
		{"not is_null(a) and a > 0", []float32{1, 0, 0, 1}},
		{"is_null(a)", []float32{0, 0, 1, 0}},
		{"is_null(a + y)", []float32{0, 1, 1, 0}},
		{"if(is_null(a), 9, a)", []float32{3, -2, 9, 0.5}},
		{"if(a > 0, y, 7)", []float32{4, 7, absent, 0}},
		{"if(is_null(1), a, y)", []float32{4, absent, 5, 0}},
		{"if(is_null(y), a, y)", []float32{4, -2, 5, 0}},
		{"abs(a)", []float32{3, 2, absent, 0.5}},
		{"min(a, 1, 0.75)", []float32{0.75, -2, absent, 0.5}},
		{"max(a, -1, y)", []float32{4, absent, absent, 0.5}},
		{"clip(a, 0, 1)", []float32{1, 0, absent, 0.5}},
		{"log1p(a - 0.5)", []float32{1.2527629, absent, absent, 0}}, // log(3.5)
		{"`a` * 1e1 + .5", []float32{30.5, -19.5, absent, 5.5}},
		{"if(a > 0, 1e38, 1) * 1e38", []float32{inf32, 1e38, absent, inf32}},
		{"a * 1e38 * 1e38 - a * 1e38 * 1e38", []float32{absent, absent, absent, absent}},
		{"min(a * 1e38 * 1e38, 3.4028235e38)", []float32{greatest, -inf32, absent, greatest}},
	}
}

// TestConditionsAgree asks the conditions of filters, which are the same language in another engine, for what formulas compute.
func TestConditionsAgree(t *testing.T) {
	a, y := computed()
	columns := schema.Schema{
		{Name: "a", DType: schema.DType{DType: tensor.Float32}, Tags: []schema.Tag{schema.Item}},
		{Name: "y", DType: schema.DType{DType: tensor.Int64}, Tags: []schema.Tag{schema.Item}},
	}
	table := expression.NewTable(columns)
	if err := table.Append(4, tensor.Map{"a": tensor.Of(a, 4), "y": tensor.Of(y, 4)}); err != nil {
		t.Fatal(err)
	}
	holds := func(text string) byte {
		c, err := expression.Compile(text, columns, nil)
		if err != nil {
			t.Fatal(err)
		}
		bits, err := c.Rows(t.Context(), table, nil)
		if err != nil {
			t.Fatal(err)
		}
		return bits[0]
	}
	for _, c := range formulas() {
		if strings.Contains(c.formula, "e38") {
			continue // Formulas overflow at the end of float32, conditions do not.
		}
		parsed, err := expression.Parse(c.formula)
		if err != nil {
			t.Fatal(err)
		}
		for row, want := range c.want {
			text := fmt.Sprintf("abs(%s - %g) < 1e-6", c.formula, want) // The logarithm's rounding, as above.
			switch {
			case want == absent && parsed.Truth:
				if bit := (holds(c.formula) | holds("not ("+c.formula+")")) >> row & 1; bit == 1 {
					t.Errorf("%s: row %d is true or false, want null", c.formula, row)
				}
				continue
			case want == absent:
				text = "is_null(" + c.formula + ")"
			case parsed.Truth && want == 1:
				text = c.formula
			case parsed.Truth:
				text = "not (" + c.formula + ")"
			}
			if holds(text)>>row&1 == 0 {
				t.Errorf("%s: row %d is not %g", c.formula, row, want)
			}
		}
	}
}

func TestExpressionFaults(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("(", n) + "age" + strings.Repeat(")", n) }
	cases := []struct{ formula, want string }{
		{"", "at character 1: the formula ends where a number, a column"},
		{"age +", "at character 6: the formula ends"},
		{"age + * 2", `at character 7: "*" stands where a number`},
		{"1 + 2", `formula "1 + 2" has no column`},
		{"(age", "at character 5: a closing parenthesis is missing"},
		{"age)", `at character 4: ")" is not expected`},
		{"age year", `at character 5: "year" is not expected`},
		{"1 < age < 2", `at character 9: "<" is not expected`},
		{"age = 2", `at character 5: "=" is not expected`},
		{"age; drop", `at character 4: ";" is not expected`},
		{"2age", "at character 1: 2age is no number"},
		{"1e39 * age", "at character 1: 1e+39 is no number within float32"},
		{"0x10 * age", "0x10 is no number"},
		{"`age", "a second backquote"},
		{"`` + age", "has a name"},
		{"and", `"and" stands where`},
		{"sin(age)", `at character 1: there is no function "sin"; there are abs, clip, if, is_null, log1p, max, min`},
		{"abs(age, 1)", "abs has 2 arguments; it takes 1 to 1"},
		{"min(age)", "min has 1 arguments; it takes 2 to 16"},
		{"abs()", `")" stands where`},
		{"(age > 1) + 1", "at character 6: true or false stands where a number is needed; use if(condition, a, b)"},
		{"age and age > 1", "at character 1: a number stands where true or false is needed; compare it"},
		{"not age", "a number stands where"},
		{"if(age, 1, 2)", "at character 4: a number stands where"},
		{"if(age > 1, age > 2, 2)", "true or false stands where"},
		{"-(age > 1)", "true or false stands where"},
		{"genres has 'Comedy'", "formulas compute with numbers alone"},
		{"city == 'Bonn'", "formulas compute with numbers alone"},
		{"age in (1, 2)", "formulas compute with numbers alone"},
		{"user.age + 1", `at character 1: columns of formulas have no "user." before them`},
		{"agee + 1", `column "agee": there is none`},
		{"city + 1", `column "city" is string here`},
		{"votes + genres", `column "genres" is string here`},
		{deep(101), "terms are nested more than 100 deep"},
		{strings.Repeat("-", 101) + "age", "terms are nested more than 100 deep"},
		{strings.Repeat("not ", 101) + "age", "terms are nested more than 100 deep"},
		{strings.Repeat(" ", 4096) + "1", "a formula of 4097 bytes; the limit is 4096"},
	}
	for _, c := range cases {
		t.Run(c.formula, func(t *testing.T) {
			w := feature.Workflow{Operators: []feature.Operator{&op.Expression{Column: "x", Formula: c.formula}}}
			if _, err := w.Plan(rawColumns()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got error %v, want one with %q", err, c.want)
			}
		})
	}
	if err := (&op.Expression{Column: "x", Formula: deep(100)}).Validate(); err != nil {
		t.Error(err)
	}
	if err := (&op.Expression{Formula: "age"}).Validate(); err == nil || !strings.Contains(err.Error(), "no name") {
		t.Errorf("got error %v, want one about the name", err)
	}
	lists := rawColumns()
	lists[7].Length = 2
	w := feature.Workflow{Operators: []feature.Operator{&op.Expression{Column: "x", Formula: "votes + scores"}}}
	if _, err := w.Plan(lists); err == nil || !strings.Contains(err.Error(), "have 3 and 2 elements") {
		t.Errorf("got error %v, want one about the lengths", err)
	}
}

// FuzzExpression wants of every formula an error or a graph that runs.
func FuzzExpression(f *testing.F) {
	for _, seed := range []string{
		"age", "1 + 2 * -age", "if(is_null(age) or not age >= 2.5e1, clip(age, 0, 1), log1p(abs(`age`)))", "min(age, max(1, age), 3) / age",
		"((age", "age != .5", "1e", "`", "age\x00", "is_null(1) and age == age",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, formula string) {
		o := &op.Expression{Column: "x", Formula: formula}
		if o.Validate() != nil {
			return
		}
		fitted, err := feature.Workflow{Operators: []feature.Operator{o}}.Fit(t.Context(), pick("age"), feature.Tables{})
		if err != nil {
			if !strings.Contains(err.Error(), "there is none") {
				t.Fatalf("%q: %v", formula, err)
			}
			return
		}
		if _, err := fitted.Transform(t.Context(), tensor.Map{"age": tensor.Of([]float32{1, nan(), -1}, 3)}); err != nil {
			t.Fatalf("%q: %v", formula, err)
		}
	})
}
