package gateway_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"recsys/ensemble"
	"recsys/featurestore"
	"recsys/gateway"
	"recsys/schema"
	"recsys/tensor"
)

// popular is an Inferencer that gives everybody the same; package client has one for Triton.
type popular struct{}

func (popular) Infer(context.Context, string, tensor.Map, []string) (tensor.Map, string, error) {
	return tensor.Map{
		"item_ids": tensor.Of([]int64{17, 99}, 1, 2), "scores": tensor.Of([]float32{0.75, 0.5}, 1, 2),
	}, "3", nil
}

func (popular) Ready(context.Context, string) error { return nil }

func Example() {
	key := schema.DType{DType: tensor.Int64}
	manifest := &ensemble.Manifest{
		Format: ensemble.ManifestFormat, Name: "shop", Generation: 3, Fuse: "groups",
		UserKey: schema.Column{Name: "user_id", DType: key}, ItemKey: schema.Column{Name: "item_id", DType: key},
		Inputs:  schema.Schema{{Name: "user_id", DType: key}},
		Outputs: ensemble.ManifestOutputs{ItemIDs: "item_ids", Scores: "scores"},
		Limits:  ensemble.ManifestLimits{MaxBatch: 1, Candidates: 2, MaxResults: 2},
		Items:   ensemble.ManifestItems{First: 3, Count: 2},
	}
	items := func(yield func(featurestore.Record, error) bool) {
		_ = yield(featurestore.Record{UserID: "17"}, nil) && yield(featurestore.Record{UserID: "99"}, nil)
	}
	g, err := gateway.New(gateway.Config{
		Manifest: manifest, Items: items, Inferencer: popular{}, Store: featurestore.NewMemory(),
	}, gateway.WithIDs(func() string { return "r1" }))
	if err != nil {
		panic(err)
	}
	w := httptest.NewRecorder()
	g.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/v1/recommendations", strings.NewReader(`{"user_id": "42", "num_results": 1}`)))
	fmt.Println(w.Body)
	// Output: {"request_id":"r1","recommendation_id":"r1","model":{"name":"shop","generation":3,"variant":"default"},"items":[{"item_id":"17","score":0.75,"rank":1}],"degraded":false,"degraded_reasons":[],"missing_item_ids":[]}
}
