package e2e_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"testing"

	"recsys/ensemble"
	"recsys/gateway"
	"recsys/test/redis"
	"recsys/test/triton"
)

// call sends a request and returns the status, the Retry-After header and the body.
func call(t *testing.T, url, body string) (status int, retryAfter string, text []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, answer.Body)
	if text, err = io.ReadAll(answer.Body); err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header.Get("Retry-After"), text
}

// recommend asks for user 7's list.
func recommend(t *testing.T, url string) gateway.Answer {
	t.Helper()
	status, _, text := call(t, url+"/v1/recommendations", `{"user_id": 7, "num_results": 20}`)
	var a gateway.Answer
	if err := json.Unmarshal(text, &a); err != nil || status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	return a
}

func ids(a gateway.Answer) []string {
	list := make([]string, len(a.Items))
	for i, item := range a.Items {
		list[i] = item.ItemID
	}
	return list
}

// TestEventsAndLoads posts an event: the very next answer leaves the item out, and loading the same features again does
// not undo it.
func TestEventsAndLoads(t *testing.T) {
	w := theWorld(t)
	store := redis.Start(t)
	repository := w.repository[ensemble.FuseGroups]
	w.must(t, "features", "load", "--repository", repository, "--redis", store.URL(), "--wait", "10s")
	url := w.serve(t, "--repository", repository, "--redis", store.URL(), "--timeout", "5s")
	first := recommend(t, url)
	item := first.Items[0].ItemID
	status, _, text := call(t, url+"/v1/events", fmt.Sprintf(`{"event_id": "e1", "user_id": 7, "item_id": %q, "type": "view"}`, item))
	if status != http.StatusAccepted {
		t.Fatalf("event: %d %s", status, text)
	}
	if next := recommend(t, url); slices.Contains(ids(next), item) || slices.Equal(ids(next), ids(first)) {
		t.Errorf("item %s is seen, the next answer is %v", item, ids(next))
	}
	w.must(t, "features", "load", "--repository", repository, "--redis", store.URL(), "--wait", "10s")
	if after := recommend(t, url); slices.Contains(ids(after), item) {
		t.Errorf("item %s came back with the second load: %v", item, ids(after))
	}
}

// TestRedisAway stops Redis: recommendations go on, degraded; events are refused, never lost.
func TestRedisAway(t *testing.T) {
	w := theWorld(t)
	store := redis.Start(t, "--appendonly", "yes", "--appendfsync", "always")
	repository := w.repository[ensemble.FuseGroups]
	w.must(t, "features", "load", "--repository", repository, "--redis", store.URL(), "--wait", "10s")
	url := w.serve(t, "--repository", repository, "--redis", store.URL(), "--timeout", "5s")
	whole := recommend(t, url)
	store.Kill()
	if a := recommend(t, url); !a.Degraded || !slices.Contains(a.DegradedReasons, gateway.FeaturesUnavailable) || len(a.Items) != 20 {
		t.Errorf("without Redis: degraded %v %v, %d items", a.Degraded, a.DegradedReasons, len(a.Items))
	}
	status, retry, text := call(t, url+"/v1/events", `{"event_id": "e2", "user_id": 7, "item_id": "1", "type": "view"}`)
	if status != http.StatusServiceUnavailable || retry == "" {
		t.Errorf("event without Redis: %d, Retry-After %q, %s; want 503", status, retry, text)
	}
	store.Restart(t)
	await(t, "Redis to be used again", func() error {
		if a := recommend(t, url); a.Degraded {
			return fmt.Errorf("still degraded: %v", a.DegradedReasons)
		}
		return nil
	})
	if again := recommend(t, url); !slices.Equal(ids(again), ids(whole)) {
		t.Errorf("after the restart %v, before it %v", ids(again), ids(whole))
	}
}

// TestTritonAway kills Triton: answers are popular items, degraded.
func TestTritonAway(t *testing.T) {
	w := theWorld(t)
	repository := w.repository[ensemble.FuseGroups]
	server := triton.Start(t, repository, triton.Options{LoadModels: []string{"shop"}})
	url := w.serve(t, "--repository", repository, "--triton", server.GRPC, "--timeout", "2s")
	if a := recommend(t, url); a.Degraded {
		t.Fatalf("degraded before the fault: %v", a.DegradedReasons)
	}
	server.Kill()
	a := recommend(t, url)
	if !a.Degraded || !slices.Contains(a.DegradedReasons, gateway.FallbackPopular) || len(a.Items) == 0 {
		t.Errorf("without Triton: degraded %v %v, %d items", a.Degraded, a.DegradedReasons, len(a.Items))
	}
	if err := ready(t.Context(), url); err == nil {
		t.Error("readyz answers 200 without Triton")
	}
}
