package pipeline

import (
	"context"
	"errors"
	"fmt"

	"recsys/model"
	"recsys/schema"
	"recsys/tensor"
	"recsys/train"
)

// These models have no training loop: they are solved.
type (
	ease     struct{ model.EASE }
	itemKNN  struct{ model.ItemKNN }
	ials     struct{ model.IALS }
	slim     struct{ model.SLIM }
	trending struct{ model.Trending }
)

func newEASE(b Block) (RetrievalTrainer, error) { return decode[ease](b) }

func newItemKNN(b Block) (RetrievalTrainer, error) { return decode[itemKNN](b) }

func newIALS(b Block) (RetrievalTrainer, error) { return decode[ials](b) }

func newSLIM(b Block) (RetrievalTrainer, error) { return decode[slim](b) }

func newTrending(b Block) (RetrievalTrainer, error) { return decode[trending](b) }

func (trending) solved() {}

func (slim) solved() {}

func (ease) solved() {}

func (itemKNN) solved() {}

func (ials) solved() {}

func (popularity) solved() {}

// seenItems returns what closed-form models learn from, and the number of item indices.
func (j Job) seenItems() (*model.UserItems, int) {
	return train.NewUserItems(j.Examples, j.Train), len(train.Counts(j.Examples, nil))
}

func (s ease) Train(ctx context.Context, j Job) (*model.Retrieval, error) {
	seen, items := j.seenItems()
	m, err := s.Fit(ctx, seen, items, j.Examples.First, j.Kernels)
	if err != nil {
		return nil, err
	}
	return m.Retrieval(j.Schema)
}

func (s slim) Train(ctx context.Context, j Job) (*model.Retrieval, error) {
	seen, items := j.seenItems()
	m, err := s.Fit(ctx, seen, items, j.Examples.First, j.Kernels)
	if err != nil {
		return nil, err
	}
	return m.Retrieval(j.Schema)
}

func (s trending) Train(_ context.Context, j Job) (*model.Retrieval, error) {
	if j.Times == nil {
		return nil, errors.New("interactions have no time to tell new ones from old: name their column by data.interactions.time, or use popularity")
	}
	items, times := make([]int32, len(j.Train)), make([]int64, len(j.Train))
	for i, r := range j.Train {
		items[i], times[i] = j.Examples.Item[r], j.Times[r]
	}
	return s.Fit(j.Schema, items, times, len(train.Counts(j.Examples, nil)), j.Examples.First)
}

func (s itemKNN) Train(ctx context.Context, j Job) (*model.Retrieval, error) {
	seen, items := j.seenItems()
	m, err := s.Fit(ctx, seen, items, j.Examples.First)
	if err != nil {
		return nil, err
	}
	return m.Retrieval(j.Schema)
}

func (s ials) Train(ctx context.Context, j Job) (*model.Retrieval, error) {
	keys := j.Schema.Select(schema.User, schema.ID, schema.Categorical)
	if len(keys) == 0 {
		return nil, errors.New("the schema has no categorical user id column; categorify the user key in features")
	}
	ids, err := tensor.Data[int64](j.Examples.Users[keys[0].Name])
	if err != nil {
		return nil, fmt.Errorf("column %q: %w", keys[0].Name, err)
	}
	seen, items := j.seenItems()
	return s.Fit(ctx, j.Schema, seen, ids, items, j.Examples.First, j.Kernels, j.Seed)
}
