package pipeline

import (
	"errors"
	"fmt"
	"math"

	"recsys/loss"
	"recsys/sampler"
	"recsys/train"
)

// PairwiseSettings say how a model learns to score what a user has above drawn items.
type PairwiseSettings struct {
	// Loss is bpr (the default), bpr_max, hinge or top1.
	Loss string `json:"loss"`
	// Margin is hinge's; 0 means 1. Regularization is bpr_max's.
	Margin         float32 `json:"margin"`
	Regularization float32 `json:"regularization"`
	// Negatives is the number of items that each positive is compared with; 0 means 1.
	Negatives int `json:"negatives"`
	// Sampler draws them: uniform (the default), popularity, by the power Exponent of an item's training interactions, or
	// log_uniform, by its place among them. Exponent 0 means 0.75.
	Sampler  string  `json:"sampler"`
	Exponent float64 `json:"exponent"`
}

// validate checks the settings of the model name.
func (s PairwiseSettings) validate(name string) error {
	errs := []error{
		oneOf(name+".loss", s.Loss, "bpr", "bpr_max", "hinge", "top1"),
		oneOf(name+".sampler", s.Sampler, "log_uniform", "popularity", "uniform"),
		belongs(name+".margin", s.Margin != 0, "loss", s.Loss, "hinge"),
		belongs(name+".regularization", s.Regularization != 0, "loss", s.Loss, "bpr_max"),
		belongs(name+".exponent", s.Exponent != 0, "sampler", s.Sampler, "popularity"),
	}
	if s.Negatives < 0 {
		errs = append(errs, fmt.Errorf("%s.negatives is %d; it has to be positive", name, s.Negatives))
	}
	for field, x := range map[string]float64{
		"exponent": s.Exponent, "margin": float64(s.Margin), "regularization": float64(s.Regularization),
	} {
		if !(x >= 0) || math.IsInf(x, 1) {
			errs = append(errs, fmt.Errorf("%s.%s is %v; it has to be finite and not negative", name, field, x))
		}
	}
	return errors.Join(errs...)
}

// task makes the settings of the task.
func (s PairwiseSettings) task(j Job) (train.Pairwise, error) {
	t := train.Pairwise{Negatives: s.Negatives}
	switch s.Loss {
	case "bpr_max":
		t.Loss = loss.BPRMax{Regularization: s.Regularization}
	case "hinge":
		t.Loss = loss.Hinge{Margin: s.Margin}
	case "top1":
		t.Loss = loss.TOP1{}
	}
	counts, err := train.Counts(j.Examples, j.Train), error(nil)
	switch s.Sampler {
	case "popularity":
		def(&s.Exponent, 0.75) // Mikolov et al. 2013.
		t.Sampler, err = sampler.NewPopularity(j.Examples.First, counts, s.Exponent)
	case "log_uniform": // Item indices fall in frequency: see categorify.
		t.Sampler, err = sampler.NewLogUniform(j.Examples.First, len(counts))
	}
	return t, err
}
