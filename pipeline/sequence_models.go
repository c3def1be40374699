package pipeline

import (
	"context"
	"fmt"

	"recsys/model"
	"recsys/train"
)

// sasrec trains a transformer over histories.
type sasrec struct {
	model.SASRec

	// Negatives is the number of items that each target is told from; 0 is the softmax over all.
	Negatives int `json:"negatives"`
	// Newest trains on the newest window of every user alone.
	Newest bool          `json:"newest"`
	Fit    TrainSettings `json:"train"`
}

func newSASRec(b Block) (RetrievalTrainer, error) {
	s, err := decode[sasrec](b)
	if err != nil {
		return s, err
	}
	if s.Negatives < 0 {
		return s, b.at(fmt.Errorf("negatives %d cannot be negative; 0 is the softmax over all items", s.Negatives))
	}
	// A row is a whole history: batches of them are smaller than those of interactions, and epochs shorter.
	def(&s.Fit.Batch, 128)
	def(&s.Fit.Shard, 32)
	def(&s.Fit.Epochs, 60)
	def(&s.Fit.Patience, 5)
	return s, b.check(s.Fit)
}

func (s sasrec) Train(ctx context.Context, j Job) (*model.Retrieval, error) {
	m, err := model.NewSASRec(j.Schema, s.SASRec)
	if err != nil {
		return nil, err
	}
	t, err := train.NewSequenceTask(m, j.Examples, j.Train, train.NextItem{Negatives: s.Negatives, Newest: s.Newest})
	if err != nil {
		return nil, err
	}
	return trainRetrieval(ctx, m, t, j, s.Fit)
}
