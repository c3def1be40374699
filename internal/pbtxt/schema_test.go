package pbtxt_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/internal/pbtxt"
)

const shapes = `# a remark
message Shape
  name string
  kind Kind
  dims int64*
  part Shape*
  circle Circle form
  square double form
  count uint32
  open bool
message Circle
  radius float
enum Kind
  KIND_FLAT 0
  KIND_SOLID 1
`

func TestSchema(t *testing.T) {
	s, err := pbtxt.ParseSchema(shapes)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, in, want string }{
		{"good", `name: "a" kind: KIND_FLAT dims: [ 1, -2 ] dims: 3 part { circle { radius: inf } } part [ { square: 2 }, { } ] count: 7 open: t`, ""},
		{"like a field", "nane: 1", `1:1: message Shape has no field "nane"; did you mean "name"?`},
		{"of another message", "part { radius: 1 }", `1:8: message Shape has no field "radius"; it belongs into Circle`},
		{"like none", "circle { a: 1 }", `1:10: message Circle has no field "a"; it has radius`},
		{"twice", "count: 1 count: 1", `1:10: field "count" of Shape is given twice`},
		{"two of one", "circle { } square: 1", `1:12: field "square" of Shape is given beside "circle": only one of them can be`},
		{"like a value", "kind: KIND_SOLDI", `1:1: field "kind": Kind has no value KIND_SOLDI; did you mean "KIND_SOLID"?`},
		{"end of a value", "kind: solid", `1:1: field "kind": Kind has no value solid; did you mean "KIND_SOLID"?`},
		{"no value", "kind: X", `1:1: field "kind": Kind has no value X; it has KIND_FLAT, KIND_SOLID`},
		{"no number", "kind: 2", `1:1: field "kind": Kind has no value 2; it has KIND_FLAT, KIND_SOLID`},
		{"no enum", `kind: "KIND_FLAT"`, `1:1: field "kind" wants a name, got a string`},
		{"in a list", "part [ { }, { count: -1 } ]", `1:15: field "count": -1 is beyond uint32`},
		{"element of a list", "dims: [ 1, 1.5 ]", `1:12: field "dims" wants a whole number, got a number`},
		{"no list", "count: [ 1 ]", `1:1: field "count" wants a whole number, got a list`},
		{"no number", "square: x", `1:1: field "square" wants a number, got a name`},
		{"no bool", "open: 2", `1:1: field "open" wants a bool, got a whole number`},
		{"no message", "circle: 1", `1:1: field "circle" wants a block { … }, got a whole number`},
		{"no UTF-8", `name: "\xff"`, `1:1: field "name" is not UTF-8`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := pbtxt.Parse([]byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			got := ""
			if err := s.Check("Shape", m); err != nil {
				got = err.Error()
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("fault (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSchemaNamesEnums: numbers of enums become names.
func TestSchemaNamesEnums(t *testing.T) {
	s, err := pbtxt.ParseSchema(shapes)
	if err != nil {
		t.Fatal(err)
	}
	m, err := pbtxt.Parse([]byte("kind: 1 part [ { kind: 0x1 } ]"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check("Shape", m); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff("kind: KIND_SOLID\npart: [ { kind: KIND_SOLID } ]\n", string(m.Marshal())); diff != "" {
		t.Errorf("tree (-want +got):\n%s", diff)
	}
}

func TestParseSchemaErrors(t *testing.T) {
	for _, text := range []string{"a string", "message A\n  name", "enum E\n  A 1 2", "message A\n  b c d e"} {
		if _, err := pbtxt.ParseSchema(text); err == nil {
			t.Errorf("no error for %q", text)
		}
	}
}
