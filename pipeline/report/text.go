package report

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"recsys/data/profile"
)

// WriteText writes the report for people to read.
func (r *Report) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, warning := range r.Warnings {
		fmt.Fprintf(t, "warning: %s\n", warning)
	}
	if len(r.Filtered) > 0 {
		fmt.Fprintf(t, "filter: %v interactions, round by round\n", r.Filtered)
	}
	if r.Times != nil {
		fmt.Fprintf(t, "times: %s\n", r.Times)
	}
	for _, table := range r.Tables {
		fmt.Fprintf(t, "\n%s: %d rows", table.Name, table.Rows)
		if table.Duplicates > 0 {
			fmt.Fprintf(t, ", %d like one before", table.Duplicates)
		}
		fmt.Fprintln(t, "\ncolumn\ttype\tnull\tdistinct\tmin\tmedian\tmax\tmost frequent")
		for i := range table.Columns {
			c := &table.Columns[i]
			low, median, high := "", "", ""
			if c.Numbers != nil {
				low, median, high = profile.Text(c.Numbers.Min), profile.Text(c.Numbers.Quantiles.P50), profile.Text(c.Numbers.Max)
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", c.Name, kind(c), share(c.Nulls, c.Rows), distinct(c), low, median, high, frequent(c))
		}
	}
	fmt.Fprintln(t, "\ninteractions of a\tcount\tmin\tmedian\tmean\tp90\tp99\tmax\tof the top 1 %\tGini")
	for _, d := range []struct {
		name string
		Distribution
	}{{"user", r.Activity}, {"item", r.Popularity}} {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%.1f\t%d\t%d\t%d\t%.1f %%\t%.2f\n", d.name, d.Count, d.Min, d.Median, d.Mean, d.P90, d.P99, d.Max, 100*d.Top, d.Gini)
	}
	fmt.Fprintln(t, "\npart\trows\tusers\titems\ttimes")
	for _, p := range r.Parts {
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%s\n", p.Part, p.Rows, p.Users, p.Items, p.Times)
	}
	fmt.Fprintln(t)
	for _, l := range r.leakageRows() {
		fmt.Fprintf(t, "%s\t%d\n", l.What, l.Rows)
	}
	fmt.Fprintln(t, "\ntraining to test\ttable\tPSI\tchance\tKS\t")
	for _, d := range r.Drift {
		moved := ""
		if d.Shifted {
			moved = "moved"
		}
		fmt.Fprintf(t, "%s\t%s\t%.3f\t%.3f\t%s\t%s\n", d.Column, d.Table, d.PSI, d.Noise, ks(d.KS), moved)
	}
	return t.Flush()
}

// leakageRow is a number of Leakage in words.
type leakageRow struct {
	What string
	Rows int
}

func (r *Report) leakageRows() []leakageRow {
	l := r.Leakage
	return []leakageRow{
		{"held-out rows", l.Held},
		{"  like a training row in all columns", l.SameRow},
		{"  whose user and item meet in training too", l.SamePair},
		{"  of users that training lacks", l.NewUser},
		{"  of items that training lacks", l.NewItem},
		{"users with a training row later than a held-out one", l.FutureUsers},
		{"training rows later than the first one that tests", l.FutureRows},
	}
}

func kind(c *profile.Column) string {
	if c.List {
		return "lists of " + c.DType.String()
	}
	return c.DType.String()
}

func share(n, of int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(n)/float64(of))
}

func distinct(c *profile.Column) string {
	if c.Estimated {
		return fmt.Sprintf("about %d", c.Distinct)
	}
	return strconv.Itoa(c.Distinct)
}

// frequent names the most frequent values, shortly; none that less than one value in a hundred is.
func frequent(c *profile.Column) string {
	const most, long, hundredth = 3, 20, 100
	var texts []string
	for i, v := range c.Top {
		if i == most || v.Count*hundredth < c.Values {
			break
		}
		text := []rune(strings.Join(strings.Fields(v.Value), " "))
		if len(text) > long {
			text = append(text[:long-1], '…')
		}
		texts = append(texts, string(text)+" "+share(v.Count, c.Values))
	}
	return strings.Join(texts, ", ")
}

// clock writes a time.
func clock(seconds int64) string { return time.Unix(seconds, 0).UTC().Format("2006-01-02 15:04") }

// String writes the span, in UTC; "" for none.
func (s *Span) String() string {
	if s == nil {
		return ""
	}
	return clock(s.From) + " to " + clock(s.To)
}

func ks(d *float64) string {
	if d == nil {
		return ""
	}
	return fmt.Sprintf("%.3f", *d)
}

// WriteText writes the schema for people to read.
func (s Schema) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, table := range s.Tables {
		if i > 0 {
			fmt.Fprintln(t)
		}
		fmt.Fprintf(t, "%s\ttype\tlength\ttags\tdistinct\tdomain\n", table.Name)
		for _, c := range table.Columns {
			length := ""
			if c.Length > 0 {
				length = strconv.Itoa(c.Length)
			}
			tags := make([]string, len(c.Tags))
			for i, tag := range c.Tags {
				tags[i] = string(tag)
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%s\n", c.Name, c.DType, length, strings.Join(tags, ", "), c.Domain.Distinct, c.Domain)
		}
	}
	return t.Flush()
}

// String writes the domain shortly.
func (d Domain) String() string {
	const few = 5
	var text string
	switch {
	case d.Min != nil:
		text = profile.Text(*d.Min) + " to " + profile.Text(*d.Max)
	case len(d.Values) > few:
		text = strings.Join(d.Values[:few], ", ") + ", …"
	default:
		text = strings.Join(d.Values, ", ")
	}
	if d.Nulls {
		text = strings.TrimPrefix(text+" or null", " ")
	}
	return text
}
