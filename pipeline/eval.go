package pipeline

import (
	"context"
	"errors"
	"fmt"

	"recsys/data"
	"recsys/eval"
	"recsys/model"
)

// Eval evaluates every trained model, and the whole ensemble, on the held-out parts and writes metrics.json.
func (p *Pipeline) Eval(ctx context.Context) (*Metrics, error) {
	if err := p.prepare(ctx); err != nil {
		return nil, err
	}
	m := &Metrics{Split: p.config.Split.By}
	if err := readJSON(p.path(originFile), "fit", &m.Manifest); err != nil {
		return nil, err
	}
	byUser := results{}
	if err := p.evalRetrieval(ctx, m, byUser); err != nil {
		return nil, err
	}
	if err := p.evalRanking(ctx, m, byUser); err != nil {
		return nil, err
	}
	if err := p.evalPipeline(ctx, m, byUser); err != nil {
		return nil, err
	}
	if err := p.writeResults(byUser); err != nil {
		return nil, err
	}
	return m, writeJSON(p.path(metricsFile), m)
}

// part is held-out interactions with those that a user of theirs has before.
type part struct {
	name       string
	rows, seen []int32
}

// heldOut returns the parts that have interactions.
func (p *Pipeline) heldOut() []part {
	var parts []part
	for _, h := range []part{
		{data.Valid.String(), p.rows(data.Valid), p.rows(data.Train)},
		{data.Test.String(), p.rows(data.Test), p.rows(data.Train, data.Valid)},
	} {
		if len(h.rows) > 0 {
			parts = append(parts, h)
		}
	}
	return parts
}

func (p *Pipeline) evalOptions() eval.Options { return eval.Options{Kernels: p.options.Kernels} }

func (p *Pipeline) evalRetrieval(ctx context.Context, m *Metrics, byUser results) error {
	trainers, err := p.options.Registry.retrieval(p.config)
	if err != nil || len(trainers) == 0 {
		return err
	}
	if trainers, err = p.withPopularity(trainers); err != nil {
		return err
	}
	m.Retrieval = map[string]map[string]eval.Metrics{}
	for _, t := range trainers {
		p.phase("evaluate %s", t.name)
		source, err := readSource(p.path(sourcesDir, t.name), t.name, p.examples.First)
		if err != nil {
			return err
		}
		m.Retrieval[t.name] = map[string]eval.Metrics{}
		for _, h := range p.heldOut() {
			of := source
			if before := p.path(sourcesDir, t.name, validationDir); h.name == data.Valid.String() && exists(before) {
				if of, err = readSource(before, t.name, p.examples.First); err != nil {
					return err
				}
			}
			metrics, users, err := p.retrievalMetrics(ctx, of, h)
			if err != nil {
				return fmt.Errorf("evaluate %s on %s: %w", t.name, h.name, err)
			}
			byUser[resultKey{boardRetrieval, t.name, h.name, ""}] = users
			m.Retrieval[t.name][h.name] = metrics
			p.note("%s %s recall@10 %.4f ndcg@10 %.4f", t.name, h.name, metrics["recall@10"], metrics["ndcg@10"])
		}
	}
	return nil
}

// retrievalMetrics evaluates a retrieval model. Of an item-item model the metrics are of the full history, and those of
// the part that is served are beside them; those of each user are of the full history.
func (p *Pipeline) retrievalMetrics(ctx context.Context, source *model.Retrieval, h part) (eval.Metrics, *eval.ByUser, error) {
	o := p.evalOptions()
	rows, seen := p.ordered(h.rows), p.ordered(h.seen)
	metrics, users, err := eval.RetrievalByUser(ctx, source, p.examples, rows, seen, o)
	if err != nil || source.ItemItem == nil {
		return metrics, users, err
	}
	o.FullHistory = true
	full, users, err := eval.RetrievalByUser(ctx, source, p.examples, rows, seen, o)
	if err != nil {
		return nil, nil, err
	}
	for name, value := range metrics {
		full[ServedHistory+name] = value
	}
	return full, users, nil
}

func (p *Pipeline) evalRanking(ctx context.Context, m *Metrics, byUser results) error {
	ranking, err := p.readRanking()
	if errors.Is(err, errNoRanker) {
		return nil
	}
	if err != nil {
		return err
	}
	p.phase("evaluate %s", ranking.Name)
	m.Ranking = map[string]map[string]map[string]eval.Metrics{ranking.Name: {}}
	for _, h := range p.heldOut() {
		metrics, users, err := eval.RankingByUser(ctx, ranking.Graph, p.examples, h.rows, p.evalOptions())
		if err != nil {
			return fmt.Errorf("evaluate %s on %s: %w", ranking.Name, h.name, err)
		}
		m.Ranking[ranking.Name][h.name] = metrics
		for _, task := range ranking.Tasks {
			byUser[resultKey{boardRanking, ranking.Name, h.name, task}] = users[task]
			auc := "undefined"
			if v, ok := metrics[task]["auc"]; ok {
				auc = fmt.Sprintf("%.4f", v)
			}
			p.note("%s %s %s auc %s log-loss %.4f", ranking.Name, h.name, task, auc, metrics[task]["log_loss"])
		}
	}
	return nil
}
