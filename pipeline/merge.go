package pipeline

import (
	"errors"
	"fmt"
	"slices"

	"recsys/ensemble"
	"recsys/ensemble/stage"
	"recsys/model"
)

// Quota is what a block of retrieval says beside a model's own settings.
type Quota struct {
	// Quota is the number of candidates that a model behind the first one brings, which takes what the others leave. 0, the
	// default, is a model that is trained and evaluated, and not served.
	Quota int `json:"quota"`
}

// quota cuts the quota off a block.
func (b Block) quota() (Block, int, error) {
	own, shared, err := b.cut("quota")
	if err != nil {
		return b, 0, err
	}
	var q Quota
	if err := shared.Decode(&q); err != nil {
		return b, 0, err
	}
	if q.Quota < 0 {
		return b, 0, b.at(fmt.Errorf("quota: %d cannot be negative", q.Quota))
	}
	return own, q.Quota, nil
}

// checkQuotas checks what the trainers' quotas ask of the rest of the pipeline.
func (c *Config) checkQuotas(trainers []namedTrainer) error {
	others := 0
	for i, t := range trainers {
		if t.quota > 0 && i == 0 {
			return fmt.Errorf("retrieval: %s: the first model takes the candidates that others leave; give quotas to the others", t.name)
		}
		others += t.quota
	}
	if others == 0 {
		return nil
	}
	var errs []error
	if others >= c.Candidates {
		errs = append(errs, fmt.Errorf("retrieval: quotas of %d in all leave none of the %d candidates to %s; lower them or raise candidates",
			others, c.Candidates, trainers[0].name))
	}
	if c.Index.IVF != nil {
		errs = append(errs, errors.New("index.ivf: is for one source; leave it out, or the quotas of retrieval"))
	}
	return errors.Join(errs...)
}

// checkSources refuses what cannot be had of several sources, whose scores mean different things.
func (p *Pipeline) checkSources(trainers []namedTrainer, blend []stage.Term) error {
	if !slices.ContainsFunc(trainers, func(t namedTrainer) bool { return t.quota > 0 }) {
		return nil
	}
	if c, ok := p.onlyCustom(asSource); ok {
		return fmt.Errorf("retrieval: quotas have no meaning beside the source %q, in the place of the models", c.CustomStage.Name)
	}
	if _, ok := p.onlyCustom(asOrdering); ok {
		return nil
	}
	if len(blend) == 0 || slices.ContainsFunc(blend, func(t stage.Term) bool { return t.Tensor == stage.MaskedScores }) {
		return errors.New("ordering.blend: the retrieval scores of several sources cannot be compared; add a ranker and order by its tasks, " +
			"or leave the quotas of retrieval out")
	}
	return nil
}

// source is a retrieval model that is served: the first one, whose quota is what the others leave, or one with a quota.
type source struct {
	*model.Retrieval

	quota int
}

// served picks the models that serve.
func (p *Pipeline) served(trained []*model.Retrieval, trainers []namedTrainer) ([]source, error) {
	sources := []source{{trained[0], 0}}
	others := 0
	for i, t := range trainers[1:] {
		if t.quota > 0 {
			sources = append(sources, source{trained[i+1], t.quota})
			others += t.quota
		}
	}
	k := p.candidates(trained[0])
	if sources[0].quota = k - others; sources[0].quota < 1 {
		return nil, fmt.Errorf("retrieval: quotas of %d in all leave none of the catalogue's %d items to %s; lower them", others, k, trained[0].Name)
	}
	return sources, nil
}

// mergeStages are the queries of several sources, by whether they have item vectors, and the stage that takes candidates from all.
func mergeStages(sources []source) (vectors, scores []ensemble.Stage, retrieve ensemble.Stage, err error) {
	list := make([]stage.Source, len(sources))
	for i, s := range sources {
		list[i] = stage.Source{Name: s.Name, Retrieval: stage.Retrieval{
			Items: s.Items, Count: s.Count(), First: s.First, Candidates: s.quota,
		}}
		name, names := stage.QueryName, stage.Names{}
		if i > 0 {
			name = stage.SourceQuery(s.Name)
			names.Outputs = map[string]string{stage.Query: name}
		}
		query, err := stage.Rename(name, s.Query, names)
		if err != nil {
			return nil, nil, retrieve, err
		}
		if s.Items == nil {
			scores = append(scores, query)
		} else {
			vectors = append(vectors, query)
		}
	}
	retrieve, err = stage.RetrieveSources(list)
	return vectors, scores, retrieve, err
}
