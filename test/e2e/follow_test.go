package e2e_test

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"recsys/gateway"
	"recsys/test/triton"
)

// TestGatewayFollows publishes, rolls back and publishes again while clients ask a gateway that runs: no request fails, no answer is
// degraded, and all generations answer.
func TestGatewayFollows(t *testing.T) {
	w := theWorld(t)
	repository := filepath.Join(t.TempDir(), "repository")
	w.must(t, "export", "--run", w.run, "--to", repository)
	server := triton.Start(t, repository, triton.Options{LoadModels: []string{"shop"}})
	url := w.serve(t, "--repository", repository, "--triton", server.GRPC, "--timeout", "10s")
	var wait sync.WaitGroup
	var answers [3]atomic.Int64 // by generation
	done := make(chan struct{})
	for range 4 {
		wait.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				status, _, text := call(t, url+"/v1/recommendations", `{"user_id": 7, "num_results": 20}`)
				var a gateway.Answer
				if err := json.Unmarshal(text, &a); err != nil || status != http.StatusOK || a.Degraded || len(a.Items) != 20 {
					t.Errorf("%d %s", status, text)
					return
				}
				answers[a.Model.Generation].Add(1)
			}
		})
	}
	await := func(generation int) {
		t.Helper()
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for until := answers[generation].Load() + 50; answers[generation].Load() < until && !t.Failed(); {
			<-tick.C
		}
	}
	await(1)
	// Of another batch size, hence with other names of stages.
	w.must(t, "export", "--run", w.run, "--to", repository, "--batch", "32")
	models := func(verb string) {
		t.Helper()
		w.must(t, "models", verb, "--repository", repository, "--triton", server.GRPC)
	}
	models("publish")
	await(2)
	models("rollback")
	await(1)
	models("publish")
	await(2)
	close(done)
	wait.Wait()
	t.Logf("%d answers of generation 1, %d of 2", answers[1].Load(), answers[2].Load())
}
