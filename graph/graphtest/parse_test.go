package graphtest_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/graph"
	"recsys/graph/graphtest"
	"recsys/tensor"
)

func TestParse(t *testing.T) {
	text := `# a comment

case all lines
attr axis int -1
attr alpha float 0.5
attr mode string "a b"
attr perm ints 1 0
attr list floats 1 NaN
attr keys strings "" "\u00e9"
attr value tensor int64[1] 7
in float32[1,2] 1 -inf
const int64[2] 3 4
none
in string[2] "x y" "\""
tolerance 0.25
skip gradient it has none
----
out bool[1] true
out uint8[0]

case error
in float32[] 1
----
error out of range
`
	file, err := graphtest.Parse("x.txt", text)
	if err != nil {
		t.Fatal(err)
	}
	if len(file.Cases) != 2 {
		t.Fatalf("got %d cases, want 2", len(file.Cases))
	}
	c := file.Cases[0]
	value, _ := c.Attrs["value"].(*tensor.Tensor)
	if value == nil || !value.Equal(tensor.Of([]int64{7}, 1)) {
		t.Errorf("attribute value: got %v", value)
	}
	delete(c.Attrs, "value")
	list, _ := c.Attrs["list"].([]float32)
	if len(list) != 2 || list[0] != 1 || list[1] == list[1] {
		t.Errorf("attribute list: got %v, want [1 NaN]", list)
	}
	delete(c.Attrs, "list")
	want := graph.Attrs{
		"axis": int64(-1), "alpha": float32(0.5), "mode": "a b", "perm": []int64{1, 0}, "keys": []string{"", "é"},
	}
	if diff := cmp.Diff(c.Attrs, want); diff != "" {
		t.Errorf("attributes (-got +want):\n%s", diff)
	}
	if len(c.Inputs) != 4 || c.Inputs[2].Data != nil || !c.Inputs[1].Const || c.Inputs[0].Const {
		t.Errorf("got inputs %v", c.Inputs)
	}
	if !c.Inputs[3].Data.Equal(tensor.Of([]string{"x y", `"`}, 2)) {
		t.Errorf("got strings %q", c.Inputs[3].Data.Any())
	}
	if len(c.Want) != 2 || c.Tolerance != 0.25 || c.Skip["gradient"] != "it has none" {
		t.Errorf("got %v, %g, %v", c.Want, c.Tolerance, c.Skip)
	}
	if file.Cases[1].Error != "out of range" || file.Cases[1].Tolerance != graphtest.DefaultTolerance {
		t.Errorf("got second case %+v", file.Cases[1])
	}
}

func TestParseErrors(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"no dashes", "case a\nin float32[] 1\n", "x.txt:3: case \"a\" ends without"},
		{"outside", "in float32[] 1\n", "x.txt:1: \"in\" stands outside"},
		{"twice", "case a\n----\n\ncase a\n----\n", "stands twice"},
		{"unknown line", "case a\nfoo\n", "x.txt:2: unknown line \"foo\""},
		{"unknown output", "case a\n----\nin float32[] 1\n", "below the dashes"},
		{"no shape", "case a\nin float32 1\n", "no type and shape"},
		{"no type", "case a\nin f32[1] 1\n", "unknown data type"},
		{"bad size", "case a\nin float32[x] 1\n", "\"x\" is no number"},
		{"negative size", "case a\nin float32[-1]\n", "negative dimension"},
		{"huge", "case a\nin float32[100000]\n", "more than 65536"},
		{"too few", "case a\nin float32[2] 1\n", "needs 2 elements"},
		{"no number", "case a\nin float32[1] x\n", "element 0, x, is no float32"},
		{"range", "case a\nin uint8[1] 256\n", "is no uint8"},
		{"signed range", "case a\nin int8[1] -129\n", "is no int8"},
		{"between half-precision numbers", "case a\nin float16[1] 0.1\n", "is no float16"},
		{"string", "case a\nin string[1] \"a\n", "unfinished string"},
		{"random ints", "case a\nin int64[2] random 1\n", "random takes float32"},
		{"skip", "case a\nskip forward no\n", "skip takes"},
		{"skip without reason", "case a\nskip gradient\n", "skip takes"},
		{"attribute type", "case a\nattr x complex 1\n", "unknown type \"complex\""},
		{"attribute values", "case a\nattr x int 1 2\n", "takes one value"},
		{"tolerance", "case a\ntolerance NaN\n", "is no number"},
		{"no text form", "case a\nin bfloat16[1] 1\n", "has no text form"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := graphtest.Parse("x.txt", test.text)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want one with %q", err, test.want)
			}
		})
	}
}

// FuzzParse: any text is either refused or gives cases that can be checked without a panic.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "ops", "*.txt"))
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Fuzz(func(t *testing.T, text string) {
		file, err := graphtest.Parse("fuzz", text)
		if err != nil {
			return
		}
		for _, c := range file.Cases {
			for _, in := range c.Inputs {
				if in.Data != nil && in.Data.Len() > 1<<16 {
					t.Errorf("tensor %s is too large", in.Data)
				}
			}
		}
	})
}
