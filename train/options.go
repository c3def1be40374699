package train

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"time"

	"recsys/graph/kernel"
	"recsys/optim"
	"recsys/tensor"
)

// Options say how Fit trains. The zero value of a field is its default.
type Options struct {
	// Epochs is the number of passes over the rows; 0 means 10.
	Epochs int
	// BatchRows is the number of rows of an optimiser step; 0 means 2048. ShardRows is the number of rows that a worker
	// takes at once and, for in-batch negatives, the size of the sample; 0 means 512. It is part of the result, Workers
	// is not.
	BatchRows, ShardRows int
	// Workers is the number of shards computed side by side; 0 means GOMAXPROCS.
	Workers int
	// Prefetch is the number of shards whose inputs are filled ahead of the workers, with their negatives; 0 means twice
	// Workers, negative means none: then a shard is filled when it is needed. It does not change the result.
	Prefetch int
	// Buffer is the number of rows that the next ones are drawn from where the examples are in blocks and the task reads
	// their columns; 0 means 262144, and a shard is the least. It is part of the result: with all rows, the order is
	// that of a uniform permutation, with fewer, rows of a block stay near one another.
	Buffer int
	// Seed drives initial parameters, the order of rows and negatives.
	Seed uint64
	// Optimizer updates the parameters. A nil Rule means optim.Adam, a nil Rate a constant 0.001; Workers is that of
	// the options. See Task.Steps for schedules that end with the training.
	Optimizer optim.Config
	// Frozen names parameters that are not trained, by path.
	Frozen []string
	// Validate scores the parameters after every epoch, greater is better; nil means that the last epoch counts. It must
	// not keep state, whose tensors the trainer goes on to change.
	Validate func(ctx context.Context, state tensor.Map) (float64, error)
	// Patience is the number of epochs without a better score after which training stops; 0 means 2, negative means
	// never. It needs Validate. The parameters of the best epoch are the result.
	Patience int
	// Progress is called after every optimiser step and every epoch, from the goroutine of Fit; nil means not at all.
	Progress func(Progress)
	// Checkpoint is called every CheckpointSteps steps, 0 means with the last of every epoch; behind the first step that
	// ends CheckpointEvery or more after the last call, 0 means never; and when ctx ends, with the steps made so far. It
	// is called from the goroutine of Fit, and what it is given is valid until it returns. An error stops training. It
	// is given no parameters that are not finite: training stops with a LossError before.
	Checkpoint      func(c *Checkpoint) error
	CheckpointSteps int
	CheckpointEvery time.Duration
	// Resume goes on from a checkpoint of a Fit of the same task with the same options; nil means from the beginning.
	Resume *Checkpoint
	// Kernels is the set to compute with; nil means kernel.Best(). A result has the same bytes on every machine with
	// kernel.Portable() alone.
	Kernels *kernel.Set
}

// Progress tells how far training is.
type Progress struct {
	Epoch, Epochs int           // the current one, from 1, and the planned number
	Rows, Total   int           // rows seen in all epochs, and those planned
	Loss          float64       // mean loss of the epoch's rows so far
	Elapsed       time.Duration // since Fit began
	Waited        time.Duration // for inputs, in Elapsed: what the workers stood idle
	// Score is the validation score at the end of an epoch, NaN before.
	Score float64

	before int // rows before a checkpoint that training goes on from
}

// Rate returns the rows per second, validation included.
func (p Progress) Rate() float64 { return float64(p.Rows-p.before) / max(p.Elapsed.Seconds(), 1e-9) }

// Left estimates the time that the planned rows still take.
func (p Progress) Left() time.Duration {
	if p.Rows == p.before {
		return 0
	}
	return time.Duration(float64(p.Elapsed) / float64(p.Rows-p.before) * float64(p.Total-p.Rows))
}

// WaitShare returns the share of the time so far, in [0,1], in which the workers waited for inputs.
func (p Progress) WaitShare() float64 { return p.Waited.Seconds() / max(p.Elapsed.Seconds(), 1e-9) }

// Epoch is the record of one epoch.
type Epoch struct {
	Loss  float64 `json:"loss"`            // mean over rows
	Score float64 `json:"score,omitempty"` // of Options.Validate
}

// Result is what Fit leaves.
type Result struct {
	// State holds the parameters of the best epoch by path, shared with the task's graph.
	State tensor.Map
	// Epochs are those that ran, Best the index of the one whose parameters State has.
	Epochs []Epoch
	Best   int
	// Steps is the number of optimiser steps.
	Steps int
	// Waited is the time that the workers waited for inputs.
	Waited time.Duration
}

func (o Options) withDefaults() (Options, error) {
	def := func(field *int, value int) {
		if *field == 0 {
			*field = value
		}
	}
	def(&o.Epochs, 10)
	def(&o.BatchRows, 2048)
	def(&o.ShardRows, min(512, o.BatchRows))
	def(&o.Workers, runtime.GOMAXPROCS(0))
	def(&o.Prefetch, 2*o.Workers)
	def(&o.Patience, 2)
	def(&o.Buffer, 1<<18)
	if o.Kernels == nil {
		o.Kernels = kernel.Best()
	}
	var errs []error
	for _, f := range []struct {
		name  string
		value int
	}{{"epochs", o.Epochs}, {"batch rows", o.BatchRows}, {"shard rows", o.ShardRows}, {"workers", o.Workers}, {"buffer rows", o.Buffer}, {"checkpoint steps", o.CheckpointSteps}} {
		if f.value < 0 {
			errs = append(errs, fmt.Errorf("%s are %d; they have to be positive", f.name, f.value))
		}
	}
	return o, errors.Join(errs...)
}

// piece is a shard by its place: rows from at on of a batch, which makes a step of an epoch, from 0.
type piece struct{ step, batch, at, rows int }

// pieces cuts the rows [from,to) of an epoch; from begins a batch.
func (o Options) pieces(from, to int) iter.Seq[piece] {
	return func(yield func(piece) bool) {
		for step := from / o.BatchRows; from < to; step++ {
			batch := min(o.BatchRows, to-from)
			for at := 0; at < batch; at += o.ShardRows {
				if !yield(piece{step: step, batch: batch, at: at, rows: min(o.ShardRows, batch-at)}) {
					return
				}
			}
			from += batch
		}
	}
}
