package eval

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/internal/parallel"
	"recsys/metric"
	"recsys/tensor"
	"recsys/train"
)

// rowBlock is the number of rows that are scored at once.
const rowBlock = 2048

// Scores runs a rank graph (see model.RankGraph; its parameters have data) over interactions, each with its own item
// (K = 1), and returns the probabilities of every output by name, in the order of rows.
func Scores(
	ctx context.Context, g *graph.Graph, e *train.Examples, rows []int32, o Options,
) (map[string][]float32, error) {
	o = o.withDefaults()
	plan, err := exec.Compile(g, exec.Options{Kernels: o.Kernels, Frozen: true})
	if err != nil {
		return nil, fmt.Errorf("score %q: %w", g.Name, err)
	}
	out := make(map[string][]float32, len(g.Outputs))
	for _, output := range g.Outputs {
		out[output.Name] = make([]float32, len(rows))
	}
	blocks := slices.Collect(slices.Chunk(rows, rowBlock))
	err = parallel.Do(o.Workers, len(blocks), func(i int) error {
		in, err := e.Inputs(g, blocks[i])
		if err != nil {
			return err
		}
		got, err := plan.Run(ctx, in)
		if err != nil {
			return err
		}
		for name, t := range got {
			p, err := tensor.Data[float32](t)
			if err != nil || len(p) != len(blocks[i]) {
				return fmt.Errorf("output %q is %s; it has to be float32 [B,1] for %d rows", name, t, len(blocks[i]))
			}
			copy(out[name][i*rowBlock:], p)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("score %q: %w", g.Name, err)
	}
	return out, nil
}

// Ranking scores held-out rows with a ranker's graph and compares the probabilities with the labels: per task "auc",
// "log_loss", "ece" (calibration error), "gauc" (AUC within users, weighted by their rows) and "rows". A metric that the rows leave undefined, such
// as the AUC of one class, is absent.
func Ranking(
	ctx context.Context, g *graph.Graph, e *train.Examples, rows []int32, o Options,
) (map[string]Metrics, error) {
	out := map[string]Metrics{}
	err := ranking(ctx, g, e, rows, o, func(task string, users []int64, scores, labels []float32) (err error) {
		out[task], err = pointwise(users, scores, labels)
		return err
	})
	return out, err
}

// RankingByUser is [Ranking] with each user's "gauc" and "log_loss" per task, whose weights are the user's rows.
func RankingByUser(
	ctx context.Context, g *graph.Graph, e *train.Examples, rows []int32, o Options,
) (map[string]Metrics, map[string]*ByUser, error) {
	out, byUser := map[string]Metrics{}, map[string]*ByUser{}
	err := ranking(ctx, g, e, rows, o, func(task string, users []int64, scores, labels []float32) (err error) {
		if out[task], err = pointwise(users, scores, labels); err != nil {
			return err
		}
		byUser[task], err = pointwiseByUser(users, scores, labels)
		return err
	})
	return out, byUser, err
}

// ranking calls measure with the users, probabilities and labels of every task.
func ranking(
	ctx context.Context, g *graph.Graph, e *train.Examples, rows []int32, o Options,
	measure func(task string, users []int64, scores, labels []float32) error,
) error {
	if len(rows) == 0 {
		return fmt.Errorf("evaluate %q: %w", g.Name, errors.New("there are no held-out interactions; look at the split"))
	}
	scores, err := Scores(ctx, g, e, rows, o)
	if err != nil {
		return err
	}
	users := make([]int64, len(rows))
	for i, r := range rows {
		users[i] = int64(e.User[r])
	}
	for task, p := range scores {
		labels, err := e.LabelsOf(task, rows)
		if err != nil {
			return fmt.Errorf("evaluate %q: %w", g.Name, err)
		}
		if err := measure(task, users, p, labels); err != nil {
			return fmt.Errorf("evaluate %q: task %q: %w", g.Name, task, err)
		}
	}
	return nil
}

func pointwise(users []int64, scores, labels []float32) (Metrics, error) {
	out := Metrics{"rows": float64(len(scores))}
	keep := func(name string, value float64, err error) error {
		if errors.Is(err, metric.ErrUndefined) {
			return nil
		}
		out[name] = value
		return err
	}
	for _, m := range []metric.Pointwise{&metric.AUC{}, &metric.LogLoss{}, &metric.Calibration{}} {
		if err := m.Add(scores, labels); err != nil {
			return nil, err
		}
		value, err := m.Value()
		if err := keep(m.Name(), value, err); err != nil {
			return nil, err
		}
	}
	grouped := &metric.GAUC{}
	if err := grouped.Add(users, scores, labels); err != nil {
		return nil, err
	}
	value, err := grouped.Value()
	return out, keep(grouped.Name(), value, err)
}
