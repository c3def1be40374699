package main

import (
	"context"

	"recsys/model"
	"recsys/optim"
	"recsys/schema"
	"recsys/tensor"
	"recsys/train"
)

// The two-tower of the comparison.
const (
	towerUsers = 100_000
	towerItems = 1_000_000
	towerDim   = 64
	towerBatch = 1024
	towerRows  = 200 * towerBatch
	towerRate  = 0.01
)

func towerUser() []int64 { return zipf(1, towerRows, towerUsers) }
func towerItem() []int64 { return zipf(2, towerRows, towerItems) }

// writeTower writes the users and items of the rows.
func writeTower(dir string) error {
	if err := save(dir, "users", towerUser()); err != nil {
		return err
	}
	return save(dir, "items", towerItem())
}

func newTower(ctx context.Context) (work, error) {
	int64s := schema.DType{DType: tensor.Int64}
	e := &train.Examples{
		Schema: schema.Schema{
			{Name: "user", DType: int64s, Cardinality: towerUsers, Tags: []schema.Tag{schema.User, schema.ID, schema.Categorical}},
			{Name: "item", DType: int64s, Cardinality: towerItems, Tags: []schema.Tag{schema.Item, schema.ID, schema.Categorical}},
		},
		Users: tensor.Map{"user": tensor.Of(firsts[int64](towerUsers), towerUsers)},
		Items: tensor.Map{"item": tensor.Of(firsts[int64](towerItems), towerItems)},
		User:  make([]int32, towerRows), Item: make([]int32, towerRows),
	}
	for i, id := range towerUser() {
		e.User[i] = int32(id)
	}
	for i, id := range towerItem() {
		e.Item[i] = int32(id)
	}
	m, err := model.NewTwoTower(e.Schema, model.TwoTower{Dim: towerDim, Query: []int{128, 64}, Candidate: []int{128, 64}})
	if err != nil {
		return nil, err
	}
	task, err := train.NewSoftmaxTask(m, e, firsts[int32](towerRows), train.Softmax{})
	if err != nil {
		return nil, err
	}
	// The sample is the whole batch, as PyTorch's is: a single shard.
	return fit(ctx, task, towerBatch, towerBatch, optim.Adagrad{}, towerRate)
}
