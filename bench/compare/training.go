package main

import (
	"context"
	"errors"
	"math"
	"time"

	"recsys/optim"
	"recsys/train"
)

// training runs train.Fit and halts it between rounds, in its Progress.
type training struct {
	steps   chan int
	answers chan answer
	ended   chan error

	left, rows, of int // steps of the round, and rows of the epoch before the round
	started        time.Time
	before, loss   float64 // sums over the epoch's rows
}

// fit starts training, which makes one step that is not measured.
func fit(ctx context.Context, task *train.Task, batch, shard int, rule optim.Rule, rate float64) (work, error) {
	t := &training{steps: make(chan int), answers: make(chan answer), ended: make(chan error, 1), of: len(task.Rows)}
	options := train.Options{
		Epochs: math.MaxInt32, BatchRows: batch, ShardRows: shard, Seed: 1,
		Optimizer: optim.Config{Rule: rule, Rate: optim.Constant(rate)}, Progress: t.progress,
	}
	go func() {
		t.wait()
		_, err := train.Fit(ctx, task, options)
		t.ended <- errors.Join(err, errors.New("training ended"))
	}()
	return t, nil
}

// wait takes the next number of steps.
func (t *training) wait() {
	t.left = <-t.steps
	t.started = time.Now()
}

// progress is called after every step and, with a score, after every epoch.
func (t *training) progress(p train.Progress) {
	if !math.IsNaN(p.Score) {
		return
	}
	rows := (p.Rows-1)%t.of + 1 // of the epoch
	if rows <= t.rows {         // A new one: the rest of the last is behind its mean.
		t.before, t.rows = 0, 0
	}
	t.loss = p.Loss * float64(rows)
	if t.left--; t.left > 0 {
		return
	}
	a := answer{Seconds: time.Since(t.started).Seconds(), Check: (t.loss - t.before) / float64(rows-t.rows)}
	t.before, t.rows = t.loss, rows
	t.answers <- a
	t.wait()
}

// Run makes n steps. The check is the mean loss of their rows in the current epoch.
func (t *training) Run(n int) (answer, error) {
	select {
	case t.steps <- n:
	case err := <-t.ended:
		return answer{}, err
	}
	select {
	case a := <-t.answers:
		return a, nil
	case err := <-t.ended:
		return answer{}, err
	}
}

// firsts returns 0 to n-1.
func firsts[T int32 | int64](n int) []T {
	x := make([]T, n)
	for i := range x {
		x[i] = T(i)
	}
	return x
}
