package feature

import (
	"context"
	"runtime"
	"sync"

	"recsys/graph/exec"
	"recsys/schema"
	"recsys/tensor"
)

// pieceRows is the number of rows that run at once: enough to hide the cost of a run, and little enough that the
// intermediate columns of a wide workflow stay in the processor's cache.
const pieceRows = 4096

// run computes the columns of s for rows rows. Tables longer than a piece are cut and run in parallel.
func run(ctx context.Context, plan *exec.Plan, in tensor.Map, rows int, s schema.Schema) (tensor.Map, error) {
	if rows <= pieceRows {
		return plan.Run(ctx, in)
	}
	out := make(tensor.Map, len(s))
	for _, c := range s {
		shape := []int{rows}
		if c.Length > 0 {
			shape = append(shape, c.Length)
		}
		out[c.Name] = tensor.Zeros(c.DType.DType, shape...)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	pieces := make(chan int)
	var workers sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		workers.Go(func() {
			session := plan.NewSession()
			for from := range pieces {
				if err := runPiece(ctx, session, in, out, from, min(from+pieceRows, rows)); err != nil {
					cancel(err)
				}
			}
		})
	}
	for from := 0; from < rows && ctx.Err() == nil; from += pieceRows {
		pieces <- from
	}
	close(pieces)
	workers.Wait()
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	return out, nil
}

func runPiece(ctx context.Context, session *exec.Session, in, out tensor.Map, from, to int) error {
	part := make(tensor.Map, len(in))
	for name, t := range in {
		part[name] = t.Rows(from, to)
	}
	got, err := session.Run(ctx, part)
	if err != nil {
		return err
	}
	for name, t := range out {
		if err := tensor.Copy(t.Rows(from, to), got[name]); err != nil {
			return err
		}
	}
	return nil
}
