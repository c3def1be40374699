package pbtxt_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"recsys/internal/pbtxt"
)

func TestCanonicalForm(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"empty", " # only a comment\n", ""},
		{"scalars", `a: 1; b: -2, c: "x" d: 'y' e: TYPE_FP32 f: true`, "a: 1\nb: -2\nc: \"x\"\nd: \"y\"\ne: TYPE_FP32\nf: true\n"},
		{"block with and without colon", "a { b: 1 } a: { b: 2 } a < b: 3 >", "a { b: 1 }\na { b: 2 }\na { b: 3 }\n"},
		{"lists", "a: [] b: [1] c: [ 1,2 , 3 ] d [ { e: 1 }, { } ]", "a: [ ]\nb: [ 1 ]\nc: [ 1, 2, 3 ]\nd: [ { e: 1 }, { } ]\n"},
		{"comments", "a: 1 # one\n# two\nb: 2", "a: 1\nb: 2\n"},
		{"strings are joined", `a: "x" 'y' "z"`, "a: \"xyz\"\n"},
		{"escapes", `a: "\n\t\"\\\'\x41\101é\xff\0"`, `a: "\n\t\"\\'AAé\377\000"` + "\n"},
		{"octal and hexadecimal", "a: 010 b: 0x1F c: 0", "a: 8\nb: 31\nc: 0\n"},
		{"floats", "a: 1.50 b: .5 c: 1e3 d: 2.0f e: -inf f: inf g: 1E-7", "a: 1.5\nb: 0.5\nc: 1000.0\nd: 2.0\ne: -inf\nf: inf\ng: 1e-07\n"},
		{"limits", "a: 18446744073709551615 b: -9223372036854775808", "a: 18446744073709551615\nb: -9223372036854775808\n"},
		{
			"long blocks are broken", `step { model_name: "` + strings.Repeat("m", 90) + `" map { key: "a" value: "b" } }`,
			"step {\n  model_name: \"" + strings.Repeat("m", 90) + "\"\n  map { key: \"a\" value: \"b\" }\n}\n",
		},
		{
			"long lists of blocks become fields", `d [ { e: "` + strings.Repeat("m", 90) + `" }, { e: "x" } ]`,
			"d {\n  e: \"" + strings.Repeat("m", 90) + "\"\n}\nd { e: \"x\" }\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := pbtxt.Parse([]byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, string(m.Marshal())); diff != "" {
				t.Errorf("written text (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"no value", "a:", `1:3: expected a value, got the end of the text`},
		{"no colon", "a 1", `1:3: expected ":" or "{" after field "a", got "1"`},
		{"open block", "a {\n b: 1", `2:6: expected a field name or "}", got the end of the text`},
		{"wrong bracket", "a { b: 1 >", `1:10: expected a field name or "}", got ">"`},
		{"stray bracket", "}", `1:1: expected a field name, got "}"`},
		{"open string", "a: \"x\nb: 1", `1:4: string without an end on its line`},
		{"string at the end", `a: "x`, `1:4: string without an end`},
		{"bad escape", `a: "\q"`, `1:5: unknown escape "\\q"`},
		{"bad unicode", `a: "\uD800"`, `1:5: escape names no Unicode character`},
		{"octal escape", `a: "\777"`, `1:5: octal escape beyond \377`},
		{"list without comma", "a: [1 2]", `1:7: expected "," or "]" in a list, got "2"`},
		{"trailing comma", "a: [1,]", `1:7: expected a value, got "]"`},
		{"list of scalars without colon", "a [1]", `1:4: a list of scalars needs ":" before it`},
		{"number", "a: 12x", `1:4: malformed number 12x`},
		{"two points", "a: 1.2.3", `1:4: number 1.2.3 is malformed or too large`},
		{"too large", "a: 18446744073709551616", `1:4: number 18446744073709551616 is malformed or beyond 64 bits`},
		{"character", "a: $", `1:4: unexpected character '$'`},
		{"extension", "[a.b]: 1", `1:1: expected a field name, got "["`},
		{"depth", strings.Repeat("a {", 200), `1:304: blocks nest deeper than 100`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := pbtxt.Parse([]byte(tt.in))
			if _, ok := errors.AsType[*pbtxt.Error](err); !ok {
				t.Fatalf("got error %v, want a *pbtxt.Error", err)
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFieldAccess(t *testing.T) {
	m, err := pbtxt.Parse([]byte("s: \"x\" i: 7 b: true e: KIND_CPU m { n: 1 } big: 4294967296"))
	if err != nil {
		t.Fatal(err)
	}
	field := map[string]pbtxt.Field{}
	for f := range m.All() {
		field[f.Name] = f
	}
	if s, err := field["s"].AsString(); s != "x" || err != nil {
		t.Errorf("AsString() = %q, %v", s, err)
	}
	if i, err := field["i"].AsInt32(); i != 7 || err != nil {
		t.Errorf("AsInt32() = %d, %v", i, err)
	}
	if b, err := field["b"].AsBool(); !b || err != nil {
		t.Errorf("AsBool() = %v, %v", b, err)
	}
	if e, err := field["e"].AsIdent(); e != "KIND_CPU" || err != nil {
		t.Errorf("AsIdent() = %q, %v", e, err)
	}
	if b, err := field["m"].AsBlock(); err != nil || len(b.Fields) != 1 {
		t.Errorf("AsBlock() = %v, %v", b, err)
	}
	_, err1 := field["s"].AsInt()
	_, err2 := field["i"].AsString()
	_, err3 := field["big"].AsInt32()
	_, err4 := field["e"].AsBool()
	got := fmt.Sprint(err1, "; ", err2, "; ", err3, "; ", err4)
	want := `1:1: field "s" wants a whole number, got a string; 1:8: field "i" wants a string, got a whole number; ` +
		`1:44: field "big": 4294967296 is beyond int32; 1:21: field "e" wants a bool, got a name`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

func TestBuiltTreeReadsBack(t *testing.T) {
	m := &pbtxt.Message{}
	m.AppendString("name", "a \"b\"\x00\xff é")
	m.AppendInts("dims", []int64{1, -1})
	m.AppendInts("none", nil)
	in := m.AppendBlock("input")
	in.AppendIdent("data_type", "TYPE_FP32")
	in.AppendBool("optional", false)
	m.AppendInt("n", -3)
	got, err := pbtxt.Parse(m.Marshal())
	if err != nil {
		t.Fatal(err)
	}
	opts := []cmp.Option{cmpopts.IgnoreFields(pbtxt.Value{}, "Pos"), cmpopts.EquateEmpty()}
	if diff := cmp.Diff(m, got, opts...); diff != "" {
		t.Errorf("tree read back (-want +got):\n%s", diff)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("name: \"x\" dims: [ 1, -1 ] input { a: 1.5e3 } b: { } c < > # x"))
	f.Add([]byte(`s: "\001\xff" 'q' n: -0x7f i: -inf`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := pbtxt.Parse(text)
		if err != nil {
			return
		}
		once := m.Marshal()
		again, err := pbtxt.Parse(once)
		if err != nil {
			t.Fatalf("canonical text does not parse: %v\n%s", err, once)
		}
		if diff := cmp.Diff(string(once), string(again.Marshal())); diff != "" {
			t.Errorf("writing is not stable (-once +twice):\n%s", diff)
		}
	})
}

func ExampleParse() {
	m, err := pbtxt.Parse([]byte(`input: { name: 'ids', dims: [1] }  # a comment`))
	if err != nil {
		fmt.Println(err)
		return
	}
	m.AppendInt("max_batch_size", 64)
	fmt.Printf("%s", m.Marshal())
	// Output:
	// input { name: "ids" dims: [ 1 ] }
	// max_batch_size: 64
}
