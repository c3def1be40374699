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

// ease, itemKNN and ials have no training loop: they are solved.
type (
	ease    struct{ model.EASE }
	itemKNN struct{ model.ItemKNN }
	ials    struct{ model.IALS }
)

func newEASE(b Block) (RetrievalTrainer, error) { return decode[ease](b) }

func newItemKNN(b Block) (RetrievalTrainer, error) { return decode[itemKNN](b) }

func newIALS(b Block) (RetrievalTrainer, error) { return decode[ials](b) }

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
