package data_test

import (
	"slices"
	"strings"
	"testing"

	"recsys/data"
	"recsys/tensor"
)

// TestAllFaultsAreTold: what is wrong with one row or column does not hide what is wrong with others.
func TestAllFaultsAreTold(t *testing.T) {
	typed := map[string]tensor.DType{"n": tensor.Int64, "x": tensor.Float32}
	for name, c := range map[string]struct {
		file, text string
		columns    map[string]tensor.DType
		want       []string // in order
	}{
		"rows and columns": {
			"a.csv", "n,x,s\n1,2,a\n1,2\nb,1.5,ok\nc,1,\xff\n1,2,3,4\n2,y,\xfe\n", typed,
			[]string{
				"a.csv:3: 2 fields, but there are 3 columns", "a.csv:6: 4 fields", `a.csv:4: column "n": "b" is not an integer`,
				"(and 1 more values of the column)", `a.csv:7: column "x": "y" is not a finite number`, `a.csv:5: column "s": "\xff" is not UTF-8`,
			},
		},
		"slips": {
			"a.csv", "n,x\n" + strings.Repeat("1,2\n", 30) + "a,2\n1,b\n", nil,
			[]string{`a.csv:32: column "n": "a" is not a number`, `a.csv:33: column "x": "b" is not a number`},
		},
		"header":           {"a.csv", "n,,n,\xff\n", nil, []string{"column 2 of the header has no name", `column "n" twice`, "column 4: \"\\xff\" is not UTF-8"}},
		"lists":            {"a.csv", "n,g\n1,a|\xff\nx,b\n", typed, []string{`a.csv:3: column "n"`, `a.csv:2: column "g": "\xff" is not UTF-8`}},
		"before a quote":   {"a.csv", "n,s\n1\n2,\"x\n", nil, []string{"a.csv:2: 1 fields", "a.csv:3: quote that is not closed"}},
		"JSON":             {"a.jsonl", "{\"n\": 1}\n[1]\n{\"n\": 1, \"n\": 2}\n{", nil, []string{"a.jsonl:2:", `a.jsonl:3: column "n" stands twice`, "a.jsonl:4:"}},
		"too many to tell": {"a.csv", "n,x\n" + strings.Repeat("1\n", 30), nil, []string{"a.csv:2:", "a.csv:11:", "a.csv: 20 more faults"}},
	} {
		t.Run(name, func(t *testing.T) {
			columns := map[string]tensor.DType{}
			header, _, _ := strings.Cut(c.text, "\n")
			for column, d := range c.columns {
				if slices.Contains(strings.Split(header, ","), column) {
					columns[column] = d
				}
			}
			spec := data.Spec{Path: write(t, c.file, c.text), Columns: columns}
			if strings.Contains(header, "g") {
				spec.Lists = map[string]string{"g": "|"}
			}
			_, err := data.Open(t.Context(), spec)
			if err == nil {
				t.Fatal("no error")
			}
			rest := err.Error()
			for _, want := range c.want {
				_, after, ok := strings.Cut(rest, want)
				if !ok {
					t.Fatalf("error %q lacks %q, or has it earlier", err, want)
				}
				rest = after
			}
		})
	}
}
