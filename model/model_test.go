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
