package gateway_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"recsys/ensemble"
	"recsys/featurestore"
	"recsys/gateway"
	"recsys/tensor"
)

// shelf is an ensemble, and a repository, of generations that understand nothing of each other: each has an item order of its own, and
// its number as the default of the input age. An answer whose inputs were made for another generation says so: its first item is "x".
type shelf struct {
	tb     testing.TB
	served atomic.Int64
	next   atomic.Int64 // if not 0, of a second replica that answers every other request
	calls  atomic.Int64
	opened atomic.Int64
	fail   atomic.Bool // Open
	strict atomic.Bool // an ensemble that refuses the inputs of another generation
	down   atomic.Bool
}

func (s *shelf) keys(generation int) []string {
	keys := itemKeys()
	if generation%2 == 0 {
		slices.Reverse(keys)
	}
	return keys
}

func (s *shelf) manifest(generation int) *ensemble.Manifest {
	m := manifest(s.tb)
	m.Generation = generation
	m.Defaults["age"] = float64(generation)
	return m
}

func (s *shelf) items(generation int) iter.Seq2[featurestore.Record, error] {
	return func(yield func(featurestore.Record, error) bool) {
		for _, key := range s.keys(generation) {
			if !yield(featurestore.Record{UserID: key}, nil) {
				return
			}
		}
	}
}

func (s *shelf) Served(context.Context) (int, error) { return int(s.served.Load()), nil }

func (s *shelf) Open(_ context.Context, generation int) (gateway.Generation, error) {
	s.opened.Add(1)
	if s.fail.Load() {
		return gateway.Generation{}, errors.New("no such folder")
	}
	return gateway.Generation{Manifest: s.manifest(generation), Items: s.items(generation)}, nil
}

func (s *shelf) Ready(context.Context, string) error { return nil }

func (s *shelf) Infer(_ context.Context, _ string, in tensor.Map, _ []string) (tensor.Map, string, error) {
	if s.down.Load() {
		return nil, "", errors.New("unavailable")
	}
	generation := int(s.served.Load())
	if other := s.next.Load(); other != 0 && s.calls.Add(1)%2 == 0 {
		generation = int(other)
	}
	mine := tensor.MustData[float32](in["age"])[0] == float32(generation)
	if !mine && s.strict.Load() {
		return nil, "", errors.New("unexpected shape for input 'history'")
	}
	bits := tensor.MustData[uint8](in["blocked"])
	var ids []string
	if !mine {
		ids = append(ids, "x")
	}
	for i, key := range s.keys(generation) {
		if index := 3 + i; bits[index/8]>>(index%8)&1 == 0 && len(ids) < 6 {
			ids = append(ids, key)
		}
	}
	scores := []float32{6, 5, 4, 3, 2, 1}
	return tensor.Map{"item_ids": tensor.Of(ids, 1, 6), "scores": tensor.Of(scores, 1, 6)}, strconv.Itoa(generation), nil
}

func newShelf(t *testing.T) (*shelf, *stand) {
	t.Helper()
	s := &shelf{tb: t}
	s.served.Store(7)
	return s, newStand(t, func(c *gateway.Config) {
		c.Manifest, c.Items, c.Inferencer, c.Generations = s.manifest(7), s.items(7), s, s
	})
}

// ask asks for user 1, of whom the store knows nothing, without the item a.
func ask(tb testing.TB, s *stand) gateway.Answer {
	tb.Helper()
	w := post(tb, s, `{"user_id": 1, "num_results": 6, "exclude_item_ids": ["a"]}`)
	var a gateway.Answer
	if err := json.Unmarshal(w.Body.Bytes(), &a); err != nil || w.Code != http.StatusOK {
		tb.Fatalf("%d %s", w.Code, w.Body)
	}
	return a
}

// fault says what is wrong with an answer that is to be whole.
func fault(a gateway.Answer) string {
	want := map[bool]string{false: "b", true: "j"}[a.Model.Generation%2 == 0]
	switch {
	case a.Degraded:
		return fmt.Sprintf("degraded by %v", a.DegradedReasons)
	case len(a.Items) != 6 || a.Items[0].ItemID != want:
		return fmt.Sprintf("generation %d: %v", a.Model.Generation, a.Items)
	case slices.ContainsFunc(a.Items, func(i gateway.Item) bool { return i.ItemID == "a" || i.ItemID == "x" }):
		return fmt.Sprintf("mixed: %v", a.Items)
	}
	return ""
}

// TestFollows publishes again and again while clients ask: every answer is whole, and made by the manifest of the generation that gave it.
func TestFollows(t *testing.T) {
	for _, strict := range []bool{false, true} {
		t.Run(fmt.Sprintf("strict %v", strict), func(t *testing.T) {
			s, g := newShelf(t)
			s.strict.Store(strict)
			var wait sync.WaitGroup
			var asked [8][15]atomic.Int64 // answers by client and generation
			done := make(chan struct{})
			for client := range asked {
				wait.Go(func() {
					for {
						select {
						case <-done:
							return
						default:
						}
						a := ask(t, g)
						if f := fault(a); f != "" {
							t.Error(f)
							return
						}
						asked[client][a.Model.Generation].Add(1)
					}
				})
			}
			for generation := int64(7); generation < 15; generation++ {
				s.served.Store(generation)
				for client := range asked { // no request lives through two publishes
					for asked[client][generation].Load() < 5 && !t.Failed() {
						<-time.After(time.Millisecond)
					}
				}
			}
			close(done)
			wait.Wait()
			if got := s.opened.Load(); got != 7 {
				t.Errorf("%d generations were opened, want each of 7 once", got)
			}
		})
	}
}

// TestReplicasSwitch has two replicas serve two generations in turns, so that a request that is made anew meets the other one: the answer
// is whole, or says that it is not.
func TestReplicasSwitch(t *testing.T) {
	s, g := newShelf(t)
	s.next.Store(8)
	whole := 0
	for range 100 {
		a := ask(t, g)
		switch f := fault(a); {
		case f == "":
			whole++
		case !slices.Equal(a.DegradedReasons, []string{gateway.GenerationChanged}):
			t.Error(f)
		case slices.ContainsFunc(a.Items, func(i gateway.Item) bool { return i.ItemID == "a" }):
			t.Errorf("item a is excluded: %v", a.Items)
		}
	}
	if whole == 0 {
		t.Error("no answer was whole")
	}
	if got := s.opened.Load(); got != 1 {
		t.Errorf("%d generations were opened, want 1", got)
	}
}

// TestCannotFollow: an answer of a generation that cannot be read is degraded, and reading is tried again after a while only.
func TestCannotFollow(t *testing.T) {
	s, g := newShelf(t)
	s.fail.Store(true)
	s.served.Store(8)
	for range 5 {
		if a := ask(t, g); !slices.Equal(a.DegradedReasons, []string{gateway.GenerationChanged}) || a.Model.Generation != 8 {
			t.Errorf("got %+v, want a degraded answer of generation 8", a)
		}
	}
	if got := s.opened.Load(); got != 1 {
		t.Errorf("it was opened %d times, want once", got)
	}
}

// TestEnsembleDown: a gateway whose ensemble does not answer looks for another generation, finds none, and falls back.
func TestEnsembleDown(t *testing.T) {
	s, g := newShelf(t)
	s.down.Store(true)
	if a := ask(t, g); !slices.Equal(a.DegradedReasons, []string{gateway.FallbackPopular}) || a.Model.Generation != 7 {
		t.Errorf("got %+v, want the popular items of generation 7", a)
	}
	s.served.Store(8)
	if a := ask(t, g); !slices.Equal(a.DegradedReasons, []string{gateway.FallbackPopular}) || a.Model.Generation != 8 {
		t.Errorf("got %+v, want the popular items of generation 8", a)
	}
}
