package pipeline

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"recsys/ensemble/stage"
	"recsys/eval"
	"recsys/graph"
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

	Negatives int           `json:"negatives"`
	L2        float32       `json:"l2"`
	Fit       TrainSettings `json:"train"`
}

func newMF(b Block) (RetrievalTrainer, error) {
	s, err := decode[mf](b)
	if err == nil {
		err = b.check(s.Fit)
	}
	return s, err
}

func (s mf) Train(ctx context.Context, j Job) (*model.Retrieval, error) {
	m, err := model.NewMatrixFactorization(j.Schema, s.MatrixFactorization)
	if err != nil {
		return nil, err
	}
	t, err := train.NewPairwiseTask(m, j.Examples, j.Train, train.Pairwise{Negatives: s.Negatives, L2: s.L2})
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

// Ranking is a trained ranker.
type Ranking struct {
	// Name is the model's name, Tasks its tasks in order.
	Name  string
	Tasks []string
	// Graph has inputs model.QueryInput and model.ItemInput, and an output [B,K] of each task's name.
	Graph *graph.Graph
}

type dlrm struct {
	model.DLRM

	Tasked []TaskSettings `json:"tasks"`
	Fit    TrainSettings  `json:"train"`
}

var taskPattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

// reservedTask tells whether a tensor of the ensemble has the name, or could have it.
func reservedTask(name string) bool {
	for _, prefix := range []string{"encoded_", "item_", "explain_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return slices.Contains([]string{
		stage.Query, stage.Blocked, stage.Candidates, stage.CandidateScores, stage.MaskedScores, stage.Scores, retrievalScore,
	}, name)
}

func newDLRM(b Block) (RankingTrainer, error) {
	m, err := decode[dlrm](b)
	if err != nil {
		return nil, err
	}
	if err := b.check(m.Fit); err != nil {
		return nil, err
	}
	if len(m.Tasked) == 0 {
		return nil, b.at(errors.New("tasks are missing; name what to predict, such as {name: like, binary: \"rating >= 4\"}"))
	}
	for _, t := range m.Tasked {
		if !taskPattern.MatchString(t.Name) || reservedTask(t.Name) {
			return nil, b.at(fmt.Errorf("task name %q; use letters, digits and '_', a letter first, and no name of a tensor of the ensemble",
				t.Name))
		}
		if _, err := t.condition(); err != nil {
			return nil, b.at(err)
		}
		m.DLRM.Tasks = append(m.DLRM.Tasks, t.Name)
	}
	return m, nil
}

func (s dlrm) Tasks() []TaskSettings { return s.Tasked }

func (s dlrm) Train(ctx context.Context, j Job) (*Ranking, error) {
	m, err := model.NewDLRM(j.Schema, s.DLRM)
	if err != nil {
		return nil, err
	}
	t, err := train.NewPointwiseTask(m, j.Examples, j.Train)
	if err != nil {
		return nil, err
	}
	g, err := model.RankGraph(m)
	if err != nil {
		return nil, err
	}
	var validate func(context.Context, tensor.Map) (float64, error)
	if len(j.Valid) > 0 {
		validate = func(ctx context.Context, state tensor.Map) (float64, error) {
			if err := g.Load(state); err != nil {
				return 0, err
			}
			metrics, err := eval.Ranking(ctx, g, j.Examples, j.Valid, eval.Options{Kernels: j.Kernels})
			if err != nil {
				return 0, err
			}
			return -metrics[m.Tasks()[0]]["log_loss"], nil
		}
	}
	options, err := s.Fit.options(t, j, validate)
	if err != nil {
		return nil, err
	}
	result, err := train.Fit(ctx, t, options)
	if err != nil {
		return nil, err
	}
	return &Ranking{Name: m.Name(), Tasks: m.Tasks(), Graph: g}, g.Load(result.State)
}
