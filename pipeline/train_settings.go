package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"recsys/optim"
	"recsys/tensor"
	"recsys/train"
)

// TrainSettings say how a model is trained. The zero value of a field is the default that train.Options states.
type TrainSettings struct {
	Epochs int `json:"epochs"`
	// Batch is the number of rows of an optimiser step; Shard is that of a worker at once, and in-batch negatives are a
	// shard's.
	Batch int `json:"batch"`
	Shard int `json:"shard"`
	// Optimizer is adam (the default), adagrad or sgd. LearningRate is constant; 0 means 0.001.
	Optimizer    string  `json:"optimizer"`
	LearningRate float64 `json:"learning_rate"`
	// WeightDecay is decoupled from the gradient; it reaches only the rows of tables that a step touches.
	WeightDecay float64 `json:"weight_decay"`
	// Patience is the number of epochs without a better validation score after which training stops; 0 means 2,
	// negative means never.
	Patience int `json:"patience"`
}

// validate checks the settings by themselves.
func (s TrainSettings) validate() error {
	if !slices.Contains([]string{"", "adam", "adagrad", "sgd"}, s.Optimizer) {
		return fmt.Errorf("train.optimizer: unknown %q; there are: adagrad, adam, sgd", s.Optimizer)
	}
	if s.Epochs < 0 || s.Batch < 0 || s.Shard < 0 || s.LearningRate < 0 || s.WeightDecay < 0 {
		return errors.New("train: only patience can be negative")
	}
	return nil
}

func (s TrainSettings) options(j Job, validate func(context.Context, tensor.Map) (float64, error)) (train.Options, error) {
	o := optim.Config{Decay: s.WeightDecay}
	if err := s.validate(); err != nil {
		return train.Options{}, err
	}
	switch s.Optimizer {
	case "", "adam":
		o.Rule = optim.Adam{}
	case "adagrad":
		o.Rule = optim.Adagrad{}
	case "sgd":
		o.Rule = optim.SGD{}
	}
	if s.LearningRate != 0 {
		o.Rate = optim.Constant(s.LearningRate)
	}
	return train.Options{
		Epochs: s.Epochs, BatchRows: s.Batch, ShardRows: s.Shard, Patience: s.Patience, Seed: j.Seed, Kernels: j.Kernels,
		Progress: j.Progress, Validate: validate, Optimizer: o,
	}, nil
}

// check validates a model's training settings.
func (b Block) check(s TrainSettings) error {
	if err := s.validate(); err != nil {
		return b.at(err)
	}
	return nil
}
