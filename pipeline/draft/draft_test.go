package draft_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"recsys/data"
	"recsys/data/synthetic"
	"recsys/pipeline"
	"recsys/pipeline/draft"
)

// files writes files and returns their paths in the order of names.
func files(t *testing.T, dir string, pairs ...string) []string {
	t.Helper()
	var paths []string
	for i := 0; i < len(pairs); i += 2 {
		path := filepath.Join(dir, pairs[i])
		if err := os.WriteFile(path, []byte(pairs[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

// rows writes n lines of a format with the number of the row and others from it.
func rows(header, format string, n int, of ...func(i int) any) string {
	var text strings.Builder
	text.WriteString(header + "\n")
	for i := range n {
		args := make([]any, len(of))
		for k, f := range of {
			args[k] = f(i)
		}
		fmt.Fprintf(&text, format+"\n", args...)
	}
	return text.String()
}

func mod(n int) func(int) any   { return func(i int) any { return i % n } }
func div(n int) func(int) any   { return func(i int) any { return i / n } }
func plus(n int) func(int) any  { return func(i int) any { return i + n } }
func times(n int) func(int) any { return func(i int) any { return i * n } }

func pick(values ...string) func(int) any { return func(i int) any { return values[i%len(values)] } }

func TestText(t *testing.T) {
	cases := map[string]struct {
		files []string
		want  []string
		not   []string
	}{
		"keys by other names, and a table whose key is id": {
			[]string{
				"clicks.csv", rows("customerId,Product ID,ts", "c%d,%d,%d", 60, mod(12), mod(7), plus(1_700_000_000)),
				"products.csv", rows("id,brand id,weight", "%d,%d,%d.5", 7, plus(0), mod(3), times(3)),
			},
			[]string{
				`interactions: {path: clicks.csv, user: customerId, item: "Product ID", time: ts}`,
				`items: {path: products.csv, key: id}`, `categorify: {columns: [customerId, "Product ID", "brand id"]}`,
				"normalize: {columns: [weight]}", "date_parts: {column: ts}", "split: {by: last}", "No table of users was found",
			},
			[]string{"ranking:"},
		},
		"milliseconds order, and do not tell the time": {
			[]string{"events.csv", rows("user,item,timestamp", "%d,%d,%d", 60, mod(12), mod(7), plus(1_700_000_000_000))},
			[]string{"user: user, item: item, order: timestamp}"},
			[]string{"time: timestamp", "date_parts"},
		},
		"times as text": {
			[]string{"events.csv", rows("user,item,created_at", "%d,%d,2024-01-%02d", 60, mod(12), mod(7), func(i int) any { return 1 + i%28 })},
			[]string{"created_at looks like a time written as text: convert it", "random_per_user"},
			nil,
		},
		"half stars": {
			[]string{"ratings.csv", rows("user,item,rating", "%d,%d,%s", 100, mod(20), mod(7), pick("0.5", "3", "3.5", "4", "4.5", "4.5", "5", "3.5"))},
			[]string{`binary: "rating >= 4"`, "blend: \"retrieval + like\""}, // 4 and more: half; with 3.5 three quarters
			nil,
		},
		"kinds of events": {
			[]string{"log.csv", rows("visitor,item,event", "%d,%d,%s", 100, mod(20), mod(7), pick("view", "view", "view", "addtocart", "transaction"))},
			[]string{`name: is_transaction, binary: "event == transaction"`, `event is "transaction" in 20 % of the rows`},
			nil,
		},
		"a flag before stars": {
			[]string{"log.csv", rows("user,item,stars,bought", "%d,%d,%d,%d", 100, mod(20), mod(7), mod(5), mod(2))},
			[]string{`binary: "bought == 1"`, "bought is 1 in 50 % of the rows"},
			nil,
		},
		"a column that says the parts": {
			[]string{"log.csv", rows("user,item,fold", "%d,%d,%s", 100, mod(20), mod(7), pick("train", "train", "valid", "test"))},
			[]string{"split: {by: column, column: fold}"},
			nil,
		},
		"two files of one table": {
			[]string{
				"day1.csv", rows("user,item", "%d,%d", 40, mod(20), mod(7)), "day2.csv", rows("item,user", "%d,%d", 40, mod(7), mod(20)),
			},
			[]string{`path: "day1.csv, day2.csv"`, "80 rows"},
			nil,
		},
		"lists, text, constants and large numbers": {
			[]string{
				"log.csv", rows("user,item", "%d,%d", 400, mod(20), mod(100)),
				"items.csv", rows("item,tags,title,kind,views,color,empty,place", "%d,%s,\"Item, the %d\",x,%d,%s,,\"%s\"", 100, plus(0),
					pick("a;b", "b;c", "", "c"), plus(0), func(i int) any { return i * i * i * i }, pick("red", "blue"), pick("Rome, Italy", "Oslo, Norway")),
			},
			[]string{
				`lists: {tags: ";"}`, "title: string, 100 distinct: left out; most rows have a value of their own",
				"kind: string, 1 distinct: left out; it has one value", "log: {columns: [views]}", "normalize: {columns: [views]}",
				"categorify: {columns: [user, item, tags, color, place]}", "empty: string, 0 distinct, 100 % null: left out; it has no values",
			},
			nil,
		},
		"a file that is neither": {
			[]string{
				"log.csv", rows("user,item", "%d,%d", 40, mod(20), mod(7)), "notes.csv", rows("line,text", "%d,%d", 9, mod(3), div(2)),
			},
			[]string{"notes.csv is not used: it is neither"},
			nil,
		},
		"JSON lines": {
			[]string{"log.jsonl", strings.TrimPrefix(rows("", `{"user": "u%d", "item": %d, "on": true}`, 40, mod(9), mod(7)), "\n")},
			[]string{"path: log.jsonl, user: user, item: item}"},
			nil,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			text, err := draft.Text(t.Context(), draft.Options{Files: files(t, dir, c.files...), Dir: dir})
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range c.want {
				if !strings.Contains(strings.Join(strings.Fields(strings.ReplaceAll(string(text), "#   ", "")), " "), want) &&
					!strings.Contains(string(text), want) {
					t.Errorf("no %q", want)
				}
			}
			for _, not := range c.not {
				if strings.Contains(string(text), not) {
					t.Errorf("there is %q", not)
				}
			}
			if t.Failed() {
				t.Log(string(text))
			}
			p, err := pipeline.New(text, dir, filepath.Join(dir, "run"), 0, pipeline.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Fit(t.Context()); err != nil {
				t.Errorf("%v\n%s", err, text)
			}
		})
	}
}

// TestShop: of two files with users and items, the one with something to predict is taken; packed Parquet or CSV makes no difference.
func TestShop(t *testing.T) {
	shop, err := synthetic.Shop(synthetic.Config{Users: 40, Items: 60, Sessions: 160, Seed: 1, StringKeys: true})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := shop.Write(dir); err != nil {
		t.Fatal(err)
	}
	var paths []string
	for _, name := range []string{"events", "interactions", "items", "users"} {
		paths = append(paths, filepath.Join(dir, name+".csv.gz"))
	}
	text, err := draft.Text(t.Context(), draft.Options{Files: paths, Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"interactions.csv.gz, user: user_id, item: item_id, time: timestamp}", "events.csv.gz is not used", `lists: {categories: "|"}`,
		`binary: "carted == 1"`, "normalize: {columns: [age, price]}",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}

// TestMovieLens drafts and fits the real tables.
func TestMovieLens(t *testing.T) {
	dir := os.Getenv("RECSYS_DATA")
	if dir == "" {
		t.Skip("RECSYS_DATA is not set: no MovieLens")
	}
	var paths []string
	for _, name := range []string{"ratings.csv.gz", "users.csv.gz", "movies.csv.gz"} {
		path, err := data.Resolve(dir, name)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	text, err := draft.Text(t.Context(), draft.Options{Files: paths, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if want := `binary: "rating >= 4"`; !strings.Contains(string(text), want) {
		t.Errorf("no %q in\n%s", want, text)
	}
	p, err := pipeline.New(text, dir, filepath.Join(t.TempDir(), "run"), 0, pipeline.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Fit(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	some := files(t, dir, "a.csv", "user,item\n1,2\n3,4\n", "b.csv", "x,y\n1,2\n", "null.csv", "user,item\n1,2\n,4\n")
	for want, o := range map[string]draft.Options{
		"no data file":                {},
		"b.csv has x, y":              {Files: some[1:2], Dir: dir},
		"with --user and --item: ":    {Files: some[:1], Dir: dir, User: "nobody"},
		"int64 or text without nulls": {Files: some[2:], Dir: dir},
		"no such file":                {Files: []string{filepath.Join(dir, "c.csv")}, Dir: dir},
	} {
		if _, err := draft.Text(t.Context(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func Example() {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	path := filepath.Join(dir, "plays.csv")
	if err := os.WriteFile(path, []byte("listener,song\nann,7\nann,8\nbo,7\n"), 0o600); err != nil {
		fmt.Println(err)
		return
	}
	text, err := draft.Text(context.Background(), draft.Options{Files: []string{path}, Dir: dir})
	if err != nil {
		fmt.Println(err)
		return
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "interactions:") {
			fmt.Print(line)
		}
	}
	// Output: interactions: {path: plays.csv, user: listener, item: song}
}
