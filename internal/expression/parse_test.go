package expression_test

import (
	"fmt"
	"strings"
	"testing"

	"recsys/internal/expression"
)

// shown writes a term with all its parentheses.
func shown(t *expression.Term) string {
	switch t.Op {
	case expression.Number:
		return fmt.Sprint(t.Number)
	case expression.Text:
		return fmt.Sprintf("%q", t.Name)
	case expression.Column:
		return expression.Ref{Scope: t.Scope, Name: t.Name}.String()
	}
	args := make([]string, len(t.Args))
	for i, a := range t.Args {
		args[i] = shown(a)
	}
	return t.Op + "(" + strings.Join(args, " ") + ")"
}

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"a + 2 * b":                             "+(a *(2 b))",
		"a || b > 1":                            "",
		"a > 1 || b > 1 && !(c > 1)":            "or(>(a 1) and(>(b 1) not(>(c 1))))",
		"a > 1 or b > 1 and not c > 1":          "or(>(a 1) and(>(b 1) not(>(c 1))))",
		"genres has 'Comedy'":                   `has(genres "Comedy")`,
		`genres has "it's \"\\"`:                `has(genres "it's \"\\")`,
		`brand == 'it\'s'`:                      `==(brand "it's")`,
		"'acme' != brand":                       `!=("acme" brand)`,
		"brand in ('a', \"b\")":                 `in(brand list("a" "b"))`,
		"year in (1999, -2, 3)":                 "in(year list(1999 -2 3))",
		"country in user.countries":             "in(country user.countries)",
		"`a b` has user.`c d`":                  "has(a b user.c d)",
		"year >= user.min_year - 1":             ">=(year -(user.min_year 1))",
		"available_in has context.country":      "has(available_in context.country)",
		"if(year in (1), 2, 3) * abs(-x) == 16": "==(*(if(in(year list(1)) 2 3) abs(negative(x))) 16)",
	} {
		got, err := expression.Parse(text)
		switch {
		case want == "" && err == nil:
			t.Errorf("%s: got %s, want an error", text, shown(got))
		case want != "" && err != nil:
			t.Errorf("%s: %v", text, err)
		case want != "" && shown(got) != want:
			t.Errorf("%s: got %s, want %s", text, shown(got), want)
		}
	}
}

func TestParseFaults(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "at character 1: the formula ends",
		"genres has":              "at character 11: the formula ends",
		"1 has 2":                 "at character 1: has looks into a list",
		"genres has (year > 1)":   "at character 18: true or false stands",
		"brand in 'a'":            "at character 10: in needs a list",
		"brand in ()":             `at character 11: ")" stands where`,
		"brand in ('a', 2)":       "at character 16: the list behind in has numbers alone or texts alone",
		"brand in (year)":         "at character 11: the list behind in",
		"brand in ('a' 'b')":      "at character 15: a closing parenthesis is missing",
		"brand < 'a'":             "at character 9: a text stands where a number is needed",
		"brand + 'a'":             "a text stands where a number is needed",
		"abs('a')":                "at character 5: a text stands where a number is needed",
		"not 'a'":                 "at character 5: a text stands where true or false is needed",
		"brand == 'a":             "at character 10: the text has no second quote",
		`brand == 'a\`:            "at character 10: the text has no second quote",
		`brand == 'a\n'`:          "a backslash stands before a quote or a backslash alone",
		"item.year > 1":           `at character 1: "item" is neither user nor context`,
		"user.5 > 1":              "at character 6: the name of a column is needed",
		"user. > 1":               "at character 7: the name of a column is needed",
		"user.`a > 1":             "a second backquote",
		"has > 1":                 `"has" stands where`,
		"a & b":                   `at character 3: "&" is not expected`,
		"1_000 > a":               "at character 1: 1_000 is no number",
		"a > 1e999":               "at character 5: 1e999 is no number",
		strings.Repeat("!", 101):  "nested more than 100 deep",
		strings.Repeat("a", 4097): "4097 bytes; the limit is 4096",
	} {
		if _, err := expression.Parse(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want one with %q", text, err, want)
		}
	}
}
