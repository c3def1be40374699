package train

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"recsys/graph/exec"
	"recsys/graph/grad"
	"recsys/internal/parallel"
)

// trainer is one Fit.
type trainer struct {
	task    *Task
	o       Options
	step    *grad.Step
	slots   []slot
	workers []*worker
	sum     []gradient // of the batch
	update  *updater
	feed    *feed
	pieces  []piece // of the batch
	start   time.Time
	course  course
	seen    int // rows
	before  int // rows of them before a checkpoint
	steps   int
	loss    float64 // mean of the last step
	// handed is the number of steps at the last checkpoint handed out, handedAt its time or that of the start.
	handed   int
	handedAt time.Time
}

// Fit trains the task's parameters: those without data are initialised from the seed, those with data go on from there.
// It stops with ctx's error when ctx ends, and with an error that names the step when the loss is not finite. The same
// options, but for Workers, give the same bytes, with checkpoints and without.
func Fit(ctx context.Context, t *Task, o Options) (*Result, error) {
	tr, err := newTrainer(t, o)
	if err != nil {
		return nil, fmt.Errorf("train %q: %w", t.Name, err)
	}
	r, err := tr.run(ctx)
	if err != nil {
		return nil, fmt.Errorf("train %q: %w", t.Name, err)
	}
	return r, nil
}

// Steps returns the number of optimiser steps that Fit makes with these options when it does not stop early.
func (t *Task) Steps(o Options) (int64, error) {
	o, err := o.withDefaults()
	if err != nil {
		return 0, err
	}
	return int64(o.Epochs) * int64((len(t.Rows)+o.BatchRows-1)/o.BatchRows), nil
}

func newTrainer(t *Task, o Options) (*trainer, error) {
	o, err := o.withDefaults()
	if err != nil {
		return nil, err
	}
	if err := t.Graph.InitParams(o.Seed); err != nil {
		return nil, err
	}
	now := time.Now()
	tr := &trainer{task: t, o: o, start: now, handedAt: now}
	if tr.step, err = grad.Of(t.Graph, LossOutput, o.Frozen...); err != nil {
		return nil, err
	}
	// Threads that no shard occupies, as when a batch is a single one, help within the steps of those at work.
	plan, err := exec.Compile(tr.step.Graph, exec.Options{Kernels: o.Kernels, Threads: o.Workers})
	if err != nil {
		return nil, err
	}
	tr.slots = slots(tr.step)
	tr.sum = newGradients(tr.slots)
	if tr.update, err = newUpdater(o, tr.slots, tr.sum); err != nil {
		return nil, err
	}
	shards := (min(o.BatchRows, len(t.Rows)) + o.ShardRows - 1) / o.ShardRows
	for range min(o.Workers, shards) {
		tr.workers = append(tr.workers, &worker{
			session: plan.NewSession(), grads: newGradients(tr.slots),
		})
	}
	tr.feed = &feed{tr: tr, source: newSource(t, o)}
	return tr, nil
}

func (tr *trainer) run(ctx context.Context) (*Result, error) {
	r := &Result{State: tr.task.Graph.State()}
	tr.course.result = r
	skip, err := tr.resume(tr.o.Resume)
	if err != nil {
		return nil, err
	}
	for c := &tr.course; c.epoch < tr.o.Epochs; c.epoch++ {
		if err := tr.epoch(ctx, skip); err != nil {
			return nil, err
		}
		skip = 0
		e := Epoch{Loss: c.total / float64(len(tr.task.Rows))}
		if tr.o.Validate != nil {
			if e.Score, err = tr.o.Validate(ctx, r.State); err != nil {
				return nil, fmt.Errorf("validate epoch %d: %w", c.epoch+1, err)
			}
		}
		tr.report(e.Loss, e.Score)
		if tr.record(e) {
			break
		}
		c.total = 0
	}
	if tr.course.kept != nil {
		restore(r.State, tr.course.kept)
	}
	r.Steps, r.Waited = tr.steps, tr.feed.waited
	return r, nil
}

// epoch trains on the rows of the epoch behind the first skip ones.
func (tr *trainer) epoch(ctx context.Context, skip int) error {
	rows, c := len(tr.task.Rows), &tr.course
	if skip == rows {
		return nil
	}
	if err := tr.feed.begin(c.epoch, skip, tr.steps-skip/tr.o.BatchRows); err != nil {
		return err
	}
	defer tr.feed.end()
	for from := skip; from < rows; {
		n := min(tr.o.BatchRows, rows-from)
		loss, err := tr.batch(ctx, from, from+n)
		if err != nil {
			return tr.interrupted(ctx, err)
		}
		c.total += float64(loss * float64(n))
		from += n
		tr.seen += n
		tr.report(c.total/float64(from), math.NaN())
		if err := tr.checkpoint(from == rows); err != nil {
			return err
		}
	}
	return nil
}

// batch makes one optimiser step with the rows [from,to) of the epoch and returns the mean loss before it.
func (tr *trainer) batch(ctx context.Context, from, to int) (float64, error) {
	for i := range tr.sum {
		tr.sum[i].reset()
	}
	loss := 0.0
	tr.pieces = slices.AppendSeq(tr.pieces[:0], tr.o.pieces(from, to))
	for pieces := range slices.Chunk(tr.pieces, len(tr.workers)) {
		// A wave: one shard for each worker.
		wave := tr.workers[:len(pieces)]
		for i, p := range pieces {
			var err error
			if wave[i].shard, err = tr.feed.next(p); err != nil {
				return 0, err
			}
		}
		err := parallel.Do(len(wave), len(wave), func(i int) error { return wave[i].run(ctx, tr.o.Kernels, tr.slots) })
		if err != nil {
			return 0, err
		}
		for _, w := range wave {
			loss += float64(w.loss)
		}
		if !finite(loss) {
			return 0, tr.lossError(loss, wave)
		}
		for _, w := range wave { // Whoever fills shards may write into these from here on.
			tr.feed.done(w.shard)
		}
		err = parallel.Do(len(tr.workers), len(tr.sum), func(i int) error {
			for _, w := range wave {
				tr.sum[i].merge(tr.o.Kernels, &w.grads[i])
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	if err := tr.update.step(len(tr.workers), tr.sum); err != nil {
		return 0, err
	}
	tr.steps++
	tr.loss = loss
	return loss, nil
}

func (tr *trainer) report(loss, score float64) {
	if tr.o.Progress == nil {
		return
	}
	tr.o.Progress(Progress{
		Epoch: tr.course.epoch + 1, Epochs: tr.o.Epochs, Rows: tr.seen, Total: tr.o.Epochs * len(tr.task.Rows), before: tr.before,
		Loss: loss, Elapsed: time.Since(tr.start), Waited: tr.feed.waited, Score: score,
	})
}
