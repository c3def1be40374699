package train

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"recsys/tensor"
)

// Checkpoint is training between two steps. Fit goes on from it to the bytes that it would have come to anyhow.
type Checkpoint struct {
	// Of says which task and options it belongs to.
	Of string
	// Steps is the number of optimiser steps made, in all epochs.
	Steps int
	// Loss is the sum of the losses of the current epoch's rows so far.
	Loss float64
	// Parameters holds all parameters by path, Optimizer the optimiser's state.
	Parameters, Optimizer tensor.Map
	// Epochs are those that have ended; BestParameters, nil for none yet, are those of the epoch Best, the last with the
	// best score, and Worse is the number of epochs since.
	Epochs         []Epoch
	Best, Worse    int
	BestParameters tensor.Map
}

// Clone copies the checkpoint with its tensors.
func (c *Checkpoint) Clone() *Checkpoint {
	out := *c
	out.Parameters, out.Optimizer, out.Epochs = clone(c.Parameters), clone(c.Optimizer), slices.Clone(c.Epochs)
	if c.BestParameters != nil {
		out.BestParameters = clone(c.BestParameters)
	}
	return &out
}

// course is how far a Fit has come.
type course struct {
	result *Result
	epoch  int
	total  float64 // sum of the losses of the epoch's rows
	worse  int
	kept   tensor.Map // parameters of the best epoch
}

// checkpoint hands out a checkpoint where one is due.
func (tr *trainer) checkpoint(epochEnds bool) error {
	if tr.o.Checkpoint == nil {
		return nil
	}
	every, n := tr.o.CheckpointEvery, tr.o.CheckpointSteps
	if n > 0 && tr.steps%n == 0 || n == 0 && epochEnds || every > 0 && time.Since(tr.handedAt) >= every {
		return tr.handOut()
	}
	return nil
}

// interrupted hands out a checkpoint of the steps made so far when err, which stops training between two steps, is that
// of a context that has ended, and returns err.
func (tr *trainer) interrupted(ctx context.Context, err error) error {
	if tr.o.Checkpoint == nil || tr.steps == tr.handed || ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
		return err
	}
	return errors.Join(err, tr.handOut())
}

// handOut hands out a checkpoint, but for one that nothing good can come of.
func (tr *trainer) handOut() error {
	c := &tr.course
	if path, x := greatest(c.result.State); !finite(x) {
		return &LossError{Step: tr.steps, Loss: tr.loss, Parameter: path, Value: x}
	}
	err := tr.o.Checkpoint(&Checkpoint{
		Of:    tr.identity(),
		Steps: tr.steps, Loss: c.total, Parameters: c.result.State, Optimizer: tr.update.optimizer.State(),
		Epochs: c.result.Epochs, Best: c.result.Best, Worse: c.worse, BestParameters: c.kept,
	})
	if err != nil {
		return fmt.Errorf("checkpoint after step %d: %w", tr.steps, err)
	}
	tr.handed, tr.handedAt = tr.steps, time.Now()
	return nil
}

// identity names what has to be the same for a checkpoint to fit. The optimiser checks its own state.
func (tr *trainer) identity() string {
	return fmt.Sprintf("%s: %d rows, %d rows a step, %d a shard, buffer %d, seed %d",
		tr.task.Name, len(tr.task.Rows), tr.o.BatchRows, tr.o.ShardRows, tr.o.Buffer, tr.o.Seed)
}

// resume goes to where a checkpoint is and returns the number of rows of its epoch that are behind it. An epoch whose
// rows are all behind it has still to be validated.
func (tr *trainer) resume(c *Checkpoint) (skip int, err error) {
	if c == nil {
		return 0, nil
	}
	if of := tr.identity(); c.Of != of {
		return 0, fmt.Errorf("resume: the checkpoint is of %q, this is %q", c.Of, of)
	}
	rows := len(tr.task.Rows)
	steps := (rows + tr.o.BatchRows - 1) / tr.o.BatchRows // of an epoch
	tr.course.epoch = max(0, c.Steps-1) / steps
	if c.Steps < 0 || len(c.Epochs) != tr.course.epoch || tr.course.epoch >= tr.o.Epochs || c.Best >= max(1, len(c.Epochs)) {
		return 0, fmt.Errorf("resume: a checkpoint of %d steps, %d epochs and the best at %d; there are %d epochs of %d steps",
			c.Steps, len(c.Epochs), c.Best, tr.o.Epochs, steps)
	}
	if err := tr.update.optimizer.LoadState(c.Optimizer); err != nil {
		return 0, fmt.Errorf("resume: %w", err)
	}
	state := tr.course.result.State
	if len(c.Parameters) != len(state) {
		return 0, fmt.Errorf("resume: the checkpoint has %d parameters, the task %d", len(c.Parameters), len(state))
	}
	for path, p := range state {
		from := c.Parameters[path]
		if from == nil || !slices.Equal(from.Shape(), p.Shape()) || from.DType() != p.DType() {
			return 0, fmt.Errorf("resume: parameter %q is %v in the checkpoint, the task has %s", path, from, p)
		}
	}
	restore(state, c.Parameters)
	tr.steps, tr.course.total, tr.course.worse = c.Steps, c.Loss, c.Worse
	tr.handed = c.Steps
	tr.course.result.Epochs, tr.course.result.Best = slices.Clone(c.Epochs), c.Best
	if c.BestParameters != nil {
		tr.course.kept = clone(c.BestParameters)
	}
	skip = min((c.Steps-tr.course.epoch*steps)*tr.o.BatchRows, rows)
	tr.seen = tr.course.epoch*rows + skip
	tr.before = tr.seen
	return skip, nil
}

// record adds an epoch and reports whether it is the last one.
func (tr *trainer) record(e Epoch) (last bool) {
	c, best := &tr.course, math.Inf(-1)
	if c.kept != nil {
		best = c.result.Epochs[c.result.Best].Score
	}
	c.result.Epochs = append(c.result.Epochs, e)
	switch {
	case tr.o.Validate == nil:
		c.result.Best = c.epoch
	case e.Score > best:
		c.worse, c.result.Best, c.kept = 0, c.epoch, clone(c.result.State)
	default:
		c.worse++
		return c.worse >= tr.o.Patience && tr.o.Patience > 0
	}
	return false
}
