package generation_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"recsys/client"
	"recsys/ensemble"
	"recsys/ensemble/ensembletest"
	"recsys/ensemble/generation"
	"recsys/featurestore"
	"recsys/gateway"
	"recsys/graph"
	"recsys/tensor"
	"recsys/test/triton"
)

// splitBase is that of the digits of a score: each group appends its generation, and float32 has all of them exactly.
const splitBase = 10

// splitStamped is the shop as two ensembles whose scores are the generations of the three groups: whatever is mixed has other digits.
func splitStamped(t *testing.T, number int64) (ensemble.Ensemble, ensemble.Manifest) {
	t.Helper()
	e, m, err := ensembletest.SplitShop(uint64(number))
	if err != nil {
		t.Fatal(err)
	}
	stage := func(group int, name string, build func(b *graph.Builder) *graph.Value) {
		b := graph.NewBuilder(name)
		b.Output(name, build(b))
		g, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		e.Groups[group].Stages = append(slices.Clone(e.Groups[group].Stages), ensemble.Stage{Name: name, Graph: g})
	}
	users := graph.Shape{graph.Sym(ensemble.BatchDim)}
	next := func(b *graph.Builder, before *graph.Value) *graph.Value {
		return b.Add(b.Mul(before, b.Int64(splitBase)), b.Int64(number))
	}
	stage(0, "stamp_0", func(b *graph.Builder) *graph.Value {
		return next(b, b.Mul(b.Input("user_id", tensor.Int64, users), b.Int64(0)))
	})
	stage(1, "stamp_1", func(b *graph.Builder) *graph.Value { return next(b, b.Input("stamp_0", tensor.Int64, users)) })
	stage(2, "stamped", func(b *graph.Builder) *graph.Value {
		scores := b.Input("scores", tensor.Float32, graph.Shape{graph.Sym(ensemble.BatchDim), graph.Fixed(ensembletest.ShopReturn)})
		stamp := b.Unsqueeze(b.Cast(next(b, b.Input("stamp_1", tensor.Int64, users)), tensor.Float32), []int64{1})
		return b.Where(b.IsInf(scores), scores, stamp)
	})
	e.Outputs, m.Outputs.Scores = []string{"item_ids", "stamped"}, "stamped"
	return e, m
}

func exportSplit(t *testing.T, dir string, number int64) int64 {
	t.Helper()
	e, m := splitStamped(t, number)
	x, err := ensemble.Write(t.Context(), dir, e, m, ensemble.Options{MaxBatch: 8})
	if err != nil {
		t.Fatal(err)
	}
	return int64(x.Generation)
}

// shelf gives a gateway the generations of a repository.
type shelf struct{ dir string }

func (s shelf) Served(context.Context) (int, error) {
	c, err := ensemble.ReadConfig(filepath.Join(s.dir, "shop", ensemble.ConfigFile))
	if err != nil {
		return 0, err
	}
	return int(c.VersionPolicy.Specific[0]), nil
}

func (s shelf) Open(_ context.Context, g int) (gateway.Generation, error) {
	m, err := ensemble.ReadManifest(filepath.Join(s.dir, "shop", strconv.Itoa(g), ensemble.ManifestFile))
	items := func(yield func(featurestore.Record, error) bool) {
		for key := 'c'; key <= 'k' && yield(featurestore.Record{UserID: string(key)}, nil); key++ {
		}
	}
	return gateway.Generation{Manifest: m, Items: items}, err
}

// pinned asks a Triton for a version.
type pinned struct{ *client.Client }

func (p pinned) InferVersion(ctx context.Context, model, version string, in tensor.Map, outputs []string) (tensor.Map, error) {
	r, err := p.Do(ctx, client.Request{Model: model, Version: version, Inputs: in, Outputs: outputs})
	if err != nil && (strings.Contains(err.Error(), "not found") || strings.Contains(err.Error(), "not at ready state")) {
		err = fmt.Errorf("%w: %w", gateway.ErrGone, err)
	}
	return r.Outputs, err
}

// gatewayOf serves the repository by Triton behind a gateway.
func gatewayOf(t *testing.T, dir, address string) http.Handler {
	t.Helper()
	c, err := client.New(t.Context(), address, client.WithRetry(client.Retry{Attempts: 1}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	first, err := shelf{dir}.Open(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	store := featurestore.NewMemory()
	codec, err := featurestore.NewCodec(first.Manifest.Ranking.Row)
	if err != nil {
		t.Fatal(err)
	}
	_, err = store.LoadItems(t.Context(), func(yield func(featurestore.Record, error) bool) {
		prices := tensor.MustData[float32](ensembletest.Prices())
		for i := ensembletest.ShopFirst; i < ensembletest.ShopItems; i++ {
			row, err := codec.Encode(tensor.Map{"price": tensor.Of(prices[i:i+1], 1), "brand": tensor.Of([]string{"acme"}, 1)}, 0)
			if !yield(featurestore.Record{UserID: string(rune('a' + i - 1)), Row: row}, err) {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.New(gateway.Config{
		Manifest: first.Manifest, Items: first.Items, Inferencer: c, Ranker: pinned{c}, Store: store, Generations: shelf{dir}, Timeout: 30 * time.Second, NoFallback: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return g.Handler()
}

// splitAnswer says what is wrong with an answer, which names its generation, and returns that.
func splitAnswer(w *httptest.ResponseRecorder) (int, error) {
	var a gateway.Answer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != http.StatusOK || a.Degraded || len(a.Items) == 0 {
		return 0, fmt.Errorf("%d %s", w.Code, bytes.TrimSpace(w.Body.Bytes()))
	}
	g := a.Model.Generation
	want := float32(g + splitBase*g + splitBase*splitBase*g)
	for _, item := range a.Items {
		if item.Score != want {
			return g, fmt.Errorf("%w: the answer of generation %d has the stamp %v, want %v", errMixed, g, item.Score, want)
		}
	}
	return g, nil
}

// TestSplitUnderLoad publishes, rolls back, runs a canary and prunes generations of two ensembles while 8 clients ask a gateway: no request fails, none is
// degraded, and no answer has parts of two generations.
func TestSplitUnderLoad(t *testing.T) {
	dir := t.TempDir()
	exportSplit(t, dir, 1)
	s := triton.Start(t, dir, triton.Options{LoadModels: []string{"shop", "shop_ranking"}})
	handler := gatewayOf(t, dir, s.GRPC)
	p := &generation.Publisher{Folders: []string{dir}, Servers: []generation.Server{connect(t, s)}}
	l := &load{}
	ctx, cancel := context.WithCancel(t.Context())
	l.cancel = cancel
	for i := range clients {
		l.done.Go(func() {
			for n := i; ctx.Err() == nil || l.asked.Load() < requests; n++ {
				body := fmt.Sprintf(`{"user_id": %d, "num_results": 4}`, 100+n%3)
				r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/recommendations", strings.NewReader(body))
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, r)
				l.asked.Add(1)
				g, err := splitAnswer(w)
				l.note(strconv.Itoa(g), err)
			}
		})
	}
	t.Cleanup(func() { cancel(); l.done.Wait() })
	serve := func(what string, want int64, do func() (generation.Result, error)) {
		t.Helper()
		r, err := do()
		if err != nil || r.Generation != want {
			t.Fatalf("%s: got %+v, %v; want generation %d", what, r, err, want)
		}
		l.await(t, 200)
	}
	publish := func(g int64) func() (generation.Result, error) {
		return func() (generation.Result, error) { return p.Publish(t.Context(), "shop", g) }
	}
	rollback := func() (generation.Result, error) { return p.Rollback(t.Context(), "shop") }
	l.await(t, 200)
	second := exportSplit(t, dir, 2)
	serve("publish", second, publish(second))
	for range 5 {
		serve("rollback", 1, rollback)
		serve("publish again", second, publish(second))
	}
	third := exportSplit(t, dir, 3)
	serve("canary", third, func() (generation.Result, error) { return p.Canary(t.Context(), "shop", "shop_canary", third) })
	if ready, err := p.Servers[0].Ready(t.Context(), "shop_canary_ranking", formatGeneration(third)); err != nil || !ready {
		t.Errorf("the canary's ranking is ready: %v, %v", ready, err)
	}
	serve("publish the canary's", third, publish(third))
	serve("end of the canary", 0, func() (generation.Result, error) { return p.EndCanary(t.Context(), "shop_canary") })
	serve("prune", third, func() (generation.Result, error) { return p.Prune(t.Context(), "shop", nil, 0) })

	// A ranking that does not answer as it has to.
	p.Probes = func(context.Context, string, string) ([]generation.Probe, error) {
		in := tensor.Map{
			"candidates": tensor.Zeros(tensor.Int64, 1, 6), "masked_scores": tensor.Zeros(tensor.Float32, 1, 6), "encoded_user_id": tensor.Zeros(tensor.Int64, 1, 1),
			"raw_item_price": tensor.Zeros(tensor.Float32, 1, 6), "stamp_1": tensor.Of([]int64{55}, 1, 1),
		}
		return []generation.Probe{{Ranking: true, Inputs: in, Outputs: []string{"stamped"}, Check: func(out tensor.Map) error {
			if got := tensor.MustData[float32](out["stamped"])[0]; got != 555 {
				return fmt.Errorf("%w: the ranking makes %v of 55", errMixed, got)
			}
			return nil
		}}}, nil
	}
	refused(t, p, exportSplit(t, dir, 9))
	fifth := exportSplit(t, dir, 5)
	serve("publish after a refusal", fifth, publish(fifth))
	l.stop(t, 1, second, third, fifth)
}
