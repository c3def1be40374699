package gateway_test

import (
	"context"
	"flag"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"recsys/ensemble"
	"recsys/featurestore"
	"recsys/gateway"
	"recsys/schema"
	"recsys/tensor"
)

var update = flag.Bool("update", false, "write golden files")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func column(name string, d tensor.DType, length int, tags ...schema.Tag) schema.Column {
	return schema.Column{Name: name, DType: schema.DType{DType: d}, Length: length, Tags: tags}
}

// itemKeys are the items of the fixture, at indices 3 to 12: 13 indices, 2 bytes of bitmap.
func itemKeys() []string { return strings.Split("a b c d e f g h i j", " ") }

func userRow() schema.Schema {
	return schema.Schema{
		column("age", tensor.Float32, 0, schema.User),
		column("gender", tensor.String, 0, schema.User),
		column("likes", tensor.Int64, 3, schema.User),
	}
}

func codec(tb testing.TB) *featurestore.Codec {
	tb.Helper()
	c, err := featurestore.NewCodec(userRow())
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func manifest(tb testing.TB) *ensemble.Manifest {
	tb.Helper()
	return &ensemble.Manifest{
		Format: ensemble.ManifestFormat, Name: "shop", Generation: 7,
		UserKey: column("user_id", tensor.Int64, 0, schema.User, schema.ID),
		ItemKey: column("item_id", tensor.String, 0, schema.Item, schema.ID),
		Inputs: append(schema.Schema{
			column("user_id", tensor.Int64, 0, schema.User, schema.ID),
			column("history", tensor.String, 4, schema.Sequence),
			column("timestamp", tensor.Int64, 0, schema.Context, schema.Time),
			column("device", tensor.String, 0, schema.Context),
			column("hour", tensor.Int8, 0, schema.Context),
			column("new", tensor.Bool, 0, schema.Context),
		}, userRow()...),
		UserRow: userRow(), RowHash: codec(tb).Hash(),
		Defaults: map[string]any{"age": 30.5, "likes": []any{int64(9)}},
		History:  &ensemble.ManifestHistory{Input: "history", Length: 4},
		Time:     "timestamp",
		Blocked:  ensemble.ManifestBlocked{Input: "blocked", Bytes: 2},
		Outputs:  ensemble.ManifestOutputs{ItemIDs: "item_ids", Scores: "scores", Explain: []string{"candidates"}},
		Limits:   ensemble.ManifestLimits{MaxBatch: 16, Candidates: 10, MaxResults: 6},
		Items:    ensemble.ManifestItems{First: 3, Count: 10},
		Fallback: []string{"j", "i", "h", "g"},
		Fuse:     "groups",
	}
}

func items() iter.Seq2[featurestore.Record, error] {
	return func(yield func(featurestore.Record, error) bool) {
		for _, key := range itemKeys() {
			if !yield(featurestore.Record{UserID: key}, nil) {
				return
			}
		}
	}
}

// ranker is an Inferencer that recommends a, b, c… with scores 0.9, 0.8, 0.7…, leaving out what is blocked, in 6
// slots. Its fields replace parts of that; it records the last inputs.
type ranker struct {
	infer   func(ctx context.Context, out tensor.Map) (tensor.Map, string, error)
	ready   error
	mu      sync.Mutex
	inputs  tensor.Map
	model   string
	outputs []string
	calls   int
}

func (f *ranker) Infer(ctx context.Context, model string, in tensor.Map, outputs []string) (tensor.Map, string, error) {
	f.mu.Lock()
	f.inputs, f.model, f.outputs = in, model, outputs
	f.calls++
	f.mu.Unlock()
	users := in["blocked"].Dim(0)
	bits := tensor.MustData[uint8](in["blocked"])
	ids, scores := make([]string, 6*users), make([]float32, 6*users)
	for user := range users {
		n := 6 * user
		for i, key := range itemKeys() {
			if index := 3 + i; bits[2*user+index/8]>>(index%8)&1 == 0 && n < 6*user+6 {
				ids[n], scores[n] = key, float32(9-i)/10
				n++
			}
		}
		for ; n < 6*user+6; n++ {
			scores[n] = float32(math.Inf(-1))
		}
	}
	out := tensor.Map{"item_ids": tensor.Of(ids, users, 6), "scores": tensor.Of(scores, users, 6)}
	if f.infer != nil {
		return f.infer(ctx, out)
	}
	return out, "7", nil
}

func (f *ranker) Ready(ctx context.Context, _ string) error {
	if f.ready != nil {
		return f.ready
	}
	return ctx.Err()
}

func (f *ranker) last() tensor.Map {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.inputs
}

// flaky is a store that can be made to fail.
type flaky struct {
	featurestore.Store
	mu  sync.Mutex
	err error
	// unavailable fails reading the set of unavailable items alone.
	unavailable error
}

func (s *flaky) failAvailability(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unavailable = err
}

func (s *flaky) Unavailable(ctx context.Context) (featurestore.Unavailable, error) {
	s.mu.Lock()
	err := s.unavailable
	s.mu.Unlock()
	if err != nil {
		return featurestore.Unavailable{}, err
	}
	return s.Store.Unavailable(ctx)
}

func (s *flaky) SetAvailable(ctx context.Context, item string, available bool) error {
	if err := s.failure(); err != nil {
		return err
	}
	return s.Store.SetAvailable(ctx, item, available)
}

func (s *flaky) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *flaky) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *flaky) User(ctx context.Context, id string, limit int) (featurestore.User, error) {
	if err := s.failure(); err != nil {
		return featurestore.User{}, err
	}
	return s.Store.User(ctx, id, limit)
}

func (s *flaky) AddEvents(ctx context.Context, events []featurestore.Event) error {
	if err := s.failure(); err != nil {
		return err
	}
	return s.Store.AddEvents(ctx, events)
}

func (s *flaky) Ping(ctx context.Context) error {
	if err := s.failure(); err != nil {
		return err
	}
	return s.Store.Ping(ctx)
}

// stand is a gateway with its collaborators. User 42 is loaded: row, history and seen b, d.
type stand struct {
	*gateway.Gateway
	ranker *ranker
	store  *flaky
	public http.Handler
	admin  http.Handler
}

func noon() time.Time { return time.Unix(1_700_000_000, 0) }

// newStand makes a stand. Options go over its own.
func newStand(tb testing.TB, change func(*gateway.Config), options ...gateway.Option) *stand {
	tb.Helper()
	s := &stand{ranker: &ranker{}, store: &flaky{Store: featurestore.NewMemory()}}
	row, err := codec(tb).Encode(tensor.Map{
		"age": tensor.Of([]float32{55}, 1), "gender": tensor.Of([]string{"F"}, 1), "likes": tensor.Of([]int64{1, 2, tensor.NullInt64}, 1, 3),
	}, 0)
	if err != nil {
		tb.Fatal(err)
	}
	_, err = s.store.Load(tb.Context(), func(yield func(featurestore.Record, error) bool) {
		yield(featurestore.Record{UserID: "42", Row: row, History: []string{"b", "d"}, Seen: []string{"b", "d"}}, nil)
	})
	if err != nil {
		tb.Fatal(err)
	}
	// Ten seconds: no test may depend on how fast the machine is.
	config := gateway.Config{
		Manifest: manifest(tb), Items: items(), Inferencer: s.ranker, Store: s.store, Version: "test", Timeout: 10 * time.Second,
	}
	if change != nil {
		change(&config)
	}
	next := 0
	var mu sync.Mutex
	own := []gateway.Option{
		gateway.WithLogger(slog.New(slog.DiscardHandler)), gateway.WithClock(noon),
		gateway.WithIDs(func() string {
			mu.Lock()
			defer mu.Unlock()
			next++
			return fmt.Sprintf("id-%d", next)
		}),
	}
	s.Gateway, err = gateway.New(config, append(own, options...)...)
	if err != nil {
		tb.Fatal(err)
	}
	s.public, s.admin = s.Handler(), s.AdminHandler()
	return s
}

func do(tb testing.TB, h http.Handler, method, path, body string) *httptest.ResponseRecorder {
	tb.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequestWithContext(tb.Context(), method, path, reader)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func post(tb testing.TB, s *stand, body string) *httptest.ResponseRecorder {
	tb.Helper()
	return do(tb, s.public, http.MethodPost, "/v1/recommendations", body)
}

// golden compares an answer with testdata/NAME.http.
func golden(t *testing.T, w *httptest.ResponseRecorder) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "%d\n", w.Code)
	for _, name := range []string{"Allow", "Content-Type", "Retry-After", "X-Request-Id"} {
		if v := w.Header().Values(name); len(v) > 0 {
			fmt.Fprintf(&b, "%s: %s\n", name, strings.Join(v, ", "))
		}
	}
	fmt.Fprintf(&b, "\n%s", w.Body)
	path := filepath.Join("testdata", filepath.Base(t.Name())+".http")
	if *update {
		if err := os.WriteFile(path, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(b.String(), string(want)); diff != "" {
		t.Errorf("%s (-got +want):\n%s", path, diff)
	}
}
