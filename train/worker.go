package train

import (
	"context"

	"recsys/graph/exec"
	"recsys/graph/kernel"
	"recsys/tensor"
)

// worker computes shards, one at a time, in memory of its own.
type worker struct {
	session *exec.Session
	grads   []gradient

	shard *shard
	loss  float32
}

// run computes the loss and the gradients of the worker's shard.
func (w *worker) run(ctx context.Context, k *kernel.Set, slots []slot) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	out, err := w.session.Run(ctx, w.shard.inputs().in)
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
