package pipeline

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"recsys/ensemble/stage"
	"recsys/eval"
	"recsys/graph"
	"recsys/model"
	"recsys/schema"
	"recsys/tensor"
	"recsys/train"
)

// Ranking is a trained ranker.
type Ranking struct {
	// Name is the model's name, Tasks its tasks in order.
	Name  string
	Tasks []string
	// Graph has inputs model.QueryInput and model.ItemInput, and an output [B,K] of each task's name.
	Graph *graph.Graph
}

// ranker trains a model of settings T.
type ranker[T any] struct {
	// Tasked and Fit stand among the model's own settings.
	Tasked []TaskSettings `json:"tasks"`
	Fit    TrainSettings  `json:"train"`

	settings T
	build    func(s schema.Schema, settings T, tasks []string) (model.Ranker, error)
}

// RankerOf returns what a [Registry] wants of a ranker: a function that reads the settings T from a block, where they
// stand beside tasks and train, and makes a trainer of the model that build makes.
func RankerOf[T any](build func(s schema.Schema, settings T, tasks []string) (model.Ranker, error)) func(Block) (RankingTrainer, error) {
	return func(b Block) (RankingTrainer, error) {
		r := ranker[T]{build: build}
		own, shared, err := b.cut("tasks", "train")
		if err != nil {
			return nil, err
		}
		if err := shared.Decode(&r); err != nil {
			return nil, err
		}
		if err := own.Decode(&r.settings); err != nil {
			return nil, err
		}
		if err := b.check(r.Fit); err != nil {
			return nil, err
		}
		return r, b.checkTasks(r.Tasked)
	}
}

var taskPattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

// checkTasks wants tasks with names that can be tensors and comparisons that can be read.
func (b Block) checkTasks(tasks []TaskSettings) error {
	if len(tasks) == 0 {
		return b.at(errors.New("tasks are missing; name what to predict, such as {name: like, binary: \"rating >= 4\"}"))
	}
	for i, t := range tasks {
		if !taskPattern.MatchString(t.Name) || reservedTask(t.Name) {
			return b.at(fmt.Errorf("task name %q; use letters, digits and '_', a letter first, and no name of a tensor of the ensemble",
				t.Name))
		}
		if _, err := t.condition(); err != nil {
			return b.at(err)
		}
		if w := float64(t.Weight); !(w >= 0) || math.IsInf(w, 1) {
			return b.at(fmt.Errorf("task %q: the weight %g has to be positive and finite", t.Name, w))
		}
		if slices.ContainsFunc(tasks[:i], func(other TaskSettings) bool { return other.Name == t.Name }) {
			return b.at(fmt.Errorf("task %q stands twice", t.Name))
		}
	}
	return nil
}

// taskWeights are the weights of the tasks' losses, nil where all are the default.
func taskWeights(tasks []TaskSettings) []float32 {
	weights, given := make([]float32, len(tasks)), false
	for i, t := range tasks {
		given = given || t.Weight != 0
		weights[i] = cmp.Or(t.Weight, 1)
	}
	if !given {
		return nil
	}
	return weights
}

// reservedTask tells whether a tensor of the ensemble has the name, or could have it.
func reservedTask(name string) bool {
	for _, prefix := range []string{"encoded_", "item_", "raw_item_", "interaction_", "explain_", stage.SourceQuery("")} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return slices.Contains([]string{
		stage.Query, stage.Blocked, stage.Candidates, stage.CandidateScores, stage.CandidateSources, stage.MaskedScores,
		stage.Scores, retrievalScore,
		stage.FoundCandidates, stage.CandidateKeys, stage.FoundScores, stage.FilteredScores, stage.Positions, stage.OrderScores,
	}, name)
}

func (r ranker[T]) Tasks() []TaskSettings { return r.Tasked }

func (r ranker[T]) Train(ctx context.Context, j Job) (*Ranking, error) {
	tasks := make([]string, len(r.Tasked))
	for i, t := range r.Tasked {
		tasks[i] = t.Name
	}
	m, err := r.build(j.Schema, r.settings, tasks)
	if err != nil {
		return nil, err
	}
	t, err := train.NewPointwiseTask(m, j.Examples, j.Train, taskWeights(r.Tasked)...)
	if err != nil {
		return nil, err
	}
	g, err := model.RankGraph(m)
	if err != nil {
		return nil, err
	}
	options, err := r.Fit.options(t, j, validateRanking(g, tasks[0], j))
	if err != nil {
		return nil, err
	}
	result, err := train.Fit(ctx, t, options)
	if err != nil {
		return nil, err
	}
	return &Ranking{Name: m.Name(), Tasks: m.Tasks(), Graph: g}, g.Load(result.State)
}

// validateRanking scores g by a task's log-loss on the validation rows; nil without such rows.
func validateRanking(g *graph.Graph, task string, j Job) func(context.Context, tensor.Map) (float64, error) {
	if len(j.Valid) == 0 {
		return nil
	}
	return func(ctx context.Context, state tensor.Map) (float64, error) {
		if err := g.Load(state); err != nil {
			return 0, err
		}
		metrics, err := eval.Ranking(ctx, g, j.Examples, j.Valid, eval.Options{Kernels: j.Kernels})
		if err != nil {
			return 0, err
		}
		return -metrics[task]["log_loss"], nil
	}
}
