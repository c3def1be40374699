package draft

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"recsys/data"
	"recsys/pipeline"
)

// Options say what to draft.
type Options struct {
	// Files are the data files, at least one.
	Files []string
	// Dir is the folder that paths in the draft are relative to: that of recsys.yaml.
	Dir string
	// User and Item name the columns of users and items in the interactions; "" has them guessed.
	User, Item string
}

// Text returns the draft. The same files give the same text.
func Text(ctx context.Context, o Options) ([]byte, error) {
	if len(o.Files) == 0 {
		return nil, errors.New("no data file")
	}
	all, err := readTables(ctx, o.Files)
	if err != nil {
		return nil, err
	}
	t, err := assign(all, o)
	if err != nil {
		return nil, err
	}
	w := &writer{tables: t, dir: o.Dir}
	w.write(o)
	if w.err != nil {
		return nil, w.err
	}
	text := []byte(w.text.String())
	if _, err := pipeline.New(text, o.Dir, o.Dir, 0, pipeline.Options{}); err != nil {
		return nil, fmt.Errorf("the draft is none: %w\n%s", err, text)
	}
	return text, nil
}

var (
	plainName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)
	plainPath = regexp.MustCompile(`^[A-Za-z_./][A-Za-z0-9_./-]*$`)
	nameStart = regexp.MustCompile(`^[^A-Za-z]+`)
	digits    = regexp.MustCompile(`[0-9_]+`)
	nameOther = regexp.MustCompile(`[^A-Za-z0-9_]+`)
)

func plain(name string) bool { return plainName.MatchString(name) }

// quote writes a text as YAML.
func quote(s string) string {
	if plainPath.MatchString(s) && !slices.Contains([]string{"y", "n", "yes", "no", "on", "off", "true", "false", "null"}, strings.ToLower(s)) {
		return s
	}
	b, _ := json.Marshal(s) // Text always can be.
	return string(b)
}

// writer writes the draft.
type writer struct {
	*tables

	dir  string
	text strings.Builder
	err  error
}

func (w *writer) line(format string, args ...any) { fmt.Fprintf(&w.text, format+"\n", args...) }

// say writes comments, at most so wide.
func (w *writer) say(indent int, text string) {
	const width = 130
	pad := strings.Repeat(" ", indent) + "#"
	line := pad
	for word := range strings.FieldsSeq(text) {
		if len(line)+1+len(word) > width && line != pad {
			w.line("%s", line)
			line = pad + "  "
		}
		line += " " + word
	}
	w.line("%s", line)
}

// path writes where a table lies, and checks that it is found again.
func (w *writer) path(t *table) string {
	parts := make([]string, len(t.paths))
	for i, p := range t.paths {
		parts[i] = w.relative(p)
	}
	path := strings.Join(parts, ", ")
	found, err := data.ResolveAll(w.dir, path)
	if err == nil && len(found) != len(parts) {
		err = fmt.Errorf("%s stands for %d files, want %d: give them names without commas, *, ? and [", path, len(found), len(parts))
	}
	w.err = errors.Join(w.err, err)
	return quote(path)
}

func (w *writer) relative(path string) string {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	dir, err := filepath.Abs(w.dir)
	if err != nil {
		return absolute
	}
	relative, err := filepath.Rel(dir, absolute)
	if err != nil {
		return absolute
	}
	return filepath.ToSlash(relative)
}

// name is that of the folder of the interactions.
func (w *writer) name() string {
	absolute, err := filepath.Abs(w.interactions.paths[0])
	if err != nil {
		absolute = w.interactions.paths[0]
	}
	name := nameStart.ReplaceAllString(nameOther.ReplaceAllString(filepath.Base(filepath.Dir(absolute)), "_"), "")
	return cmp.Or(strings.Trim(name, "_"), "recommender")
}

func (w *writer) write(o Options) {
	p := w.interactions.profile
	users, items := p.Column(w.user), p.Column(w.item)
	w.line("# Drafted by recsys init from %s. Comments say why; correct what is guessed wrong.", countFiles(len(o.Files)))
	w.line("name: %s", quote(w.name()))
	m := momentOf(p, w.user, w.item)
	w.data(m)
	w.split(m, users.Distinct)
	f := &features{}
	w.features(f, m)
	w.models(users.Distinct, items.Distinct)
}

func countFiles(n int) string {
	if n == 1 {
		return "one file"
	}
	return fmt.Sprintf("%d files", n)
}

// data writes the tables.
func (w *writer) data(m moment) {
	p := w.interactions.profile
	users, items := p.Column(w.user), p.Column(w.item)
	w.line("data:")
	w.say(2, fmt.Sprintf("%s rows, a user and an item in each: %s users in %s, %s items in %s.", count(p.Rows, false),
		count(users.Distinct, users.Estimated), w.user, count(items.Distinct, items.Estimated), w.item))
	for _, why := range m.why {
		w.say(2, why)
	}
	if m.time == "" && m.order == "" {
		w.say(2, "No column of times or of an order was found: the order of the rows is taken.")
	}
	var others []string
	for _, c := range p.Columns {
		if c.Name != w.user && c.Name != w.item && c.Name != m.time && c.Name != m.order {
			others = append(others, describe(&c))
		}
	}
	if len(others) > 0 {
		w.say(2, "Not features, for requests would have to bring them, and some may be known only afterwards; name those that are context under columns: "+
			strings.Join(others, "; "))
	}
	fields := []string{"path: " + w.path(w.interactions), "user: " + quote(w.user), "item: " + quote(w.item)}
	if m.time != "" {
		fields = append(fields, "time: "+quote(m.time))
	}
	if m.order != "" {
		fields = append(fields, "order: "+quote(m.order))
	}
	w.line("  interactions: {%s}", strings.Join(fields, ", "))
	w.entities("users", w.users, w.userKey, users.Distinct)
	w.entities("items", w.items, w.itemKey, items.Distinct)
	for _, path := range w.unused {
		w.say(2, path+" is not used: it is neither interactions nor a table with a row for each user or item.")
	}
}

// entities writes a table of users or items.
func (w *writer) entities(name string, t *table, keyName string, met int) {
	if t == nil {
		w.say(2, "No table of "+name+" was found: they are known by their keys alone.")
		return
	}
	w.say(2, fmt.Sprintf("%s rows, a value of %s in each; the interactions have %s.", count(t.profile.Rows, false), keyName, count(met, false)))
	fields := []string{"path: " + w.path(t), "key: " + quote(keyName)}
	if len(t.lists) > 0 {
		var lists []string
		for _, column := range names(t.lists) {
			lists = append(lists, quote(column)+": "+quote(t.lists[column]))
			w.say(2, fmt.Sprintf("%s holds lists with %s between the elements, which come back.", column, t.lists[column]))
		}
		fields = append(fields, "lists: {"+strings.Join(lists, ", ")+"}")
	}
	w.line("  %s: {%s}", name, strings.Join(fields, ", "))
}

// split writes what is held out.
func (w *writer) split(m moment, users int) {
	columns := splitColumns(w.interactions.profile, users)
	switch {
	case len(columns) > 0:
		w.say(0, fmt.Sprintf("The values of %s are train, valid and test.", strings.Join(columns, " and of ")))
		w.line("split: {by: column, column: %s}", quote(columns[0]))
	case m.time != "":
		w.say(0, "A user's last interaction tests, the last but one validates. {by: time, valid: 0.1, test: 0.1} tests on the latest rows instead.")
		w.line("split: {by: last}")
	case m.order != "":
		w.say(0, "A user's last interaction tests, the last but one validates.")
		w.line("split: {by: last}")
	default:
		w.say(0, "Without a time, a tenth of each user's rows tests, drawn at random, and another validates.")
		w.line("split: {by: random_per_user, valid: 0.1, test: 0.1}")
	}
}

// features writes the operators.
func (w *writer) features(f *features, m moment) {
	f.categorify = []string{w.user, w.item}
	if w.users != nil {
		f.add(w.users, w.userKey)
	}
	if w.items != nil {
		f.add(w.items, w.itemKey)
	}
	w.line("features:")
	for _, note := range f.notes {
		w.say(2, note)
	}
	w.line("  - categorify: {columns: %s}", list(f.categorify))
	if len(f.log) > 0 {
		w.line("  - log: {columns: %s}", list(f.log))
	}
	if len(f.normalize) > 0 {
		w.line("  - normalize: {columns: %s}", list(f.normalize))
	}
	if m.time != "" {
		w.say(2, "The hour and the weekday of the request.")
		w.line("  - date_parts: {column: %s}", quote(m.time))
	}
	p := w.interactions.profile
	mean := float64(p.Rows) / float64(p.Column(w.user).Distinct)
	const shortest, longest, step = 5, 50, 10
	length := shortest
	if mean > shortest/2 {
		length = min(longest, step*(1+int(2*mean)/step))
	}
	w.say(2, fmt.Sprintf("The newest items of the user, who has %.1f interactions on average.", mean))
	w.line("  - sequence: {name: %s, of: %s, length: %d}", w.free("history"), quote(w.item), length)
}

// free is a name that no column has.
func (w *writer) free(name string) string {
	for _, t := range []*table{w.interactions, w.users, w.items} {
		if t != nil && t.profile.Column(name) != nil {
			return w.free(name + "_items")
		}
	}
	return name
}

// models writes retrieval, ranking and what joins them.
func (w *writer) models(users, items int) {
	rows := w.interactions.profile.Rows
	const (
		seenRows, fewEpochs, manyEpochs = 5_000_000, 3, 10 // what an epoch of training may take in sum
		large                           = 10_000           // items from which vectors are wider
		pairs                           = 500_000_000      // of items of one user, up to which item_knn counts them
		candidates, returned            = 300, 100
	)
	epochs := min(max(seenRows/rows, fewEpochs), manyEpochs)
	dim := 32
	if items >= large {
		dim = 64
	}
	w.line("retrieval:")
	w.say(2, "Served: it answers new users too, by their columns and history. More epochs may do better; training stops by itself.")
	w.line("  - two_tower: {dim: %d, query: [64, %d], candidate: [64, %d], train: {epochs: %d, batch: 1024, learning_rate: 0.003}}", dim, dim, dim, epochs)
	if float64(rows)*float64(rows)/float64(users) < pairs {
		w.say(2, "To compare with: neighbours between items, without training.")
		w.line("  - item_knn")
	}
	k := min(candidates, items)
	w.line("candidates: %d", k)
	w.say(0, "Items that the user has are not recommended again.")
	w.line("filter: [seen]")
	if l, ok := labelOf(w.interactions.profile); ok {
		w.say(0, "What there is to predict: "+l.why+".")
		w.line("ranking:")
		w.line("  dlrm: {dim: 8, bottom: [16], top: [64, 32], tasks: [{name: %s, binary: %q}], train: {epochs: %d, batch: 1024, learning_rate: 0.003}}",
			nameOther.ReplaceAllString(l.task, "_"), l.binary, max(fewEpochs, epochs/2))
		w.line("ordering: {return: %d, blend: %q}", min(returned, k), "retrieval + "+nameOther.ReplaceAllString(l.task, "_"))
		return
	}
	w.say(0, "No column was found for a ranker to predict: the order is that of retrieval.")
	w.line("ordering: {return: %d}", min(returned, k))
}
