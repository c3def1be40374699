package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"recsys/eval"
	"recsys/pipeline"
)

// dir is where the results are, from the repository's top.
const dir = "bench/quality"

// result is a measured row.
type result struct {
	figure

	Name string `json:"name"`
	Kind string `json:"kind"` // retrieval or ranking
	// Seconds is the time from the first to the last row of the model's training, data not counted.
	Seconds float64 `json:"seconds"`
	// Busy says that other work shared the processors, so that Seconds are no measure of speed.
	Busy bool `json:"busy,omitempty"`
	// Processors and Kernels are what it was measured with.
	Processors int     `json:"processors"`
	Kernels    string  `json:"kernels"`
	Best       *figure `json:"best,omitempty"`
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "quality:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("quality", flag.ContinueOnError)
	data := flags.String("data", os.Getenv("RECSYS_DATA"), "folder of MovieLens 1M")
	only := flags.String("only", "", "rows to measure, by name, joined by semicolons; all when empty")
	busy := flags.Bool("busy", false, "other work shares the processors: mark the seconds")
	printed := flags.Bool("print", false, "print the figures and leave the files alone")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *data == "" {
		return errors.New("-data or RECSYS_DATA has to name the folder of MovieLens 1M; see docs/how-to/get-movielens.md")
	}
	results, err := readResults()
	if err != nil {
		return err
	}
	wanted := func(r row) bool { return *only == "" || slices.Contains(strings.Split(*only, ";"), r.Name) }
	for _, k := range kinds() {
		for _, r := range k.rows {
			if !wanted(r) {
				continue
			}
			got, err := measure(ctx, k, r, filepath.Join(*data, k.folder))
			if err != nil {
				return fmt.Errorf("%s: %w", r.Name, err)
			}
			got.Busy = *busy
			fmt.Fprintf(out, "%s: %v in %.0f s\n", r.Name, got.Metrics, got.Seconds)
			results[k.name+"/"+r.Name] = got
			if *printed {
				continue
			}
			if err := writeResults(results); err != nil { // after every row: whoever stops keeps what was measured
				return err
			}
		}
	}
	if *printed {
		return nil
	}
	return writeResults(results)
}

// tables and the features are those of both splits; a ranker gets a history where its row has one.
const (
	tables = `name: quality
data:
  interactions: {path: ratings.csv.gz, user: user_id, item: movie_id, order: position}
  users: {path: users.csv.gz, key: user_id, columns: {zip: string}}
  items: {path: movies.csv.gz, key: movie_id, lists: {genres: "|"}}
features:
  - fill_missing: {columns: [year], median: true}
  - categorify: {columns: [user_id, movie_id, gender, age, occupation, zip, genres]}
  - normalize: {columns: [year]}
`
	history       = "  - sequence: {name: history, of: movie_id, length: %d}\n"
	retrievalText = tables + history + `split: {by: column, column: loo_split}
filter: [seen]
retrieval:
  - %s: %s
`
	timedText = `name: quality
data:
  interactions: {path: ratings.csv.gz, user: user_id, item: movie_id, time: timestamp}
features:
  - categorify: {columns: [user_id, movie_id]}
split: {by: time, valid: 0.1, test: 0.1}
filter: [seen]
retrieval:
  - %s: %s
`
	rankingText = tables + `%ssplit: {by: column, column: ctr_split}
ranking:
  %s: %s
`
)

// retrieval, timed and ranking make the recsys.yaml of a row.
func retrieval(r row) string { return fmt.Sprintf(retrievalText, r.History, r.Model, r.Settings) }

func timed(r row) string { return fmt.Sprintf(timedText, r.Model, r.Settings) }

func ranking(r row) string {
	settings := `{tasks: [{name: like, binary: "rating >= 4"}]`
	if own := strings.Trim(r.Settings, "{}"); own != "" {
		settings += ", " + own
	}
	sequence := ""
	if r.History > 0 {
		sequence = fmt.Sprintf(history, r.History)
	}
	return fmt.Sprintf(rankingText, sequence, r.Model, settings+"}")
}

// clock takes the time of the phase that trains the model.
type clock struct {
	phase   string
	started time.Time
	seconds float64
}

// Phase ends the one before.
func (c *clock) Phase(name string) {
	if c.phase != "" {
		c.seconds, c.phase = time.Since(c.started).Seconds(), ""
		return
	}
	if strings.HasPrefix(name, "train ") && c.seconds == 0 { // the first one: popularity comes behind the others
		c.phase, c.started = name, time.Now()
	}
}

func measure(ctx context.Context, k kind, r row, data string) (result, error) {
	folder, err := os.MkdirTemp("", "quality")
	if err != nil {
		return result{}, err
	}
	defer os.RemoveAll(folder) //nolint:errcheck // It is a temporary folder.
	c := &clock{}
	p, err := pipeline.New([]byte(k.text(r)), data, folder, 0, pipeline.Options{Reporter: reporter{c}})
	if err != nil {
		return result{}, err
	}
	defer p.Close() //nolint:errcheck // It was read alone.
	m, err := p.Run(ctx)
	if err != nil {
		return result{}, err
	}
	metrics := m.Retrieval[r.Model]["test"]
	if k.name == "ranking" {
		metrics = m.Ranking[r.Model]["test"]["like"]
	}
	out := result{
		figure: figure{"recsys", pick(metrics, k.columns)}, Name: r.Name, Kind: k.name, Seconds: c.seconds,
		Processors: runtime.GOMAXPROCS(0), Kernels: m.Manifest.Kernels, Best: r.Best,
	}
	return out, nil
}

func pick(metrics eval.Metrics, columns []string) map[string]float64 {
	out := map[string]float64{}
	for _, c := range columns {
		out[c] = metrics[c]
	}
	return out
}

func readResults() (map[string]result, error) {
	results := map[string]result{}
	text, err := os.ReadFile(filepath.Join(dir, "RESULTS.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return results, nil
	}
	if err != nil {
		return nil, err
	}
	return results, json.Unmarshal(text, &results)
}

func writeResults(results map[string]result) error {
	text, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "RESULTS.json"), append(text, '\n'), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "RESULTS.md"), []byte(page(results)), 0o644)
}

// page writes the results as tables.
func page(results map[string]result) string {
	var b strings.Builder
	b.WriteString("# Quality\n\n`make quality` makes this page: every model of the registry on MovieLens, with its defaults where the row says no " +
		"other,\nbeside the best library's figure on the same split. Seconds are those of training; the libraries' were taken on other machines " +
		"and\nare left out, and those in brackets were taken while other work shared the processors. One seed: on 6,040 users the standard error of recall@10 is about 0.004, so that differences below that say nothing.\n")
	for _, kind := range kinds() {
		fmt.Fprintf(&b, "\n## %s\n\n| model | %s | seconds | best library | %s |\n|%s\n", kind.title, strings.Join(kind.columns, " | "),
			strings.Join(kind.columns, " | "), strings.Repeat(" --- |", 3+2*len(kind.columns)))
		for _, r := range kind.rows {
			got, ok := results[kind.name+"/"+r.Name]
			if !ok {
				continue
			}
			library := "–"
			var theirs map[string]float64
			if r.Best != nil {
				library, theirs = r.Best.Library, r.Best.Metrics
			}
			seconds := fmt.Sprintf("%.1f", got.Seconds)
			if got.Busy {
				seconds = "(" + seconds + ")"
			}
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", r.Name, cells(got.Metrics, kind.columns), seconds, library, cells(theirs, kind.columns))
		}
	}
	return b.String()
}

func cells(metrics map[string]float64, columns []string) string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = "–"
		if v, ok := metrics[c]; ok {
			out[i] = fmt.Sprintf("%.4f", v)
		}
	}
	return strings.Join(out, " | ")
}

// names returns the models that have a row with a result, of rankers or of retrieval models.
func names(results map[string]result, rankers bool) []string {
	measured := map[string]bool{}
	for _, k := range kinds() {
		for _, r := range k.rows {
			if _, ok := results[k.name+"/"+r.Name]; ok && rankers == (k.name == "ranking") {
				measured[r.Model] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(measured))
}
