package gateway_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/ensemble"
	"recsys/featurestore"
	"recsys/gateway"
	"recsys/schema"
	"recsys/tensor"
)

func itemRow() schema.Schema {
	return schema.Schema{
		column("price", tensor.Float32, 0, schema.Item), column("brand", tensor.String, 0, schema.Item),
		column("sizes", tensor.Int64, 2, schema.Item),
	}
}

func itemCodec(tb testing.TB) *featurestore.Codec {
	tb.Helper()
	c, err := featurestore.NewCodec(itemRow())
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

// packItem is an item's row with an event time.
func packItem(tb testing.TB, price float32, brand string, size, time int64) []byte {
	tb.Helper()
	row, err := itemCodec(tb).Encode(tensor.Map{
		"price": tensor.Of([]float32{price}, 1), "brand": tensor.Of([]string{brand}, 1), "sizes": tensor.Of([]int64{size, size + 1}, 1, 2),
	}, time)
	if err != nil {
		tb.Fatal(err)
	}
	return row
}

func splitManifest(tb testing.TB, generation int) *ensemble.Manifest {
	tb.Helper()
	m := manifest(tb)
	m.Generation = generation
	m.Limits.Candidates = 6
	m.Ranking = &ensemble.ManifestRanking{
		Keys: "ranking_keys", Tensors: []string{"candidates"}, Shared: []string{"age"}, Own: []string{"device"},
		Columns: itemRow()[:3], Row: itemRow(), RowHash: itemCodec(tb).Hash(),
		Defaults: map[string]any{"price": 0.5, "sizes": []any{int64(7)}},
	}
	return m
}

// pair is two ensembles of which any generation can be served. The first one finds the items a to f for everybody, the last two slots empty; the
// second one orders by price, the highest first, and refuses inputs of another generation.
type pair struct {
	tb testing.TB

	mu       sync.Mutex
	first    int            // the generation that the first ensemble serves
	second   map[string]int // those of the models that rank
	inputs   [2]tensor.Map  // the last ones
	outputs  []string
	asked    []string // models and versions, in order
	onAsked  func()   // is called before the second ensemble answers
	failure  error    // of the second ensemble
	ready    map[string]error
	manifest func(generation int) *ensemble.Manifest
}

func (p *pair) Ready(_ context.Context, model string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ready[model]
}

func (p *pair) Infer(_ context.Context, model string, in tensor.Map, outputs []string) (tensor.Map, string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, model)
	p.inputs[0], p.outputs = in, outputs
	users := in["user_id"].Dim(0)
	keys, candidates := make([]string, 6*users), make([]int64, 6*users)
	for i := range keys {
		if i%6 < 4 {
			keys[i] = itemKeys()[i%6]
		}
		candidates[i] = int64(1000*p.first + i)
	}
	out := tensor.Map{"ranking_keys": tensor.Of(keys, users, 6), "ranking_candidates": tensor.Of(candidates, users, 6)}
	return out, strconv.Itoa(p.first), nil
}

func (p *pair) InferVersion(_ context.Context, model, version string, in tensor.Map, _ []string) (tensor.Map, error) {
	p.mu.Lock()
	onAsked := p.onAsked
	p.mu.Unlock()
	if onAsked != nil {
		onAsked()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked = append(p.asked, model+"@"+version)
	if p.failure != nil {
		return nil, p.failure
	}
	if generation, ok := p.second[model]; !ok || strconv.Itoa(generation) != version {
		return nil, fmt.Errorf("%w: %s version %s", gateway.ErrGone, model, version)
	}
	p.inputs[1] = in
	candidates := tensor.MustData[int64](in["candidates"])
	if strconv.FormatInt(candidates[0]/1000, 10) != version {
		return nil, errors.New("candidates of another generation")
	}
	users := in["candidates"].Dim(0)
	prices := tensor.MustData[float32](in["raw_item_price"])
	ids, scores := make([]string, 6*users), make([]float32, 6*users)
	for user := range users {
		order := []int{0, 1, 2, 3}
		slices.SortStableFunc(order, func(a, b int) int {
			return int(math.Copysign(2, float64(prices[6*user+b]-prices[6*user+a])))
		})
		for i := range 6 {
			scores[6*user+i] = float32(math.Inf(-1))
			if i < len(order) {
				ids[6*user+i], scores[6*user+i] = itemKeys()[order[i]], prices[6*user+order[i]]
			}
		}
	}
	return tensor.Map{"item_ids": tensor.Of(ids, users, 6), "scores": tensor.Of(scores, users, 6)}, nil
}

// Served and Open are those of a repository that says what the first ensemble serves.
func (p *pair) Served(context.Context) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.first, nil
}

func (p *pair) Open(_ context.Context, generation int) (gateway.Generation, error) {
	return gateway.Generation{Manifest: p.manifest(generation), Items: items()}, nil
}

func (p *pair) serve(first int, second map[string]int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.first, p.second = first, second
}

func (p *pair) calls() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer func() { p.asked = nil }()
	return p.asked
}

// itemStore counts what items are read, and can be made to fail at that alone.
type itemStore struct {
	featurestore.Store

	mu    sync.Mutex
	reads [][]string
	err   error
}

func (s *itemStore) Items(ctx context.Context, ids []string) ([][]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads = append(s.reads, slices.Clone(ids))
	if s.err != nil {
		return nil, s.err
	}
	return s.Store.Items(ctx, ids)
}

// newPair has prices 1, 4, 2, 3 of a, b, c, d.
func newPair(t *testing.T) (*pair, *itemStore, *stand) {
	t.Helper()
	p := &pair{tb: t, manifest: func(generation int) *ensemble.Manifest { return splitManifest(t, generation) }, ready: map[string]error{}}
	p.serve(7, map[string]int{"shop_ranking": 7})
	store := &itemStore{}
	s := newStand(t, func(c *gateway.Config) {
		store.Store = c.Store
		c.Manifest, c.Inferencer, c.Ranker, c.Store, c.Generations = p.manifest(7), p, p, store, p
	})
	for i, price := range []float32{1, 4, 2, 3} {
		loadItem(t, store, itemKeys()[i], packItem(t, price, "acme", int64(i), 0))
	}
	return p, store, s
}

func loadItem(t *testing.T, store featurestore.Store, id string, row []byte) {
	t.Helper()
	_, err := store.LoadItems(t.Context(), func(yield func(featurestore.Record, error) bool) {
		yield(featurestore.Record{UserID: id, Row: row}, nil)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func listOf(a gateway.Answer) string {
	ids := make([]string, len(a.Items))
	for i, item := range a.Items {
		ids[i] = item.ItemID
	}
	return strings.Join(ids, " ")
}

// request asks for user 1 and returns the answer's items.
func request(t *testing.T, s *stand) (string, gateway.Answer) {
	t.Helper()
	a := ask(t, s)
	return listOf(a), a
}

func TestSplitRanksWithItemRows(t *testing.T) {
	p, store, s := newPair(t)
	got, a := request(t, s)
	if got != "b d c" || a.Degraded || a.Model.Generation != 7 { // a is excluded
		t.Errorf("got %s, %+v; want b d c of generation 7", got, a)
	}
	if diff := cmp.Diff([]string{"shop", "shop_ranking@7"}, p.calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([][]string{{"a", "b", "c", "d"}}, store.reads); diff != "" {
		t.Errorf("reads of items (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"ranking_keys", "ranking_candidates"}, p.outputs); diff != "" {
		t.Errorf("outputs asked of the first ensemble (-want +got):\n%s", diff)
	}
	if _, ok := p.inputs[0]["device"]; ok || p.inputs[0]["age"] == nil || p.inputs[0]["blocked"] == nil {
		t.Errorf("inputs of the first ensemble: %v", p.inputs[0].Names())
	}
	want := []string{"age", "candidates", "device", "raw_item_brand", "raw_item_price", "raw_item_sizes"}
	if diff := cmp.Diff(want, p.inputs[1].Names()); diff != "" {
		t.Errorf("inputs of the second ensemble (-want +got):\n%s", diff)
	}
	in := p.inputs[1]
	// The two empty slots have the defaults: 0.5, null, and a list of one.
	null := int64(tensor.NullInt64)
	for name, want := range map[string]*tensor.Tensor{
		"raw_item_price": tensor.Of([]float32{1, 4, 2, 3, 0.5, 0.5}, 1, 6),
		"raw_item_brand": tensor.Of([]string{"acme", "acme", "acme", "acme", "", ""}, 1, 6),
		"raw_item_sizes": tensor.Of([]int64{0, 1, 1, 2, 2, 3, 3, 4, 7, null, 7, null}, 1, 6, 2),
		"age":            tensor.Of([]float32{30.5}, 1, 1),
	} {
		if !in[name].Equal(want) {
			t.Errorf("%s is %v %v, want %v", name, in[name], in[name].Any(), want.Any())
		}
	}
	loadItem(t, store, "c", packItem(t, 9, "acme", 0, 0))
	if got, _ := request(t, s); got != "c b d" {
		t.Errorf("after a price has changed: %s, want c b d", got)
	}
}

func TestSplitWithoutRows(t *testing.T) {
	_, store, s := newPair(t)
	loadItem(t, store, "e", packItem(t, 1, "", 0, 0)) // is not among the candidates
	other, err := featurestore.NewCodec(itemRow()[:1])
	if err != nil {
		t.Fatal(err)
	}
	row, err := other.Encode(tensor.Map{"price": tensor.Of([]float32{100}, 1)}, 0)
	if err != nil {
		t.Fatal(err)
	}
	loadItem(t, store, "b", row)
	got, a := request(t, s)
	if diff := cmp.Diff([]string{gateway.FeaturesInvalid}, a.DegradedReasons); diff != "" || got != "d c b" {
		t.Errorf("a row of another export: %s, reasons (-want +got):\n%s", got, diff)
	}
	metrics := do(t, s.admin, http.MethodGet, "/metrics", "").Body.String()
	for _, want := range []string{
		`recsys_feature_values_total{entity="item",status="hit"} 3`, `recsys_feature_values_total{entity="item",status="stale"} 1`,
		"recsys_item_fetch_duration_seconds_count 1",
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics have no %s", want)
		}
	}
	store.mu.Lock()
	store.err = errors.New("down")
	store.mu.Unlock()
	got, a = request(t, s)
	if diff := cmp.Diff([]string{gateway.FeaturesUnavailable}, a.DegradedReasons); diff != "" || got != "b c d" {
		t.Errorf("without the store: %s, want b c d, which all have the default price; reasons (-want +got):\n%s", got, diff)
	}
	s.store.fail(errors.New("down"))
	if _, a = request(t, s); len(a.DegradedReasons) != 1 {
		t.Errorf("a store that does not answer twice gives the reasons %v, want one", a.DegradedReasons)
	}
}

func TestSplitBatch(t *testing.T) {
	p, store, s := newPair(t)
	w := do(t, s.public, http.MethodPost, "/v1/recommendations:batch",
		`{"requests": [{"user_id": 1}, {"user_id": 2, "context": {"device": "tv"}, "num_results": 2}, {"user_id": 3, "exclude_item_ids": ["b"]}]}`)
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	for _, want := range []string{`"b","score":4,"rank":1},{"item_id":"d","score":3,"rank":2},{"item_id":"c"`, `"d","score":3,"rank":1},{"item_id":"c"`} {
		if !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s\nhas no %s", w.Body, want)
		}
	}
	if len(store.reads) != 1 || len(store.reads[0]) != 4 {
		t.Errorf("reads of items: %v, want one of four", store.reads)
	}
	if got := p.inputs[1]["raw_item_price"]; !got.Equal(tensor.Of([]float32{1, 4, 2, 3, 0.5, 0.5, 1, 4, 2, 3, 0.5, 0.5, 1, 4, 2, 3, 0.5, 0.5}, 3, 6)) {
		t.Errorf("prices of three users: %v", got.Any())
	}
	if got := p.inputs[1]["device"]; !got.Equal(tensor.Of([]string{"", "tv", ""}, 3, 1)) {
		t.Errorf("devices of three users: %v", got.Any())
	}
}

// TestSplitFollowsASwitch goes through the states that a publish has, one after the other.
func TestSplitFollowsASwitch(t *testing.T) {
	p, _, s := newPair(t)
	steps := []struct {
		name       string
		first      int
		second     map[string]int
		generation int
		calls      []string
	}{
		{"before", 7, map[string]int{"shop_ranking": 7}, 7, []string{"shop", "shop_ranking@7"}},
		{"pre-flight", 7, map[string]int{"shop_ranking": 7, "shop_next_ranking": 8}, 7, []string{"shop", "shop_ranking@7"}},
		// The manifest of 8 is read and all is done anew with it.
		{"half", 8, map[string]int{"shop_ranking": 7, "shop_next_ranking": 8}, 8, []string{"shop", "shop", "shop_ranking@8", "shop_next_ranking@8"}},
		{"whole", 8, map[string]int{"shop_ranking": 8, "shop_next_ranking": 8}, 8, []string{"shop", "shop_ranking@8"}},
		{"after", 8, map[string]int{"shop_ranking": 8}, 8, []string{"shop", "shop_ranking@8"}},
	}
	for _, tt := range steps {
		p.serve(tt.first, tt.second)
		got, a := request(t, s)
		if got != "b d c" || a.Degraded || a.Model.Generation != tt.generation {
			t.Errorf("%s: %s, %+v; want generation %d", tt.name, got, a, tt.generation)
		}
		if diff := cmp.Diff(tt.calls, p.calls()); diff != "" {
			t.Errorf("%s: calls (-want +got):\n%s", tt.name, diff)
		}
	}
}

// TestSplitStartsOver switches between the two calls of one request: what the first one answered is of no use any more.
func TestSplitStartsOver(t *testing.T) {
	p, _, s := newPair(t)
	var once sync.Once
	p.onAsked = func() { once.Do(func() { p.serve(8, map[string]int{"shop_ranking": 8}) }) }
	got, a := request(t, s)
	if got != "b d c" || a.Degraded || a.Model.Generation != 8 {
		t.Errorf("got %s, %+v; want generation 8, whole", got, a)
	}
	want := []string{"shop", "shop_ranking@7", "shop_next_ranking@7", "shop", "shop", "shop_ranking@8"}
	if diff := cmp.Diff(want, p.calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

// TestSplitGivesUp asks when the second ensemble is not served at all, and when it fails: popular items are the answer, after one more try only
// where a switch may be the reason.
func TestSplitGivesUp(t *testing.T) {
	p, _, s := newPair(t)
	p.serve(7, nil)
	_, a := request(t, s)
	if diff := cmp.Diff([]string{gateway.FallbackPopular}, a.DegradedReasons); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
	want := []string{"shop", "shop_ranking@7", "shop_next_ranking@7", "shop", "shop_ranking@7", "shop_next_ranking@7"}
	if diff := cmp.Diff(want, p.calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	p.serve(7, map[string]int{"shop_ranking": 7})
	p.failure = errors.New("boom")
	if _, a = request(t, s); !slices.Contains(a.DegradedReasons, gateway.FallbackPopular) {
		t.Errorf("reasons %v, want %s", a.DegradedReasons, gateway.FallbackPopular)
	}
	if diff := cmp.Diff([]string{"shop", "shop_ranking@7"}, p.calls()); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
}

func TestSplitReady(t *testing.T) {
	p, _, s := newPair(t)
	if w := do(t, s.public, http.MethodGet, "/readyz", ""); w.Code != http.StatusOK {
		t.Errorf("ready: %d", w.Code)
	}
	for _, model := range []string{"shop", "shop_ranking"} {
		p.ready = map[string]error{model: errors.New("down")}
		if w := do(t, s.public, http.MethodGet, "/readyz", ""); w.Code != http.StatusServiceUnavailable {
			t.Errorf("ready without %s: %d", model, w.Code)
		}
	}
}

func TestSplitNeedsARanker(t *testing.T) {
	config := gateway.Config{
		Manifest: splitManifest(t, 7), Items: items(), Inferencer: &ranker{}, Store: featurestore.NewMemory(),
	}
	if _, err := gateway.New(config); err == nil || !strings.Contains(err.Error(), "no ranker") {
		t.Errorf("without a ranker: %v", err)
	}
	config.Ranker = &pair{}
	config.Manifest.Ranking.RowHash = "00000000"
	if _, err := gateway.New(config); err == nil || !strings.Contains(err.Error(), "row hash 00000000 of items") {
		t.Errorf("with a wrong hash: %v", err)
	}
}

// TestSplitRefusesWrongAnswers has the first ensemble answer something else than the manifest says.
func TestSplitRefusesWrongAnswers(t *testing.T) {
	for name, out := range map[string]tensor.Map{
		"no keys":      {"ranking_candidates": tensor.Zeros(tensor.Int64, 1, 6)},
		"other keys":   {"ranking_keys": tensor.Zeros(tensor.Int64, 1, 6), "ranking_candidates": tensor.Zeros(tensor.Int64, 1, 6)},
		"too few":      {"ranking_keys": tensor.Zeros(tensor.String, 1, 5), "ranking_candidates": tensor.Zeros(tensor.Int64, 1, 6)},
		"not all":      {"ranking_keys": tensor.Zeros(tensor.String, 1, 6)},
		"of two users": {"ranking_keys": tensor.Zeros(tensor.String, 2, 6), "ranking_candidates": tensor.Zeros(tensor.Int64, 2, 6)},
	} {
		t.Run(name, func(t *testing.T) {
			p := &pair{tb: t, second: map[string]int{"shop_ranking": 7}}
			s := newStand(t, func(c *gateway.Config) {
				c.Manifest, c.Ranker = splitManifest(t, 7), p
				c.Inferencer = &ranker{infer: func(context.Context, tensor.Map) (tensor.Map, string, error) { return out, "7", nil }}
			})
			_, a := request(t, s)
			if diff := cmp.Diff([]string{gateway.FallbackPopular}, a.DegradedReasons); diff != "" || len(p.calls()) > 0 {
				t.Errorf("reasons (-want +got):\n%s", diff)
			}
		})
	}
}
