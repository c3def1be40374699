package gateway_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"recsys/tensor"
)

func TestFields(t *testing.T) {
	s := newStand(t, described(t))
	tests := []struct{ fields, want string }{
		{`["year", "genres"]`, `"items":[{"item_id":"a","score":0.9,"rank":1,"fields":{"genres":["Drama","Comedy"],"year":1990}},{"item_id":"b","score":0.8,"rank":2,"fields":{"genres":["Drama"],"year":1991}},` +
			`{"item_id":"c","score":0.7,"rank":3,"fields":{"genres":["Drama","Comedy"],"year":null}}]`},
		{`["item_id", "available_in"]`, `"items":[{"item_id":"a","score":0.9,"rank":1,"fields":{"available_in":[],"item_id":"a"}}`},
		{`[]`, `"items":[{"item_id":"a","score":0.9,"rank":1},`},
		{`null`, `"items":[{"item_id":"a","score":0.9,"rank":1},`},
		{`["color"]`, `{"pointer":"/fields/0","detail":"no such attribute; there are available_in, genres, item_id, year"}`},
		{`["year", 1]`, `{"pointer":"/fields/1","detail":"want a string"}`},
		{`"year"`, `{"pointer":"/fields","detail":"want a list"}`},
		{`[` + strings.Repeat(`"year",`, 64) + `"year"]`, `{"pointer":"/fields","detail":"65 elements, at most 64 are allowed"}`},
	}
	for _, tt := range tests {
		if w := post(t, s, `{"user_id": 7, "num_results": 3, "fields": `+tt.fields+`}`); !strings.Contains(w.Body.String(), tt.want) {
			t.Errorf("%s: got %s, want %s", tt.fields, w.Body, tt.want)
		}
	}
	s.ranker.infer = func(context.Context, tensor.Map) (tensor.Map, string, error) { return nil, "", errors.New("down") }
	w := do(t, s.public, http.MethodPost, batchPath, `{"requests": [{"user_id": 7, "num_results": 1, "fields": ["year"]}]}`)
	if want := `"items":[{"item_id":"j","score":0,"rank":1,"fields":{"year":1999}}]`; !strings.Contains(w.Body.String(), want) {
		t.Errorf("fallback in a batch: got %s, want %s", w.Body, want)
	}
}
