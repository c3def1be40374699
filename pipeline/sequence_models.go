package pipeline

import (
	"context"
	"fmt"

	"recsys/model"
	"recsys/train"
)

// sequence are the settings of training that sequence models share.
type sequence struct {
	// Negatives is the number of items that each target is told from; 0 is the softmax over all.
	Negatives int `json:"negatives"`
	// Newest trains on the newest window of every user alone.
	Newest bool          `json:"newest"`
	Fit    TrainSettings `json:"train"`
}

// sasrec trains a transformer over histories, gru4rec a recurrent unit.
type (
	sasrec struct {
		model.SASRec
		sequence
	}
	gru4rec struct {
		model.GRU4Rec
		sequence
	}
)

func newSASRec(b Block) (RetrievalTrainer, error) {
	s, err := decode[sasrec](b)
	if err == nil {
		err = s.prepare(b)
	}
	return s, err
}

func newGRU4Rec(b Block) (RetrievalTrainer, error) {
	s, err := decode[gru4rec](b)
	if err == nil {
		err = s.prepare(b)
	}
	return s, err
}

// prepare fills in defaults and checks the settings.
func (s *sequence) prepare(b Block) error {
	if s.Negatives < 0 {
		return b.at(fmt.Errorf("negatives %d cannot be negative; 0 is the softmax over all items", s.Negatives))
	}
	// A row is a whole history: batches of them are smaller than those of interactions, and epochs shorter.
	def(&s.Fit.Batch, 128)
	def(&s.Fit.Shard, 32)
	def(&s.Fit.Epochs, 60)
	def(&s.Fit.Patience, 5)
	return b.check(s.Fit)
}

func (s sasrec) Train(ctx context.Context, j Job) (*model.Retrieval, error) {
	m, err := model.NewSASRec(j.Schema, s.SASRec)
	if err != nil {
		return nil, err
	}
	return s.train(ctx, m, j)
}

func (s gru4rec) Train(ctx context.Context, j Job) (*model.Retrieval, error) {
	m, err := model.NewGRU4Rec(j.Schema, s.GRU4Rec)
	if err != nil {
		return nil, err
	}
	return s.train(ctx, m, j)
}

func (s sequence) train(ctx context.Context, m model.SequenceRetriever, j Job) (*model.Retrieval, error) {
	t, err := train.NewSequenceTask(m, j.Examples, j.Train, train.NextItem{Negatives: s.Negatives, Newest: s.Newest})
	if err != nil {
		return nil, err
	}
	return trainRetrieval(ctx, m, t, j, s.Fit)
}
