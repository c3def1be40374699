package merlin

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// text writes the draft.
func (d *draft) text() ([]byte, error) {
	interactions, err := d.relative(d.Interactions)
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Drafted by recsys import nvtabular: keys have the ids that NVTabular gave them.\nname: imported\ndata:\n")
	fmt.Fprintf(&b, "  interactions: {path: %s, user: %s, item: %s", quote(interactions), quote(d.user), quote(d.item))
	if d.time != "" {
		fmt.Fprintf(&b, ", time: %s", quote(d.time))
	}
	b.WriteString("}\n")
	for _, e := range []struct{ entity, key string }{{"user", d.user}, {"item", d.item}} {
		if len(d.of(e.entity, e.key)) > 0 {
			fmt.Fprintf(&b, "  # What the last interaction of each %s says.\n  %ss: {path: %ss.parquet, key: %s}\n", e.entity, e.entity, e.entity, quote(e.key))
		}
	}
	b.WriteString("# A user's last interaction tests, the last but one validates.\nsplit: {by: last}\nfeatures:\n")
	d.writeFeatures(&b)
	fmt.Fprintf(&b, "  # The user's items so far, cut from the interactions.\n  - sequence: {name: history, of: %s, length: 20}\n", quote(d.item))
	b.WriteString("retrieval:\n  - two_tower: {dim: 32, query: [64, 32], candidate: [64, 32]}\ncandidates: 100\nfilter: [seen]\n")
	d.writeRanking(&b)
	return []byte(b.String()), nil
}

// writeFeatures writes an operator for each column that has an entity; others are no features here.
func (d *draft) writeFeatures(b *strings.Builder) {
	var continuous, unused []string
	for _, c := range d.columns {
		mapped, ok := d.categories[c.Name]
		entity := c.Has("user") || c.Has("item")
		switch {
		case c.Has("target"), c.Has("time"):
		case !entity:
			unused = append(unused, c.Name)
		case ok:
			fmt.Fprintf(b, "  - categorify: {columns: [%s], vocabulary_file: %s, oov_buckets: %d}\n", quote(c.Name), quote(mapped.path), mapped.buckets)
		case c.Has("categorical"):
			fmt.Fprintf(b, "  # There is no mapping file of it, so it is learned anew.\n  - categorify: {columns: [%s]}\n", quote(c.Name))
		case c.Has("continuous") && !c.List:
			continuous = append(continuous, quote(c.Name))
		default:
			unused = append(unused, c.Name)
		}
	}
	if len(continuous) > 0 {
		list := strings.Join(continuous, ", ")
		fmt.Fprintf(b, "  - fill_missing: {columns: [%s]}\n  - normalize: {columns: [%s]}\n", list, list)
	}
	for _, name := range unused {
		fmt.Fprintf(b, "  # Column %s is left out: it has the tags of neither a user nor an item, or those of no kind of feature.\n", strconv.Quote(name))
	}
}

// writeRanking writes a ranker with a task for each target.
func (d *draft) writeRanking(b *strings.Builder) {
	tasks, names := make([]string, 0, len(d.columns)), make([]string, 0, len(d.columns))
	for _, c := range d.columns {
		switch {
		case !c.Has("target"):
			continue
		case c.Has("regression"):
			tasks = append(tasks, fmt.Sprintf("{name: %s, regression: %s}", quote(c.Name), quote(c.Name)))
		default:
			tasks = append(tasks, fmt.Sprintf("{name: %s, binary: %q}", quote(c.Name), c.Name+" >= 1"))
		}
		names = append(names, c.Name)
	}
	if len(tasks) > 0 {
		fmt.Fprintf(b, "ranking:\n  dlrm: {dim: 16, bottom: [32], top: [64, 32], tasks: [%s]}\nordering: {blend: %s}\n", strings.Join(tasks, ", "), quote(names[0]))
	}
}

// plain is text that YAML takes as a string without quotes.
var plain = regexp.MustCompile(`^[a-z_][a-z0-9_./-]*$`)

// quote writes a YAML string.
func quote(s string) string {
	switch {
	case !plain.MatchString(s), s == "null", s == "true", s == "false", s == "yes", s == "no", s == "on", s == "off", s == "y", s == "n":
		return strconv.Quote(s)
	}
	return s
}
