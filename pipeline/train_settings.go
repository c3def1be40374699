package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"recsys/internal/nearest"
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
	// Optimizer is adam (the default), adamw, adagrad, row_adagrad, sgd or ftrl.
	Optimizer string `json:"optimizer"`
	// Momentum and Nesterov are sgd's, L1 is ftrl's.
	Momentum float64 `json:"momentum"`
	Nesterov bool    `json:"nesterov"`
	L1       float64 `json:"l1"`
	// LearningRate is the greatest; 0 means 0.001.
	LearningRate float64 `json:"learning_rate"`
	// Schedule is constant (the default), linear, cosine, exponential or step, behind Warmup steps of a rise from 0.
	Schedule string `json:"schedule"`
	Warmup   int    `json:"warmup"`
	// Final is where linear and cosine end with the last epoch, as a share of LearningRate.
	Final float64 `json:"final"`
	// Factor multiplies the rate every Every steps with exponential and step.
	Factor float64 `json:"factor"`
	Every  int     `json:"every"`
	// WeightDecay is decoupled from the gradient; it reaches only the rows of tables that a step touches, and so does L2,
	// which is added to the gradient. WeightDecay 0 means 0.01 with adamw.
	WeightDecay float64 `json:"weight_decay"`
	L2          float64 `json:"l2"`
	// ClipNorm and ClipValue bound the gradient's norm and its elements; 0 means no bound.
	ClipNorm  float64 `json:"clip_norm"`
	ClipValue float64 `json:"clip_value"`
	// Buffer is the number of rows in the shuffle buffer of interactions on disk; 0 means 262144.
	Buffer int `json:"buffer"`
	// Patience is the number of epochs without a better validation score after which training stops; 0 means 2,
	// negative means never.
	Patience int `json:"patience"`
}

// validate checks the settings by themselves.
func (s TrainSettings) validate() error {
	if s.Epochs < 0 || s.Batch < 0 || s.Shard < 0 || s.Warmup < 0 || s.Every < 0 || s.LearningRate < 0 || s.WeightDecay < 0 || s.Buffer < 0 {
		return errors.New("train: only patience can be negative")
	}
	errs := []error{
		oneOf("train.optimizer", s.Optimizer, "adagrad", "adam", "adamw", "ftrl", "row_adagrad", "sgd"),
		oneOf("train.schedule", s.Schedule, "constant", "cosine", "exponential", "linear", "step"),
		belongs("train.momentum", s.Momentum != 0, "optimizer", s.Optimizer, "sgd"),
		belongs("train.nesterov", s.Nesterov, "optimizer", s.Optimizer, "sgd"),
		belongs("train.l1", s.L1 != 0, "optimizer", s.Optimizer, "ftrl"),
		belongs("train.final", s.Final != 0, "schedule", s.Schedule, "linear", "cosine"),
		belongs("train.factor", s.Factor != 0, "schedule", s.Schedule, "exponential", "step"),
		belongs("train.every", s.Every != 0, "schedule", s.Schedule, "exponential", "step"),
	}
	if !(s.Final >= 0 && s.Final <= 1) {
		errs = append(errs, fmt.Errorf("train.final is %v; it has to be in [0,1]", s.Final))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if err := s.config(1).Validate(); err != nil {
		return fmt.Errorf("train: %w", err)
	}
	return nil
}

// oneOf checks a setting that names something; "" is the default.
func oneOf(name, value string, known ...string) error {
	if value == "" || slices.Contains(known, value) {
		return nil
	}
	return fmt.Errorf("%s: unknown %q; there are: %s%s", name, value, strings.Join(known, ", "), nearest.Hint(value, known))
}

// belongs checks that a setting is given only beside the values of another that read it.
func belongs(name string, given bool, of, value string, readers ...string) error {
	if !given || slices.Contains(readers, value) {
		return nil
	}
	return fmt.Errorf("%s is for %s: %s", name, of, strings.Join(readers, ", "))
}

// config makes the optimiser's settings for a number of steps.
func (s TrainSettings) config(steps int64) optim.Config {
	c := optim.Config{
		Rule: optim.Adam{}, Rate: s.rate(steps), Decay: s.WeightDecay, L2: s.L2, ClipNorm: s.ClipNorm, ClipValue: s.ClipValue,
	}
	switch s.Optimizer {
	case "adamw":
		def(&c.Decay, 0.01) // torch.optim.AdamW's default.
	case "adagrad":
		c.Rule = optim.Adagrad{}
	case "row_adagrad":
		c.Rule = optim.RowAdagrad{}
	case "sgd":
		c.Rule = optim.SGD{Momentum: s.Momentum, Nesterov: s.Nesterov}
	case "ftrl":
		c.Rule = optim.FTRL{L1: s.L1}
	}
	return c
}

// rate makes the schedule for a number of steps.
func (s TrainSettings) rate(steps int64) optim.Schedule {
	def(&s.LearningRate, 0.001)
	var rate optim.Schedule = optim.Constant(s.LearningRate)
	switch s.Schedule {
	case "linear":
		rate = optim.Linear{Peak: s.LearningRate, Final: s.LearningRate * s.Final, Total: steps}
	case "cosine":
		rate = optim.Cosine{Peak: s.LearningRate, Final: s.LearningRate * s.Final, Total: steps}
	case "exponential", "step":
		rate = optim.Exponential{Peak: s.LearningRate, Factor: s.Factor, Every: int64(s.Every), Staircase: s.Schedule == "step"}
	}
	if s.Warmup > 0 {
		rate = optim.Warmup{Steps: int64(s.Warmup), Then: rate}
	}
	return rate
}

// options makes the trainer's options for a task.
func (s TrainSettings) options(
	t *train.Task, j Job, validate func(context.Context, tensor.Map) (float64, error),
) (train.Options, error) {
	o := train.Options{
		Epochs: s.Epochs, BatchRows: s.Batch, ShardRows: s.Shard, Buffer: s.Buffer, Patience: s.Patience, Seed: j.Seed, Kernels: j.Kernels,
		Progress: j.Progress, Validate: validate, Checkpoint: j.Checkpoint, CheckpointEvery: j.CheckpointEvery, Resume: j.Resume,
	}
	if err := s.validate(); err != nil {
		return o, err
	}
	steps, err := t.Steps(o)
	if err != nil {
		return o, err
	}
	o.Optimizer = s.config(steps)
	return o, nil
}

// check validates a model's training settings.
func (b Block) check(s TrainSettings) error {
	if err := s.validate(); err != nil {
		return b.at(err)
	}
	return nil
}
