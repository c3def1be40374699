package train

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"recsys/graph/exec"
	"recsys/graph/grad"
	"recsys/internal/parallel"
	"recsys/internal/portable"
	"recsys/tensor"
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
	start   time.Time
	seen    int // rows
	steps   int
}

// Fit trains the task's parameters: those without data are initialised from the seed, those with data go on from there.
// It stops with ctx's error when ctx ends, and with an error that names the step when the loss is not finite. The same
// options, but for Workers, give the same bytes.
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
	tr := &trainer{task: t, o: o, start: time.Now()}
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
	tr.feed = &feed{tr: tr}
	return tr, nil
}

func (tr *trainer) run(ctx context.Context) (*Result, error) {
	r := &Result{State: tr.task.Graph.State()}
	best, bad := math.Inf(-1), 0
	var kept tensor.Map
	rows := append([]int32{}, tr.task.Rows...)
	for epoch := range tr.o.Epochs {
		shuffle(rows, tr.o.Seed, tr.task.Name, epoch)
		loss, err := tr.epoch(ctx, epoch, rows)
		if err != nil {
			return nil, err
		}
		record := Epoch{Loss: loss}
		if tr.o.Validate == nil {
			r.Best = epoch
		} else if record.Score, err = tr.o.Validate(ctx, r.State); err != nil {
			return nil, fmt.Errorf("validate epoch %d: %w", epoch+1, err)
		}
		r.Epochs = append(r.Epochs, record)
		tr.report(epoch, loss, record.Score)
		if tr.o.Validate == nil {
			continue
		}
		if record.Score > best {
			best, bad, r.Best, kept = record.Score, 0, epoch, clone(r.State)
			continue
		}
		if bad++; bad >= tr.o.Patience && tr.o.Patience > 0 {
			break
		}
	}
	if kept != nil {
		restore(r.State, kept)
	}
	r.Steps, r.Waited = tr.steps, tr.feed.waited
	return r, nil
}

// shuffle permutes rows by a stream of its own for every epoch.
func shuffle(rows []int32, seed uint64, name string, epoch int) {
	rng := portable.New(seed, name+"/rows/"+strconv.Itoa(epoch))
	rng.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] })
}

// epoch trains on rows in their order and returns the mean loss.
func (tr *trainer) epoch(ctx context.Context, epoch int, rows []int32) (float64, error) {
	total := 0.0
	tr.feed.begin(rows, tr.steps)
	defer tr.feed.end()
	for from := 0; from < len(rows); from += tr.o.BatchRows {
		batch := rows[from:min(from+tr.o.BatchRows, len(rows))]
		loss, err := tr.batch(ctx, batch)
		if err != nil {
			return 0, err
		}
		total += float64(loss * float64(len(batch)))
		tr.seen += len(batch)
		tr.report(epoch, total/float64(from+len(batch)), math.NaN())
	}
	return total / float64(len(rows)), nil
}

// batch makes one optimiser step and returns the mean loss before it.
func (tr *trainer) batch(ctx context.Context, batch []int32) (float64, error) {
	tr.steps++
	for i := range tr.sum {
		tr.sum[i].reset()
	}
	loss := 0.0
	for from := 0; from < len(batch); {
		// A wave: one shard for each worker.
		n := 0
		for ; n < len(tr.workers) && from < len(batch); n++ {
			tr.workers[n].shard = tr.feed.next(batch, from, tr.steps)
			from += tr.o.ShardRows
		}
		wave := tr.workers[:n]
		if err := parallel.Do(n, n, func(i int) error { return wave[i].run(ctx, tr.o.Kernels, tr.slots) }); err != nil {
			return 0, err
		}
		for _, w := range wave {
			loss += float64(w.loss)
			tr.feed.done(w.shard)
		}
		if math.IsNaN(loss) || math.IsInf(loss, 0) {
			return 0, &LossError{Step: tr.steps, Loss: loss}
		}
		err := parallel.Do(len(tr.workers), len(tr.sum), func(i int) error {
			for _, w := range wave {
				tr.sum[i].merge(tr.o.Kernels, &w.grads[i])
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	return loss, tr.update.step(len(tr.workers), tr.sum)
}

func (tr *trainer) report(epoch int, loss, score float64) {
	if tr.o.Progress == nil {
		return
	}
	tr.o.Progress(Progress{
		Epoch: epoch + 1, Epochs: tr.o.Epochs, Rows: tr.seen, Total: tr.o.Epochs * len(tr.task.Rows),
		Loss: loss, Elapsed: time.Since(tr.start), Waited: tr.feed.waited, Score: score,
	})
}

// LossError tells that training ran away.
type LossError struct {
	Step int // from 1
	Loss float64
}

func (e *LossError) Error() string {
	return fmt.Sprintf("step %d: the loss is %g; lower the learning rate, or look for NaN and huge values in continuous "+
		"columns (normalize them)", e.Step, e.Loss)
}
