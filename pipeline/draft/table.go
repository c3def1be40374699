package draft

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"recsys/data"
	"recsys/data/profile"
	"recsys/tensor"
)

// batchRows is the number of rows that are profiled at once.
const batchRows = 1 << 14

// table is a data file, or several with the same columns.
type table struct {
	paths   []string
	lists   map[string]string
	profile *profile.Table
}

// stem is the name of the first file without its endings.
func (t *table) stem() string {
	stem, _, _ := strings.Cut(filepath.Base(t.paths[0]), ".")
	return stem
}

// readTables looks at all files. Those with the same columns, and names that differ in digits and signs alone, are one table.
func readTables(ctx context.Context, paths []string) ([]*table, error) {
	var tables []*table
	byColumns := map[string]*table{}
	for _, path := range paths {
		f, err := data.Open(ctx, data.Spec{Path: path})
		if err != nil {
			return nil, err
		}
		names := f.Schema().Names()
		slices.Sort(names)
		t := &table{paths: []string{path}, lists: map[string]string{}}
		columns := nameOther.ReplaceAllString(digits.ReplaceAllString(t.stem(), ""), "") + "\n" + strings.Join(names, "\n")
		if known := byColumns[columns]; known != nil && !f.Derives() {
			known.paths = append(known.paths, path)
			continue
		}
		byColumns[columns], tables = t, append(tables, t)
	}
	for _, t := range tables {
		if err := t.read(ctx); err != nil {
			return nil, err
		}
		for _, c := range t.profile.Columns {
			if sep := separator(&c); sep != "" {
				t.lists[c.Name] = sep
			}
		}
		if len(t.lists) > 0 {
			if err := t.read(ctx); err != nil { // Once more, with the elements of lists.
				return nil, err
			}
		}
	}
	return tables, nil
}

// read profiles the table.
func (t *table) read(ctx context.Context) error {
	f, err := data.Open(ctx, data.Spec{Path: strings.Join(t.paths, ", "), Files: t.paths, Lists: t.lists})
	if err != nil {
		return err
	}
	if f.Derives() {
		whole, err := f.Read(ctx)
		if err != nil {
			return err
		}
		c := profile.New(whole.Schema())
		if err := c.Add(whole); err != nil {
			return err
		}
		t.profile = c.Profile()
		return nil
	}
	c := profile.New(f.Schema())
	for batch, err := range f.Batches(ctx, batchRows) {
		if err != nil {
			return err
		}
		if err := c.Add(batch); err != nil {
			return err
		}
	}
	t.profile = c.Profile()
	return nil
}

// Cells are taken for lists if at least one in listShare has the separator and elements come back at least listRepeats times on
// average; longer elements than listElement bytes are sentences.
const (
	listShare   = 20
	listRepeats = 3
	listElement = 40
)

// separator guesses what separates the elements of a column of text, "" if it holds no lists.
func separator(c *profile.Column) string {
	if c.DType.DType != tensor.String || c.List {
		return ""
	}
	for _, sep := range []string{"|", ";", ","} {
		cells, elements, distinct, words := 0, 0, map[string]bool{}, true
		for _, v := range c.Every() {
			if strings.Contains(v.Value, sep) {
				cells += v.Count
			}
			for e := range strings.SplitSeq(v.Value, sep) {
				elements += v.Count
				distinct[e] = true
				words = words && e == strings.TrimSpace(e) && len(e) <= listElement
			}
		}
		if words && cells*listShare >= c.Values && cells > 0 && elements >= listRepeats*len(distinct) {
			return sep
		}
	}
	return ""
}

// unique reports whether the column could be the key of its table.
func unique(c *profile.Column) bool {
	const near = 0.97 // five standard errors of an estimate
	return key(c) && (c.Distinct == c.Rows || c.Estimated && float64(c.Distinct) > near*float64(c.Rows))
}

// key reports whether the column could identify users or items.
func key(c *profile.Column) bool {
	d := c.DType.DType
	return !c.List && c.Nulls == 0 && (d == tensor.Int64 || d == tensor.String)
}

// shared returns the share of a's values, by rows, that b has, as far as they are counted.
func shared(a, b *profile.Column) float64 {
	known := make(map[string]bool, len(b.Every()))
	for _, v := range b.Every() {
		known[v.Value] = true
	}
	both, all := 0, 0
	for _, v := range a.Every() {
		all += v.Count
		if known[v.Value] {
			both += v.Count
		}
	}
	return float64(both) / float64(max(1, all))
}

// describe writes what a column holds.
func describe(c *profile.Column) string {
	kind := c.DType.String()
	if c.List {
		kind = "lists of " + kind
	}
	text := fmt.Sprintf("%s: %s, %s distinct", c.Name, kind, count(c.Distinct, c.Estimated))
	if c.Numbers != nil {
		text += fmt.Sprintf(", from %s to %s", profile.Text(c.Numbers.Min), profile.Text(c.Numbers.Max))
	}
	if c.Nulls > 0 {
		text += fmt.Sprintf(", %s null", percent(c.Nulls, c.Rows))
	}
	return text
}

// names lists columns, sorted.
func names[V any](of map[string]V) []string { return slices.SortedFunc(maps.Keys(of), cmp.Compare) }
