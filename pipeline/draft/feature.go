package draft

import (
	"fmt"
	"strings"

	"recsys/data/profile"
	"recsys/tensor"
)

// Bounds of guesses.
const (
	fewValues = 32 // distinct integers up to which they are categories,
	fewRows   = 4  // if each comes in as many rows on average
	skewed    = 10 // a 99th percentile of so many medians is for a logarithm
)

// features are the columns that operators take.
type features struct {
	categorify, log, normalize []string
	notes                      []string
}

// add decides about the columns of a table of users or items.
func (f *features) add(t *table, keyName string) {
	for i := range t.profile.Columns {
		c := &t.profile.Columns[i]
		if c.Name == keyName {
			continue
		}
		use, why := f.decide(c)
		f.notes = append(f.notes, fmt.Sprintf("%s: %s; %s", describe(c), use, why))
	}
}

// decide says what is done with a column, and why.
func (f *features) decide(c *profile.Column) (use, why string) {
	const out = "left out"
	text := c.DType.DType == tensor.String
	switch {
	case c.Values == 0:
		return out, "it has no values"
	case c.Distinct == 1:
		return out, "it has one value"
	case c.List && c.DType.DType == tensor.Float32:
		return out, "no operator here makes ids of numbers"
	case c.List:
		f.categorify = append(f.categorify, c.Name)
		return "categorify", "the elements are categories"
	case text && 2*c.Distinct > c.Rows:
		return out, "most rows have a value of their own"
	case text:
		f.categorify = append(f.categorify, c.Name)
		return "categorify", "text that comes back"
	case c.DType.DType == tensor.Int64 && among(c.Name, keyWords()):
		f.categorify = append(f.categorify, c.Name)
		return "categorify", "the name says that they are codes"
	case c.DType.DType == tensor.Int64 && c.Distinct <= fewValues && c.Distinct*fewRows <= c.Rows:
		f.categorify = append(f.categorify, c.Name)
		return "categorify", "so few integers are categories"
	}
	f.normalize = append(f.normalize, c.Name)
	if n := c.Numbers; n.Min >= 0 && n.Quantiles.P99 > skewed*n.Quantiles.P50 {
		f.log = append(f.log, c.Name)
		return "log, normalize", "a few are much greater than most"
	}
	return "normalize", "numbers"
}

// list writes names for YAML.
func list(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = quote(n)
	}
	return "[" + strings.Join(quoted, ", ") + "]"
}
