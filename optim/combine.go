package optim

import (
	"fmt"
	"sync"

	"recsys/graph/kernel"
)

// Combiner adds up row-sparse gradients. It keeps its memory between calls and is not safe for concurrent use. The
// zero value works alone; set Workers before the first call.
type Combiner struct {
	// Workers is the number of goroutines; 0 means 1. Each takes a range of rows, so that the result does not depend
	// on their number.
	Workers int
	kernels *kernel.Set
	parts   []part
	out     Rows
}

// part is one worker's range of rows.
type part struct {
	entries, spare []entry
	unique         int
}

// entry is one row of one pair, at [pair][at].
type entry struct {
	id       int64
	pair, at int32
}

// Combine returns the rows of a table [V,D] that pairs name, ascending, each once: the sum of its gradients in the
// order of the pairs and, within a pair, of its ids, as if they were added one by one. The result is valid until the
// next call. It fails for ids outside [0,V) and for pairs whose lengths do not match.
func (c *Combiner) Combine(pairs []Rows, rows, width int) (Rows, error) {
	if c.kernels == nil {
		c.kernels = kernel.Best()
	}
	total := 0
	for i, p := range pairs {
		if len(p.Rows) != len(p.IDs)*width {
			return Rows{}, fmt.Errorf("combine pair %d: %d ids with rows of %d need %d elements, got %d",
				i, len(p.IDs), width, len(p.IDs)*width, len(p.Rows))
		}
		for _, id := range p.IDs {
			if id < 0 || id >= int64(rows) {
				return Rows{}, fmt.Errorf("combine pair %d: row %d is outside [0,%d)", i, id, rows)
			}
		}
		total += len(p.IDs)
	}
	workers := min(max(c.Workers, 1), max(total/1024, 1))
	for len(c.parts) < workers {
		c.parts = append(c.parts, part{})
	}
	each(workers, func(w int) {
		c.parts[w].collect(pairs, rows*w/workers, rows*(w+1)/workers)
	})
	from := make([]int, 0, 64)
	unique := 0
	for w := range workers {
		from = append(from, unique)
		unique += c.parts[w].unique
	}
	c.out.IDs = grow(c.out.IDs, unique)
	c.out.Rows = grow(c.out.Rows, unique*width)
	each(workers, func(w int) { c.parts[w].sum(c.kernels, pairs, c.out, from[w], width) })
	return c.out, nil
}

func grow[T any](x []T, n int) []T {
	if cap(x) < n {
		return make([]T, n, n+n/4)
	}
	return x[:n]
}

// each runs f for 0 to n-1, at once when there are several.
func each(n int, f func(i int)) {
	if n == 1 {
		f(0)
		return
	}
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}

// collect gathers the entries of rows [low, high) in order and sorts them by row, keeping the order within a row.
func (p *part) collect(pairs []Rows, low, high int) {
	p.entries = p.entries[:0]
	for i, pair := range pairs {
		for at, id := range pair.IDs {
			if id >= int64(low) && id < int64(high) {
				p.entries = append(p.entries, entry{id - int64(low), int32(i), int32(at)})
			}
		}
	}
	p.sort(high - low)
	p.unique = 0
	for i := range p.entries {
		p.entries[i].id += int64(low)
		if i == 0 || p.entries[i].id != p.entries[i-1].id {
			p.unique++
		}
	}
}

// sort is a stable radix sort by id in [0, span), eleven bits at a time.
func (p *part) sort(span int) {
	const bits, mask = 11, 1<<11 - 1
	p.spare = grow(p.spare, len(p.entries))
	for shift := 0; span>>shift > 0; shift += bits {
		var starts [mask + 1]int
		for _, e := range p.entries {
			starts[e.id>>shift&mask]++
		}
		sum := 0
		for i, n := range starts {
			starts[i] = sum
			sum += n
		}
		for _, e := range p.entries {
			digit := e.id >> shift & mask
			p.spare[starts[digit]] = e
			starts[digit]++
		}
		p.entries, p.spare = p.spare, p.entries
	}
}

// sum writes the part's rows to out from row at on.
func (p *part) sum(k *kernel.Set, pairs []Rows, out Rows, at, width int) {
	last := int64(-1)
	at--
	for _, e := range p.entries {
		row := pairs[e.pair].Rows[int(e.at)*width:][:width]
		if e.id != last {
			last = e.id
			at++
			out.IDs[at] = e.id
			copy(out.Rows[at*width:(at+1)*width], row)
			continue
		}
		to := out.Rows[at*width:][:width]
		k.Add(to, to, row)
	}
}
