package model_test

import (
	"fmt"

	"recsys/model"
	"recsys/model/modeltest"
)

func Example() {
	m, err := model.NewDLRM(modeltest.Examples().Schema, model.DLRM{Dim: 8, Tasks: []string{"click", "buy"}})
	if err != nil {
		fmt.Println(err)
		return
	}
	g, err := model.RankGraph(m)
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, in := range g.Inputs {
		fmt.Println(in)
	}
	for _, out := range g.Outputs {
		fmt.Println(out.Name, out.Value.Shape())
	}
	// Output:
	// encoded_user_id int64[B]
	// encoded_segment int64[B]
	// encoded_age float32[B]
	// encoded_history int64[B,5]
	// encoded_hour int64[B]
	// item_item_id int64[B,K]
	// item_category int64[B,K]
	// item_tags int64[B,K,3]
	// item_price float32[B,K]
	// interaction_gap float32[B,K]
	// click [B,K]
	// buy [B,K]
}
