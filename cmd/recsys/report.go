package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"recsys/eval"
	"recsys/internal/load"
	"recsys/pipeline"
	"recsys/train"
)

// reporter shows progress: a bar on a terminal, a line per epoch elsewhere.
type reporter struct {
	w        io.Writer
	terminal bool
	bar      *progressbar.ProgressBar
	started  time.Time
	epoch    int
	shown    time.Duration // how far work was when a line told last
}

func newReporter(w io.Writer) *reporter {
	f, ok := w.(*os.File)
	return &reporter{w: w, terminal: ok && term.IsTerminal(int(f.Fd())), started: time.Now()}
}

// Phase prints the name of the work that begins.
func (r *reporter) Phase(name string) {
	r.endBar()
	r.epoch = 0
	fmt.Fprintf(r.w, "%6.1fs  %s\n", time.Since(r.started).Seconds(), name)
}

// Note prints a line below the phase.
func (r *reporter) Note(text string) {
	r.endBar()
	fmt.Fprintf(r.w, "         %s\n", text)
}

// Training moves the bar, or prints a line at the end of an epoch.
func (r *reporter) Training(p train.Progress) {
	ended := p.Score == p.Score // NaN within an epoch
	if r.terminal && r.bar == nil {
		r.bar = r.newBar(p.Total, "rows")
	}
	if r.bar != nil {
		r.bar.Describe(fmt.Sprintf("epoch %d/%d loss %.4f, %.0f %% waiting for data", p.Epoch, p.Epochs, p.Loss, 100*p.WaitShare()))
		_ = r.bar.Set(p.Rows) // A bar that cannot be drawn is no reason to stop.
	}
	if ended && p.Epoch != r.epoch {
		r.epoch = p.Epoch
		if r.bar == nil {
			fmt.Fprintf(r.w, "         epoch %d/%d loss %.4f score %.4f, %.0f rows/s, %.0f %% waiting for data, %s left\n",
				p.Epoch, p.Epochs, p.Loss, p.Score, p.Rate(), 100*p.WaitShare(), p.Left().Round(time.Second))
		}
	}
}

// lineEvery is how often a line tells how far work is where there is no terminal.
const lineEvery = 5 * time.Second

// Load moves the bar, or prints a line now and then.
func (r *reporter) Load(p load.Progress) {
	text := fmt.Sprintf("%d answered, %d failed, %.0f/s", p.Answered, p.Failed, float64(p.Answered)/p.Elapsed.Seconds())
	if r.terminal {
		if r.bar == nil {
			r.bar = progressbar.NewOptions(int(p.Total.Milliseconds()), progressbar.OptionSetWriter(r.w),
				progressbar.OptionClearOnFinish(), progressbar.OptionSetPredictTime(true))
		}
		r.bar.Describe(text)
		_ = r.bar.Set(int(min(p.Elapsed, p.Total).Milliseconds())) // See Training.
		return
	}
	if p.Elapsed < r.shown {
		r.shown = 0 // another one
	}
	if p.Elapsed-r.shown >= lineEvery {
		r.shown = p.Elapsed
		fmt.Fprintf(r.w, "         %s, %s left\n", text, max(p.Total-p.Elapsed, 0).Round(time.Second))
	}
}

// Counted moves the bar, or prints a line now and then, for what is gone through: users or rows.
func (r *reporter) Counted(done, total int, what string) {
	if r.terminal {
		if r.bar == nil {
			r.bar = r.newBar(total, what)
		}
		_ = r.bar.Set(done) // See Training.
		return
	}
	if elapsed := time.Since(r.started); elapsed-r.shown >= lineEvery && done < total {
		r.shown = elapsed
		rate := float64(done) / elapsed.Seconds()
		left := time.Duration(float64(total-done) / rate * float64(time.Second))
		fmt.Fprintf(r.w, "         %d of %d %s, %.0f/s, %s left\n", done, total, what, rate, left.Round(time.Second))
	}
}

// newBar makes the bar of a count.
func (r *reporter) newBar(total int, what string) *progressbar.ProgressBar {
	return progressbar.NewOptions(total, progressbar.OptionSetWriter(r.w), progressbar.OptionShowIts(), progressbar.OptionShowCount(),
		progressbar.OptionSetItsString(what), progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(),
		progressbar.OptionSetPredictTime(true))
}

func (r *reporter) endBar() {
	if r.bar != nil {
		_ = r.bar.Finish() // See Training.
		r.bar = nil
	}
}

// printMetrics writes the metrics as tables.
func printMetrics(w io.Writer, m *pipeline.Metrics) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	columns := []string{"recall@10", "recall@20", "recall@100", "ndcg@10"}
	row := func(first, second string, metrics eval.Metrics, columns []string) {
		fmt.Fprintf(t, "%s\t%s", first, second)
		for _, c := range columns {
			if v, ok := metrics[c]; ok {
				fmt.Fprintf(t, "\t%.4f", v)
			} else {
				fmt.Fprint(t, "\t-")
			}
		}
		fmt.Fprintln(t)
	}
	if len(m.Retrieval) > 0 {
		fmt.Fprintln(t, "retrieval\tpart\trecall@10\trecall@20\trecall@100\tndcg@10")
	}
	for _, name := range slices.Sorted(maps.Keys(m.Retrieval)) {
		for _, part := range slices.Sorted(maps.Keys(m.Retrieval[name])) {
			metrics := m.Retrieval[name][part]
			if _, ok := metrics[pipeline.ServedHistory+columns[0]]; !ok {
				row(name, part, metrics, columns)
				continue
			}
			row(name, part+", full history", metrics, columns)
			served := make([]string, len(columns))
			for i, c := range columns {
				served[i] = pipeline.ServedHistory + c
			}
			row(name, part+", served history", metrics, served)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.Ranking)) {
		fmt.Fprintln(t, "\nranking\tpart, task\tauc\tgauc\tlog_loss")
		for _, part := range slices.Sorted(maps.Keys(m.Ranking[name])) {
			for _, task := range slices.Sorted(maps.Keys(m.Ranking[name][part])) {
				row(name, part+", "+task, m.Ranking[name][part][task], []string{"auc", "gauc", "log_loss"})
			}
		}
	}
	for _, part := range slices.Sorted(maps.Keys(m.Pipeline)) {
		fmt.Fprintln(t, "\npipeline, after\tpart\trecall@10\trecall@20\trecall@100\tndcg@10\trecall")
		for _, name := range []string{"retrieve", "filter", "rank", "order"} {
			if metrics, ok := m.Pipeline[part].PerStage[name]; ok {
				row(name, part, metrics, append(slices.Clone(columns), "recall"))
			}
		}
	}
	return t.Flush()
}
