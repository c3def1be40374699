package model_test

import (
	"testing"

	"recsys/model"
	"recsys/model/modeltest"
	"recsys/schema"
)

func TestMatrixFactorization(t *testing.T) {
	modeltest.Retriever(t, func(s schema.Schema) (model.Retriever, error) {
		return model.NewMatrixFactorization(s, model.MatrixFactorization{Dim: 8})
	})
}

func TestTwoTower(t *testing.T) {
	tests := map[string]model.TwoTower{
		"default history": {Dim: 8, Query: []int{16, 8}, Candidate: []int{16, 8}},
		"own history, plain mean, normalised": {
			Dim: 8, Query: []int{8}, Candidate: []int{8}, OwnHistory: true, Recency: []float32{0}, Normalize: true,
		},
	}
	for name, settings := range tests {
		t.Run(name, func(t *testing.T) {
			modeltest.Retriever(t, func(s schema.Schema) (model.Retriever, error) { return model.NewTwoTower(s, settings) })
		})
	}
}

func TestGRU4Rec(t *testing.T) {
	none := float32(0) // The world is too small for any.
	modeltest.SequenceRetriever(t, func(s schema.Schema) (model.SequenceRetriever, error) {
		return model.NewGRU4Rec(s, model.GRU4Rec{Dim: 16, Hidden: 32, Dropout: &none, Deviation: 0.1})
	})
}

func TestSASRec(t *testing.T) {
	none, some := float32(0), float32(0.1) // The world is too small for more.
	for name, settings := range map[string]model.SASRec{
		"two blocks":            {Dim: 16, Dropout: &some},
		"two heads, no dropout": {Dim: 8, Blocks: 1, Heads: 2, Dropout: &none},
	} {
		t.Run(name, func(t *testing.T) {
			modeltest.SequenceRetriever(t, func(s schema.Schema) (model.SequenceRetriever, error) { return model.NewSASRec(s, settings) })
		})
	}
}
