package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"recsys/data"
	"recsys/eval"
	"recsys/model"
	"recsys/onnx"
)

// scoreMetric is the metric of the validation part by which retrieval models stop training.
const scoreMetric = "ndcg@10"

// Train trains every model, builds the serving stages and writes both with the rows of users and items. What stops it
// leaves checkpoints in the run folder, from which the next Train of the same data, settings, seed, version and instruction
// set goes on, to the same bytes; another one is refused unless Options.Restart is set.
func (p *Pipeline) Train(ctx context.Context) error {
	if err := p.prepare(ctx); err != nil {
		return err
	}
	if err := p.openCheckpoints(); err != nil {
		return err
	}
	if err := p.train(ctx); err != nil {
		if ctx.Err() != nil {
			p.note("stopped; the same command goes on from here")
		}
		return err
	}
	return os.RemoveAll(p.path(checkpointsDir))
}

func (p *Pipeline) train(ctx context.Context) error {
	sources, err := p.trainRetrieval(ctx)
	if err != nil {
		return err
	}
	ranking, err := p.trainRanking(ctx)
	if err != nil || len(sources) == 0 {
		return err
	}
	p.phase("build stages")
	return p.writeServing(ctx, sources, ranking)
}

// job is what every trainer works on.
func (p *Pipeline) job() (Job, error) {
	j := Job{
		Examples: p.examples, Schema: p.examples.Schema, Train: p.rows(data.Train), Valid: p.rows(data.Valid),
		Seed: p.config.Seed, Kernels: p.options.Kernels,
	}
	if time := p.config.Data.Interactions.Time; time != "" {
		var err error
		if j.Times, err = data.Values[int64](p.tables.Interactions, time); err != nil {
			return j, fmt.Errorf("data.interactions.time: %w", err)
		}
	}
	if p.options.Reporter != nil {
		j.Progress = p.options.Reporter.Training
	}
	return j, nil
}

// trainRetrieval trains all retrieval models and returns those that are served, none for a pipeline without retrieval.
func (p *Pipeline) trainRetrieval(ctx context.Context) ([]source, error) {
	trainers, err := p.options.Registry.retrieval(p.config)
	if err != nil || len(trainers) == 0 {
		return nil, err
	}
	if trainers, err = p.withPopularity(trainers); err != nil {
		return nil, err
	}
	j, err := p.job()
	if err != nil {
		return nil, err
	}
	j.Train = p.ordered(j.Train)
	if j.Valid = p.ordered(j.Valid); len(j.Valid) > 0 {
		j.Score = func(ctx context.Context, r *model.Retrieval) (float64, error) {
			m, err := eval.Retrieval(ctx, r, p.examples, j.Valid, j.Train, eval.Options{Kernels: p.options.Kernels})
			return m[scoreMetric], err
		}
	}
	sources, before := make([]*model.Retrieval, len(trainers)), make([]*model.Retrieval, len(trainers))
	for i, t := range trainers {
		p.phase("train %s", t.name)
		own, err := p.withCheckpoints(j, "retrieval", t.name)
		if err != nil {
			return nil, err
		}
		if sources[i], err = t.trainer.Train(ctx, own); err != nil {
			return nil, fmt.Errorf("train %s: %w", t.name, err)
		}
		if _, ok := t.trainer.(solved); ok && len(j.Valid) > 0 {
			all := j
			all.Train, all.Valid, all.Score = slices.Concat(j.Train, j.Valid), nil, nil
			before[i] = sources[i]
			if sources[i], err = t.trainer.Train(ctx, all); err != nil {
				return nil, fmt.Errorf("train %s on all but the test part: %w", t.name, err)
			}
		}
		sources[i].Name = t.name
	}
	served, err := p.served(sources, trainers)
	if err != nil {
		return nil, err
	}
	return served, replaceDir(p.path(sourcesDir), func(dir string) error {
		for i, s := range sources {
			if err := writeSource(filepath.Join(dir, s.Name), s); err != nil {
				return err
			}
			if before[i] == nil {
				continue
			}
			if err := writeSource(filepath.Join(dir, s.Name, validationDir), before[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

// withPopularity adds popularity behind the others where it is not among them: every figure needs it for comparison.
func (p *Pipeline) withPopularity(trainers []namedTrainer) ([]namedTrainer, error) {
	for _, t := range trainers {
		if t.name == model.PopularityName {
			return trainers, nil
		}
	}
	block, err := NewBlock(model.PopularityName, struct{}{})
	if err != nil {
		return nil, err
	}
	t, err := newPopularity(block)
	return append(trainers, namedTrainer{model.PopularityName, t, 0}), err
}

// ordered leaves out the interactions that have no place in their user's sequence: retrieval does not know them.
func (p *Pipeline) ordered(rows []int32) []int32 {
	out := make([]int32, 0, len(rows))
	for _, r := range rows {
		if int(p.examples.Position[r]) < len(p.examples.Sequences.Of(p.examples.User[r])) {
			out = append(out, r)
		}
	}
	return out
}

func (p *Pipeline) trainRanking(ctx context.Context) (*Ranking, error) {
	trainer, err := p.options.Registry.ranking(p.config)
	if err != nil || trainer == nil {
		return nil, err
	}
	name := p.config.Ranking.Name
	p.phase("train %s", name)
	j, err := p.job()
	if err != nil {
		return nil, err
	}
	if j, err = p.withCheckpoints(j, "ranking", name); err != nil {
		return nil, err
	}
	ranking, err := trainer.Train(ctx, j)
	if err != nil {
		return nil, fmt.Errorf("train %s: %w", name, err)
	}
	ranking.Name = name
	return ranking, replaceDir(p.path(rankingDir), func(dir string) error {
		return onnx.Write(filepath.Join(dir, name+".onnx"), ranking.Graph, onnx.Meta{})
	})
}

// errNoRanker tells that a run has no ranker.
var errNoRanker = errors.New("the pipeline has no ranking")

func (p *Pipeline) readRanking() (*Ranking, error) {
	return readRanking(p.config, p.options.Registry, p.run)
}

// readRanking reads the ranker of a run.
func readRanking(c *Config, registry *Registry, run string) (*Ranking, error) {
	trainer, err := registry.ranking(c)
	if err != nil {
		return nil, err
	}
	if trainer == nil {
		return nil, errNoRanker
	}
	r := &Ranking{Name: c.Ranking.Name}
	for _, t := range trainer.Tasks() {
		r.Tasks = append(r.Tasks, t.Name)
	}
	r.Graph, err = readGraph(filepath.Join(run, rankingDir, r.Name+".onnx"))
	return r, err
}
