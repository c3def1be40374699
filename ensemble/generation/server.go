package generation

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"recsys/ensemble"
	"recsys/tensor"
)

// Server is a Triton in explicit model control mode that serves one of the repository folders.
type Server interface {
	// String is the server's name in messages.
	String() string
	// Load loads a model, or loads it again from changed files, and an ensemble's stages with it.
	Load(ctx context.Context, model string) error
	// Unload stops serving an ensemble, and those of its stages that nothing else needs.
	Unload(ctx context.Context, model string) error
	// Ready reports whether a version of a model can answer; a model that the server does not know is not ready.
	Ready(ctx context.Context, model, version string) (bool, error)
	// Infer asks a model for the named outputs and returns the version that answered too.
	Infer(ctx context.Context, model string, inputs tensor.Map, outputs []string) (tensor.Map, string, error)
}

// Probe is a request whose answer is known.
type Probe struct {
	// Ranking says that the ensemble's ranking is asked.
	Ranking bool
	Inputs  tensor.Map
	Outputs []string
	// Check says what is wrong with the answer, nil if it is right.
	Check func(outputs tensor.Map) error
}

// zeroProbe asks an ensemble for all its outputs, for a user of zeros, whom every model of ours answers: its warm-up asks the same.
func zeroProbe(c *ensemble.Config) Probe {
	p := Probe{Ranking: ensemble.RankingOf(c) != "", Inputs: tensor.Map{}, Check: func(tensor.Map) error { return nil }}
	for _, in := range c.Inputs {
		var shape []int
		if c.MaxBatchSize > 0 {
			shape = append(shape, 1)
		}
		for _, d := range in.Dims {
			shape = append(shape, int(max(d, 1))) // a free axis may have any size
		}
		p.Inputs[in.Name] = tensor.Zeros(in.DType, shape...)
	}
	for _, out := range c.Outputs {
		p.Outputs = append(p.Outputs, out.Name)
	}
	return p
}

// prove has a server load an ensemble and reports whether it then serves the generation.
func prove(ctx context.Context, s Server, name string, generation int64, probes []Probe) error {
	want := strconv.FormatInt(generation, 10)
	loadErr := s.Load(ctx, name)
	ready, err := s.Ready(ctx, name, want)
	if err != nil || !ready {
		return fmt.Errorf("%s: %s does not serve generation %s after it was loaded: %w", s, name, want,
			errors.Join(loadErr, err, errNotReady))
	}
	for _, p := range probes {
		out, version, err := s.Infer(ctx, name, p.Inputs, p.Outputs)
		if err == nil && version != want {
			err = fmt.Errorf("generation %s answers", version)
		}
		if err == nil {
			err = p.Check(out)
		}
		if err != nil {
			return fmt.Errorf("%s: %s generation %s: %w", s, name, want, err)
		}
	}
	return nil
}

var errNotReady = errors.New("it is not ready")
