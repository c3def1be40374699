package pipeline

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/optim"
)

// The tests are inside the package: what settings make of a trainer's options does not leave it.

func TestTrainSettings(t *testing.T) {
	const steps = 50
	tests := map[string]struct {
		settings TrainSettings
		want     optim.Config
	}{
		"default": {TrainSettings{}, optim.Config{Rule: optim.Adam{}, Rate: optim.Constant(0.001)}},
		"adamw": {
			TrainSettings{Optimizer: "adamw", Schedule: "cosine", Final: 0.5, LearningRate: 2, Warmup: 7},
			optim.Config{
				Rule: optim.Adam{}, Decay: 0.01,
				Rate: optim.Warmup{Steps: 7, Then: optim.Cosine{Peak: 2, Final: 1, Total: steps}},
			},
		},
		"sgd": {
			TrainSettings{Optimizer: "sgd", Momentum: 0.9, Nesterov: true, Schedule: "linear", L2: 0.1, ClipNorm: 2, ClipValue: 3},
			optim.Config{
				Rule: optim.SGD{Momentum: 0.9, Nesterov: true}, Rate: optim.Linear{Peak: 0.001, Total: steps},
				L2: 0.1, ClipNorm: 2, ClipValue: 3,
			},
		},
		"ftrl": {
			TrainSettings{Optimizer: "ftrl", L1: 0.1, Schedule: "step", Factor: 0.5, Every: 3, WeightDecay: 0.2},
			optim.Config{
				Rule: optim.FTRL{L1: 0.1}, Decay: 0.2,
				Rate: optim.Exponential{Peak: 0.001, Factor: 0.5, Every: 3, Staircase: true},
			},
		},
		"adagrad": {
			TrainSettings{Optimizer: "adagrad", Schedule: "exponential", Factor: 0.5, Every: 3},
			optim.Config{Rule: optim.Adagrad{}, Rate: optim.Exponential{Peak: 0.001, Factor: 0.5, Every: 3}},
		},
		"row_adagrad": {
			TrainSettings{Optimizer: "row_adagrad", Schedule: "constant"},
			optim.Config{Rule: optim.RowAdagrad{}, Rate: optim.Constant(0.001)},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if err := test.settings.validate(); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(test.settings.config(steps), test.want); diff != "" {
				t.Errorf("config (-got +want):\n%s", diff)
			}
		})
	}
}

func TestTrainSettingsErrors(t *testing.T) {
	for want, s := range map[string]TrainSettings{
		`train.schedule: unknown "sine"`:                 {Schedule: "sine"},
		"train.nesterov is for optimizer: sgd":           {Optimizer: "adam", Nesterov: true},
		"train.l1 is for optimizer: ftrl":                {L1: 1},
		"train.final is for schedule: linear, cosine":    {Final: 0.5},
		"train.every is for schedule: exponential, step": {Every: 5},
		"train.final is 2":                               {Schedule: "cosine", Final: 2},
		"Momentum is 1":                                  {Optimizer: "sgd", Momentum: 1},
		"ClipValue is -1":                                {ClipValue: -1},
		"only patience can be negative":                  {Warmup: -1},
	} {
		if err := s.validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q in it", err, want)
		}
	}
}
