package report

import (
	"fmt"

	"recsys/data"
	"recsys/pipeline"
)

// Shares from which there is a warning.
const (
	mostlyNull = 0.5
	manyNew    = 0.1
)

// Times that are no Unix seconds: before 1990 and after 2100.
const earliest, latest = 631_152_000, 4_102_444_800

// warn says in words what stands out.
func (r *Report) warn(c *pipeline.Config) {
	say := func(format string, args ...any) { r.Warnings = append(r.Warnings, fmt.Sprintf(format, args...)) }
	share := func(n, of int) string { return fmt.Sprintf("%.1f %%", 100*float64(n)/float64(max(1, of))) }
	events := r.Tables[0]
	if n := events.Duplicates; n > 0 {
		say("%d of %d interactions (%s) are, in all columns, like one before them: drop them unless they are events of their own",
			n, events.Rows, share(n, events.Rows))
	}
	if t := r.Times; t != nil && (t.From < earliest || t.To > latest) {
		say("%s goes from %d to %d, which are no Unix seconds of our time: are they of another unit?", c.Data.Interactions.Time, t.From, t.To)
	}
	for _, t := range r.Tables {
		for _, column := range t.Columns {
			switch {
			case column.Values == 0:
				say("%s of %s has no values", column.Name, t.Name)
			case float64(column.Nulls) >= mostlyNull*float64(column.Rows):
				say("%s of %s is null in %s of the rows", column.Name, t.Name, share(column.Nulls, column.Rows))
			case column.Distinct == 1 && column.Rows > 1:
				say("%s of %s has one value, %q: it tells nothing", column.Name, t.Name, column.Top[0].Value)
			}
		}
	}
	if r.Activity.Median == 1 {
		say("half of the users or more have one interaction: a model knows nothing of them but their columns; min_user leaves them out")
	}
	r.warnOfSplit(c, say, share)
	for _, d := range r.Drift {
		if d.Shifted {
			ks := ""
			if d.KS != nil {
				ks = fmt.Sprintf(", KS %.2f", *d.KS)
			}
			say("%s of %s has moved between training and test: PSI %.2f, by chance below %.2f%s", d.Column, d.Table, d.PSI, d.Noise, ks)
		}
	}
}

// warnOfSplit is warn for what the parts know of each other.
func (r *Report) warnOfSplit(c *pipeline.Config, say func(string, ...any), share func(n, of int) string) {
	l := r.Leakage
	if l.Held == 0 {
		say("nothing is held out: there will be no metrics")
		return
	}
	if l.SameRow > 0 {
		say("%d held-out rows (%s) are, in all columns, like a training row: a model may know them by heart", l.SameRow, share(l.SameRow, l.Held))
	}
	if l.SamePair > 0 && !c.KeepsSeen() {
		say("%d held-out rows (%s) have an item that the user has in training too: the filter seen takes it from the answer",
			l.SamePair, share(l.SamePair, l.Held))
	}
	if l.FutureUsers > 0 {
		say("%d users have training rows that are later than one that is held out: models learn from their future; split by last or time", l.FutureUsers)
	}
	if l.FutureRows > 0 && c.Split.By == data.ByColumn {
		say("%d training rows are later than the first one that tests: what others did later is known", l.FutureRows)
	}
	for _, entity := range []struct {
		name string
		rows int
	}{{"users", l.NewUser}, {"items", l.NewItem}} {
		if float64(entity.rows) >= manyNew*float64(l.Held) {
			say("%d held-out rows (%s) are of %s that training does not have: their ids are unknown to every model",
				entity.rows, share(entity.rows, l.Held), entity.name)
		}
	}
}
