package pipeline

import (
	"context"

	"recsys/loss"
	"recsys/model"
	"recsys/tensor"
	"recsys/train"
)

// trainRetrieval runs a task and makes the trained model of its best state.
func trainRetrieval(ctx context.Context, m model.Retriever, t *train.Task, j Job, s TrainSettings) (*model.Retrieval, error) {
	trained := func(ctx context.Context, state tensor.Map) (*model.Retrieval, error) {
		return model.NewRetrieval(ctx, m, state, j.Examples.Items, j.Examples.First, j.Kernels)
	}
	var validate func(context.Context, tensor.Map) (float64, error)
	if j.Score != nil {
		validate = func(ctx context.Context, state tensor.Map) (float64, error) {
			r, err := trained(ctx, state)
			if err != nil {
				return 0, err
			}
			return j.Score(ctx, r)
		}
	}
	options, err := s.options(t, j, validate)
	if err != nil {
		return nil, err
	}
	result, err := train.Fit(ctx, t, options)
	if err != nil {
		return nil, err
	}
	return trained(ctx, result.State)
}

type popularity struct{}

func newPopularity(b Block) (RetrievalTrainer, error) { return decode[popularity](b) }

// decode reads a block's settings into a new T.
func decode[T any](b Block) (T, error) {
	var settings T
	err := b.Decode(&settings)
	return settings, err
}

func (popularity) Train(_ context.Context, j Job) (*model.Retrieval, error) {
	return model.Popularity(j.Schema, train.Counts(j.Examples, j.Train), j.Examples.First)
}

type mf struct {
	model.MatrixFactorization

	PairwiseSettings

	L2  float32       `json:"l2"`
	Fit TrainSettings `json:"train"`
}

func newMF(b Block) (RetrievalTrainer, error) {
	s, err := decode[mf](b)
	if err != nil {
		return s, err
	}
	if err := s.validate(b.Name); err != nil {
		return s, b.at(err)
	}
	// Pairs say little each: more and larger steps than other models take, until the validation part says that it is enough.
	def(&s.Fit.Epochs, 40)
	def(&s.Fit.LearningRate, 0.003)
	def(&s.Fit.Patience, 4)
	return s, b.check(s.Fit)
}

func (s mf) Train(ctx context.Context, j Job) (*model.Retrieval, error) {
	m, err := model.NewMatrixFactorization(j.Schema, s.MatrixFactorization)
	if err != nil {
		return nil, err
	}
	settings, err := s.task(j)
	if err != nil {
		return nil, err
	}
	settings.L2 = s.L2
	t, err := train.NewPairwiseTask(m, j.Examples, j.Train, settings)
	if err != nil {
		return nil, err
	}
	return trainRetrieval(ctx, m, t, j, s.Fit)
}

type twoTower struct {
	model.TwoTower

	Loss loss.SampledSoftmax `json:"sampled_softmax"`
	L2   float32             `json:"l2"`
	Fit  TrainSettings       `json:"train"`
}

func newTwoTower(b Block) (RetrievalTrainer, error) {
	s, err := decode[twoTower](b)
	if err == nil {
		err = b.check(s.Fit)
	}
	return s, err
}

func (s twoTower) Train(ctx context.Context, j Job) (*model.Retrieval, error) {
	m, err := model.NewTwoTower(j.Schema, s.TwoTower)
	if err != nil {
		return nil, err
	}
	t, err := train.NewSoftmaxTask(m, j.Examples, j.Train, train.Softmax{Loss: s.Loss, L2: s.L2})
	if err != nil {
		return nil, err
	}
	return trainRetrieval(ctx, m, t, j, s.Fit)
}
