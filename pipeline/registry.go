package pipeline

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"recsys/feature"
	"recsys/feature/op"
	"recsys/graph/kernel"
	"recsys/model"
	"recsys/schema"
	"recsys/train"
)

// Registry says what the names in recsys.yaml mean. Callers extend a copy of [Standard]'s maps; a Registry in use must
// not be changed.
type Registry struct {
	Operators *feature.Registry
	// Retrieval and Ranking make a model's trainer from its block.
	Retrieval map[string]func(Block) (RetrievalTrainer, error)
	Ranking   map[string]func(Block) (RankingTrainer, error)
}

// Standard returns everything that is built in.
func Standard() *Registry {
	return &Registry{
		Operators: op.Registry(),
		Retrieval: map[string]func(Block) (RetrievalTrainer, error){
			model.PopularityName: newPopularity, model.TrendingName: newTrending, "item_knn": newItemKNN, "ease": newEASE,
			"slim": newSLIM, "ials": newIALS, "mf": newMF,
			"two_tower": newTwoTower, "sasrec": newSASRec, "gru4rec": newGRU4Rec,
		},
		Ranking: map[string]func(Block) (RankingTrainer, error){
			"logistic_regression": RankerOf(func(s schema.Schema, m model.LogisticRegression, tasks []string) (model.Ranker, error) {
				m.Tasks = tasks
				return model.NewLogisticRegression(s, m)
			}),
			"deepfm": RankerOf(func(s schema.Schema, m model.DeepFM, tasks []string) (model.Ranker, error) {
				m.Tasks = tasks
				return model.NewDeepFM(s, m)
			}),
			"dlrm": RankerOf(func(s schema.Schema, m model.DLRM, tasks []string) (model.Ranker, error) {
				m.Tasks = tasks
				return model.NewDLRM(s, m)
			}),
			"dcn_v2": RankerOf(func(s schema.Schema, m model.DCNv2, tasks []string) (model.Ranker, error) {
				m.Tasks = tasks
				return model.NewDCNv2(s, m)
			}),
			"mmoe": RankerOf(func(s schema.Schema, m model.MMoE, tasks []string) (model.Ranker, error) {
				m.Tasks = tasks
				return model.NewMMoE(s, m)
			}),
			"fm": RankerOf(func(s schema.Schema, m model.FM, tasks []string) (model.Ranker, error) {
				m.Tasks = tasks
				return model.NewFM(s, m)
			}),
			"wide_deep": RankerOf(func(s schema.Schema, m model.WideDeep, tasks []string) (model.Ranker, error) {
				m.Tasks = tasks
				return model.NewWideDeep(s, m)
			}),
			"xdeepfm": RankerOf(func(s schema.Schema, m model.XDeepFM, tasks []string) (model.Ranker, error) {
				m.Tasks = tasks
				return model.NewXDeepFM(s, m)
			}),
			"autoint": RankerOf(func(s schema.Schema, m model.AutoInt, tasks []string) (model.Ranker, error) {
				m.Tasks = tasks
				return model.NewAutoInt(s, m)
			}),
			"finalmlp": RankerOf(func(s schema.Schema, m model.FinalMLP, tasks []string) (model.Ranker, error) {
				m.Tasks = tasks
				return model.NewFinalMLP(s, m)
			}),
			"masknet": RankerOf(func(s schema.Schema, m model.MaskNet, tasks []string) (model.Ranker, error) {
				m.Tasks = tasks
				return model.NewMaskNet(s, m)
			}),
			"din": RankerOf(func(s schema.Schema, m model.DIN, tasks []string) (model.Ranker, error) {
				m.Tasks = tasks
				return model.NewDIN(s, m)
			}),
			"ple": RankerOf(func(s schema.Schema, m model.PLE, tasks []string) (model.Ranker, error) {
				m.Tasks = tasks
				return model.NewPLE(s, m)
			}),
		},
	}
}

// Job is what a trainer works on.
type Job struct {
	Examples *train.Examples
	// Schema holds the encoded columns.
	Schema schema.Schema
	// Train and Valid are the interactions of these parts.
	Train, Valid []int32
	// Times are those of all interactions in Unix seconds; nil where the data has none.
	Times []int64
	Seed  uint64
	// Kernels is the set to compute with; nil means the fastest.
	Kernels *kernel.Set
	// Progress may be nil.
	Progress func(train.Progress)
	// Checkpoint, Resume and CheckpointEvery are those of train.Options. A trainer that leaves them alone trains from the
	// beginning.
	Checkpoint      func(*train.Checkpoint) error
	Resume          *train.Checkpoint
	CheckpointEvery time.Duration
	// Score evaluates a retrieval model on Valid; greater is better. Nil without validation interactions.
	Score func(context.Context, *model.Retrieval) (float64, error)
}

// RetrievalTrainer trains one retrieval model.
type RetrievalTrainer interface {
	Train(ctx context.Context, j Job) (*model.Retrieval, error)
}

// solved are trainers whose models the data alone decides: nothing stops them by the validation part. They learn from
// the training part for their figures on the validation part, and from both for those on the test part and for serving.
type solved interface{ solved() }

// RankingTrainer trains one ranker.
type RankingTrainer interface {
	// Tasks are the tasks that the ranker predicts.
	Tasks() []TaskSettings
	Train(ctx context.Context, j Job) (*Ranking, error)
}

// Workflow makes the operators of c. A categorify with a vocabulary_file has not read it.
func (r *Registry) Workflow(c *Config) (feature.Workflow, error) {
	var w feature.Workflow
	for _, block := range c.Features {
		if !slices.Contains(r.Operators.Names(), block.Name) {
			return w, fmt.Errorf("features: %w", block.unknown("operator", r.Operators.Names()))
		}
		// Decode's own error says less: not where the block stands.
		var settings error
		o, err := r.Operators.Decode(block.Name, func(into any) error {
			settings = block.Decode(into)
			return settings
		})
		switch {
		case settings != nil:
			return w, fmt.Errorf("features: %w", settings)
		case err != nil:
			return w, fmt.Errorf("features: line %d: %w", block.Line, err)
		}
		w.Operators = append(w.Operators, o)
	}
	return w, nil
}

// retrieval makes the trainers of c by name, in order.
func (r *Registry) retrieval(c *Config) ([]namedTrainer, error) {
	trainers := make([]namedTrainer, 0, len(c.Retrieval))
	for _, block := range c.Retrieval {
		kind, ok := r.Retrieval[block.Name]
		if !ok {
			return nil, block.unknown("retrieval model", slices.Collect(maps.Keys(r.Retrieval)))
		}
		own, quota, err := block.quota()
		if err != nil {
			return nil, fmt.Errorf("retrieval: %w", err)
		}
		t, err := kind(own)
		if err != nil {
			return nil, fmt.Errorf("retrieval: %w", err)
		}
		for _, other := range trainers {
			if other.name == block.Name {
				return nil, fmt.Errorf("retrieval: line %d: %s stands twice", block.Line, block.Name)
			}
		}
		trainers = append(trainers, namedTrainer{block.Name, t, quota})
	}
	return trainers, c.checkQuotas(trainers)
}

type namedTrainer struct {
	name    string
	trainer RetrievalTrainer
	quota   int
}

// ranking makes the trainer of c's ranker, nil when there is none.
func (r *Registry) ranking(c *Config) (RankingTrainer, error) {
	if c.Ranking == nil {
		return nil, nil //nolint:nilnil // No ranker is a pipeline that ends with retrieval.
	}
	kind, ok := r.Ranking[c.Ranking.Name]
	if !ok {
		return nil, c.Ranking.unknown("ranker", slices.Collect(maps.Keys(r.Ranking)))
	}
	t, err := kind(*c.Ranking)
	if err != nil {
		return nil, fmt.Errorf("ranking: %w", err)
	}
	return t, nil
}
