package ensemble

import (
	"context"
	"fmt"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/tensor"
)

// prove runs the warm-ups in our own engine, also those of a model that is configured without: one that fails in Triton can end the
// server with all its models.
func prove(ctx context.Context, g *graph.Graph, c *Config) error {
	p, err := exec.Compile(g, exec.Options{})
	if err != nil {
		return err
	}
	for _, w := range warmups(c.Inputs, c.MaxBatchSize) {
		in := tensor.Map{}
		for _, t := range c.Inputs {
			shape := []int{w.BatchSize}
			for _, d := range t.ModelDims() {
				shape = append(shape, int(d))
			}
			in[t.Name] = tensor.Zeros(t.DType, shape...)
		}
		if _, err := p.Run(ctx, in); err != nil {
			return fmt.Errorf("warm-up %q: a request of zeros fails, so no server could load the stage: %w", w.Name, err)
		}
	}
	return nil
}
