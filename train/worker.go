package train

import (
	"context"

	"recsys/graph/exec"
	"recsys/graph/kernel"
	"recsys/internal/portable"
	"recsys/tensor"
)

// worker computes shards, one at a time, in memory of its own.
type worker struct {
	task    *Task
	session *exec.Session
	buffers map[int]*buffer // by number of rows
	grads   []gradient

	rows   []int32
	weight float32
	rng    *portable.Rand
	loss   float32
}

// run computes the loss and the gradients of the worker's rows.
func (w *worker) run(ctx context.Context, k *kernel.Set, slots []slot) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b := w.buffers[len(w.rows)]
	if b == nil {
		b = w.task.newBuffer(len(w.rows))
		w.buffers[len(w.rows)] = b
	}
	w.task.fill(b, w.rows, w.weight, w.rng)
	out, err := w.session.Run(ctx, b.in)
	if err != nil {
		return err
	}
	w.loss = tensor.MustData[float32](out[LossOutput])[0]
	for i, s := range slots {
		w.grads[i].reset()
		w.grads[i].collect(k, s, out)
	}
	return nil
}
