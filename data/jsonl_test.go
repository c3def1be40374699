package data_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"recsys/data"
	"recsys/tensor"
)

func TestReadJSON(t *testing.T) {
	f := func(v ...any) []any { return v }
	tests := []struct {
		name, file, text string
		spec             data.Spec
		want             map[string][]any
	}{
		{
			"inferred", "a.jsonl", `{"id":1,"x":1,"s":"a","b":true}` + "\n" + `{"id":-2,"x":2.5,"s":"b","b":false}` + "\n",
			data.Spec{},
			map[string][]any{"id": i64(1, -2), "x": f(float32(1), float32(2.5)), "s": f("a", "b"), "b": i64(1, 0)},
		},
		{
			"packed, another order, spaces, empty lines, no last line end", "a.jsonl.gz",
			"\xef\xbb\xbf { \"a\" : 1 , \"b\" : \"x, {\\\"y\\\": [1]}\" }\r\n\r\n\n  \n{\"b\":\"\",\"a\":2}",
			data.Spec{},
			map[string][]any{"a": i64(1, 2), "b": f(`x, {"y": [1]}`, "")},
		},
		{
			"nulls and absent names", "a.ndjson.zst", "{\"a\":null,\"n\":null}\n{\"a\":1}\n{\"b\":[2,null]}\n{}\n",
			data.Spec{},
			map[string][]any{"a": f(nil, int64(1), nil, nil), "n": f("", "", "", ""), "b": f([]any{}, []any{}, i64(2), []any{})},
		},
		{
			"lists", "a.jsonl", `{"g":["a","ä, b",""],"n":[1,2.5],"s":"3|4"}` + "\n" + `{"g":[],"n":null,"s":""}`,
			data.Spec{Lists: map[string]string{"s": "|", "g": "|"}},
			map[string][]any{"g": f(f("a", "ä, b"), []any{}), "n": f(f(float32(1), float32(2.5)), []any{}), "s": f(i64(3, 4), []any{})},
		},
		{
			"declared", "a.jsonl", `{"a":1,"b":"2","c":1.50,"d":true,"e":3}` + "\n" + `{"a":2.5,"b":3,"c":"x","d":"y","e":true}`,
			data.Spec{Columns: map[string]tensor.DType{"a": tensor.Float32, "b": tensor.Int64, "c": tensor.String, "d": tensor.String, "e": tensor.Int64}},
			map[string][]any{"a": f(float32(1), float32(2.5)), "b": i64(2, 3), "c": f("1.50", "x"), "d": f("true", "y"), "e": i64(3, 1)},
		},
		{"text stays text", "a.jsonl", "{\"a\":\"1\"}\n", data.Spec{}, map[string][]any{"a": f("1")}},
		{"escapes", "a.jsonl", `{"\u0061\"":"\ud83d\ude00\n\\"}`, data.Spec{}, map[string][]any{`a"`: f("😀\n\\")}},
		{"objects are left out", "a.jsonl", `{"a":1,"o":{"x":[1,"}"]},"l":[[1]]}`, data.Spec{}, map[string][]any{"a": i64(1)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.spec.Path = write(t, tt.file, tt.text)
			file, err := data.Open(t.Context(), tt.spec)
			if err != nil {
				t.Fatal(err)
			}
			got, err := file.Read(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(plain(got), tt.want); diff != "" {
				t.Errorf("table differs (-got +want):\n%s", diff)
			}
			for i, c := range got.Columns() {
				if n := file.Schema()[i].Length; n < c.Longest() || n > 0 != c.IsList() {
					t.Errorf("column %q has length %d, its longest list %d", c.Name(), n, c.Longest())
				}
			}
			last, err := file.Take(t.Context(), []int{got.Len() - 1})
			if err != nil {
				t.Fatal(err)
			}
			if last.Hash() != got.Slice(got.Len()-1, got.Len()).Hash() {
				t.Error("the last row differs from that of the whole table")
			}
		})
	}
}

func TestReadJSONErrors(t *testing.T) {
	types := func(name string, d tensor.DType) data.Spec {
		return data.Spec{Columns: map[string]tensor.DType{name: d}}
	}
	tests := []struct {
		name, text string
		spec       data.Spec
		want       []string
	}{
		{"empty", "", data.Spec{}, []string{"no rows"}},
		{"no columns", "{}\n", data.Spec{}, []string{"no rows with columns"}},
		{"not JSON", "{\"a\":1}\n{\"a\":}\n", data.Spec{}, []string{"a.jsonl:2:", "not a JSON object"}},
		{"array", "[1]\n", data.Spec{}, []string{"a.jsonl:1:", "not a JSON object"}},
		{"two objects in a line", "{\"a\":1}{\"a\":1}\n", data.Spec{}, []string{"a.jsonl:1:", "not a JSON object"}},
		{"mixed", "{\"a\":1}\n{\"a\":\"x\"}\n", data.Spec{}, []string{`column "a"`, "a number in line 1, text in line 2", "declare"}},
		{"bool and number", "{\"a\":1}\n{\"a\":true}\n", data.Spec{}, []string{`column "a"`, "true or false in line 2"}},
		{"list and value", "{\"a\":1}\n{\"a\":[1]}\n", types("a", tensor.Int64), []string{`column "a"`, "a list in line 2", "a value in line 1"}},
		{"object and value", "{\"a\":1}\n{\"a\":{}}\n", types("a", tensor.String), []string{`column "a"`, "an object in line 2"}},
		{"nested", "{\"a\":1,\"o\":{}}\n", types("o", tensor.String), []string{`column "o" is nested`}},
		{"name twice", "{\"a\":1}\n{\"a\":1,\"\\u0061\":2}\n", data.Spec{}, []string{"a.jsonl:2:", `"a" stands twice`}},
		{"no name", "{\"\":1}\n", data.Spec{}, []string{"has to have a name"}},
		{"large number", "{\"a\":1}\n{\"a\":1e99}\n", data.Spec{}, []string{`column "a"`, "1e99 in line 2", "declare"}},
		{"not an integer", "{\"a\":1}\n{\"a\":1.5}\n", types("a", tensor.Int64), []string{"a.jsonl:2:", `column "a"`, "1.5"}},
		{"not UTF-8", "{\"a\":\"\xff\"}\n", data.Spec{}, []string{"a.jsonl:1:", "UTF-8"}},
		{"absent", "{\"a\":1}\n", types("b", tensor.Int64), []string{`no column "b"`}},
		{"all at once", "{\"a\":1,\"b\":\"x\"}\n{\"a\":\"x\",\"b\":1}\n", data.Spec{}, []string{`column "a"`, `column "b"`}},
		{"endless line", "{\"a\":\"" + strings.Repeat("x", 2<<20), data.Spec{}, []string{"longer than"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.spec.Path = write(t, "a.jsonl", tt.text)
			got, err := data.Read(t.Context(), tt.spec)
			if err == nil {
				t.Fatalf("no error but %v", plain(got))
			}
			for _, part := range append(tt.want, "a.jsonl") {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q lacks %q", err, part)
				}
			}
		})
	}
}

// FuzzReadJSON compares text with encoding/json wherever a file is read, and expects no panic anywhere.
func FuzzReadJSON(f *testing.F) {
	f.Add([]byte(`{"a":1,"b":"x"}` + "\n" + `{"b":"\"\u00e4,"}`))
	f.Add([]byte(`{"a":[1,null,"x"],"o":{"b":[{}]}}`))
	f.Add([]byte(` { "a" : "" , "b" : [ ] } `))
	f.Fuzz(func(t *testing.T, content []byte) {
		path := filepath.Join(t.TempDir(), "a.jsonl")
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := data.Read(t.Context(), data.Spec{Path: path})
		if err != nil {
			if !strings.Contains(err.Error(), "a.jsonl") {
				t.Errorf("error %q does not name the file", err)
			}
			return
		}
		row := 0
		for line := range bytes.SplitSeq(content, []byte("\n")) {
			line = bytes.TrimSpace(bytes.TrimPrefix(bytes.TrimSpace(line), []byte("\xef\xbb\xbf")))
			if len(line) == 0 {
				continue
			}
			var want map[string]any
			if err := json.Unmarshal(line, &want); err != nil {
				t.Fatalf("line %q was read, but encoding/json: %v", line, err)
			}
			for name, v := range want {
				text, ok := v.(string)
				if c, err := got.Column(name); !ok || err != nil || !utf8.Valid(line) || c.DType() != tensor.String {
					continue
				}
				values, err := data.Values[string](got, name)
				if err != nil {
					t.Fatal(err)
				}
				if values[row] != text {
					t.Fatalf("row %d column %q: %q, encoding/json has %q", row, name, values[row], text)
				}
			}
			row++
		}
		if row != got.Len() {
			t.Fatalf("%d rows, want %d", got.Len(), row)
		}
	})
}
