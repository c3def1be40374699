package optim

import "sync"

// taskSize is the number of elements that a worker updates at a time: large enough to hide the hand-over, small
// enough to share a table out.
const taskSize = 1 << 14

// task is a part of an update: elements [from, to) of a dense gradient, rows [from, to) of a sparse one.
type task struct {
	p        *param
	ids      []int64 // nil for a dense gradient
	g        []float32
	from, to int
}

func (o *Optimizer) addDense(p *param, g []float32) {
	width := max(p.width, 1)
	size := max(taskSize/width, 1) * width // whole rows
	for from := 0; from < len(g); from += size {
		o.tasks = append(o.tasks, task{p: p, g: g, from: from, to: min(from+size, len(g))})
	}
}

func (o *Optimizer) addSparse(p *param, r Rows) {
	rows := max(taskSize/max(p.width, 1), 1)
	for from := 0; from < len(r.IDs); from += rows {
		o.tasks = append(o.tasks, task{p: p, ids: r.IDs, g: r.Rows, from: from, to: min(from+rows, len(r.IDs))})
	}
}

// worker is the memory of one goroutine.
type worker struct {
	scratch []float32
	touched float32 // what touch read
}

// ahead is the number of rows that are brought into the cache at once.
const ahead = 16

// touch reads an element of each cache line of the rows that ids name, of the parameter and of its state. Rows lie far
// apart, and an update waits for the memory; reads that do not depend on each other wait together. The sum of what it
// read keeps the reads from being left out.
func (p *param) touch(ids []int64) float32 {
	const line = 16 // float32s
	sum := float32(0)
	for _, id := range ids {
		for at, end := int(id)*p.width, int(id+1)*p.width; at < end; at += line {
			sum += p.w[at]
			for _, s := range p.slots {
				if len(s) == len(p.w) {
					sum += s[at]
				}
			}
		}
	}
	return sum
}

// run does all tasks. They touch disjoint elements, so their order does not matter.
func (o *Optimizer) run(scale float32) {
	workers := min(len(o.cores), len(o.tasks))
	if workers <= 1 {
		o.work(0, 1, scale)
		return
	}
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() { o.work(w, workers, scale) })
	}
	wg.Wait()
}

// work does every workers-th task from the first on.
func (o *Optimizer) work(first, workers int, scale float32) {
	w := &o.cores[first]
	touched := float32(0)
	for i := first; i < len(o.tasks); i += workers {
		t := &o.tasks[i]
		if t.ids == nil {
			w.update(o, t.p, t.from, t.to, t.g[t.from:t.to], scale)
			continue
		}
		n := t.p.width
		for r := t.from; r < t.to; r++ {
			if (r-t.from)%ahead == 0 {
				touched += t.p.touch(t.ids[r:min(r+ahead, t.to)])
			}
			at := int(t.ids[r]) * n
			w.update(o, t.p, at, at+n, t.g[r*n:(r+1)*n], scale)
		}
	}
	w.touched = touched
}

// update changes elements [from, to) of p by their gradient g.
func (w *worker) update(o *Optimizer, p *param, from, to int, g []float32, scale float32) {
	x := p.w[from:to]
	if scale != 1 || p.l2 != 0 || o.config.ClipValue != 0 {
		if len(w.scratch) < len(g) {
			w.scratch = make([]float32, max(len(g), taskSize))
		}
		s := w.scratch[:len(g)]
		for i, v := range g {
			s[i] = float32(scale*o.limit(v)) + float32(p.l2*x[i])
		}
		g = s
	}
	if p.shrink != 1 {
		for i := range x {
			x[i] *= p.shrink
		}
	}
	var slots [maxSlots][]float32
	for i, s := range p.slots {
		switch {
		case s == nil:
		case len(s) == len(p.w):
			slots[i] = s[from:to]
		default: // one element for each row
			width := max(p.width, 1)
			slots[i] = s[from/width : to/width]
		}
	}
	o.config.Rule.update(o.kernels, &p.c, x, g, slots)
}
