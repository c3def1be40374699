package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strings"
	"time"
)

// row is one kind of work.
type row struct {
	name, title string
	// work is what one step does, in units, such as 4096 examples.
	work float64
	unit string
	// data writes what the others read; nil for nothing.
	data   func(dir string) error
	others []other
	// rounds is above 0 for work of which a step takes about as long as a round: there are as many rounds, of one step.
	rounds int
	// floor is the least rate of recsys itself, in units, 0 for none; lean tells that it has to take less memory.
	floor float64
	lean  bool
	// tolerance is the relative difference that the checked figures may have.
	tolerance float64
}

// other is what recsys is compared with.
type other struct {
	name string
	// python is the interpreter, "" for this program; work is the name of the work in it.
	python, work string
	// target is the least ratio of the times, 0 for a figure that is for information; alone is that of a single thread
	// where it differs.
	target, alone float64
	// probe tells that it does other work, to which that of the row is compared.
	probe bool
}

// figure is one line of the results.
type figure struct {
	Title   string  `json:"title"`
	Threads int     `json:"threads"`
	Unit    string  `json:"unit"`
	Own     float64 `json:"own"` // in units per second
	Other   float64 `json:"other"`
	Name    string  `json:"name"` // of the other
	Version string  `json:"version"`
	Ratio   float64 `json:"ratio"`
	Low     float64 `json:"low"` // the lowest ratio of a round
	High    float64 `json:"high"`
	Target  float64 `json:"target"`
	Floor   float64 `json:"floor,omitempty"` // of Own
	// The peaks of memory in bytes, and whether that of recsys has to be below the other.
	OwnMemory   float64 `json:"own_memory,omitempty"`
	OtherMemory float64 `json:"other_memory,omitempty"`
	Lean        bool    `json:"lean,omitempty"`
	Rounds      int     `json:"rounds"`
	Machine     machine `json:"machine"`
}

// measure compares the row at every number of threads.
func (r row) measure(ctx context.Context, s settings, log io.Writer) ([]figure, error) {
	dir, err := os.MkdirTemp("", "recsys-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // A temporary folder.
	if r.data != nil {
		if err := r.data(dir); err != nil {
			return nil, err
		}
	}
	var figures []figure
	for _, threads := range s.threads {
		some, err := r.at(ctx, s, dir, threads)
		if err != nil {
			return nil, fmt.Errorf("%d threads: %w", threads, err)
		}
		for _, f := range some {
			fmt.Fprintln(log, f)
		}
		figures = append(figures, some...)
	}
	return figures, nil
}

// at compares the row at one number of threads.
func (r row) at(ctx context.Context, s settings, dir string, threads int) (figures []figure, err error) {
	sides := make([]*side, 0, 1+len(r.others))
	defer func() {
		for _, p := range sides {
			p.close()
		}
	}()
	for i := range 1 + len(r.others) {
		o := other{name: "recsys", work: r.name}
		if i > 0 {
			o = r.others[i-1]
		}
		p, err := start(ctx, s, o, dir, threads)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.name, err)
		}
		sides = append(sides, p)
	}
	if err := r.agree(sides); err != nil {
		return nil, err
	}
	rounds := r.rounds
	if rounds == 0 {
		rounds = s.rounds
		if err := calibrate(sides, s.round); err != nil {
			return nil, err
		}
	}
	times := make([][]float64, len(sides))
	for range rounds {
		for i, p := range sides {
			a, err := p.run(p.steps)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			times[i] = append(times[i], a.Seconds/float64(p.steps))
			p.memory = max(p.memory, a.Memory)
		}
	}
	return r.figures(sides, times, threads, rounds), nil
}

// warmup is the number of steps before any measurement, whose result is checked.
const warmup = 5

// agree runs the first steps, which are not measured, and compares what the sides computed.
func (r row) agree(sides []*side) error {
	var first float64
	for i, p := range sides {
		p.steps = 1
		steps := warmup
		if r.rounds > 0 {
			steps = 1
		}
		a, err := p.run(steps)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		if i == 0 {
			first = a.Check
			continue
		}
		if r.others[i-1].probe {
			continue
		}
		if err := r.close(p.name, first, a.Check); err != nil {
			return err
		}
	}
	return nil
}

// close compares the figures that recsys and another computed.
func (r row) close(name string, own, other float64) error {
	if !(math.Abs(other-own) <= r.tolerance*math.Abs(own)) {
		return fmt.Errorf("not the same work: recsys computes %g and %s %g", own, name, other)
	}
	return nil
}

// calibrate chooses the steps of a round.
func calibrate(sides []*side, round time.Duration) error {
	for _, p := range sides {
		a, err := p.run(warmup)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		p.steps = max(3, int(round.Seconds()*warmup/max(a.Seconds, 1e-9)))
	}
	return nil
}

func (r row) figures(sides []*side, times [][]float64, threads, rounds int) []figure {
	own := median(times[0])
	figures := make([]figure, 0, len(r.others))
	for i, o := range r.others {
		target := o.target
		if threads == 1 && o.alone > 0 {
			target = o.alone
		}
		ratios := make([]float64, rounds)
		for k := range ratios {
			ratios[k] = times[i+1][k] / times[0][k]
		}
		f := figure{
			Title: r.title, Threads: threads, Unit: r.unit, Own: r.work / own, Other: r.work / median(times[i+1]),
			Name: o.name, Version: sides[i+1].version, Ratio: median(ratios), Low: slices.Min(ratios), High: slices.Max(ratios),
			Target: target, Floor: r.floor, Rounds: rounds, Machine: thisMachine(),
		}
		if r.lean {
			f.Lean, f.OwnMemory, f.OtherMemory = true, sides[0].memory, sides[i+1].memory
		}
		figures = append(figures, f)
	}
	return figures
}

func median(x []float64) float64 {
	sorted := slices.Sorted(slices.Values(x))
	n := len(sorted)
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}

// met tells whether all targets are.
func (f figure) met() bool {
	return f.Ratio >= f.Target && f.Own >= f.Floor && (!f.Lean || f.OwnMemory < f.OtherMemory)
}

// targets words what is wanted, "" for a figure that is for information.
func (f figure) targets() string {
	var wanted []string
	if f.Target > 0 {
		wanted = append(wanted, "≥ "+number(f.Target))
	}
	if f.Floor > 0 {
		wanted = append(wanted, "≥ "+number(f.Floor)+" "+f.Unit)
	}
	if f.Lean {
		wanted = append(wanted, "less memory")
	}
	return strings.Join(wanted, ", ")
}

// memory words a peak, "" for one that does not count.
func memory(bytes float64) string {
	if bytes == 0 {
		return ""
	}
	return fmt.Sprintf(", %.0f MB", bytes/1e6)
}

func (f figure) String() string {
	return fmt.Sprintf("%s, %d threads: %s %s%s, %s %s%s: %.2f (%.2f to %.2f)", f.Title, f.Threads,
		number(f.Own), f.Unit, memory(f.OwnMemory), f.Name, number(f.Other), memory(f.OtherMemory), f.Ratio, f.Low, f.High)
}
