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
	a := askAllTheTime(t, url)
	a.await(t, 1)
	// Of another batch size, hence with other names of stages.
	w.must(t, "export", "--run", w.run, "--to", repository, "--batch", "32")
	models := func(verb string) {
		t.Helper()
		w.must(t, "models", verb, "--repository", repository, "--triton", server.GRPC)
	}
	models("publish")
	a.await(t, 2)
	models("rollback")
	a.await(t, 1)
	models("publish")
	a.await(t, 2)
	a.stop(t)
}

// asking is clients who ask a gateway all the time. Every answer has to be whole.
type asking struct {
	answers [4]atomic.Int64 // by generation
	done    chan struct{}
	wait    sync.WaitGroup
}

func askAllTheTime(t *testing.T, url string) *asking {
	t.Helper()
	a := &asking{done: make(chan struct{})}
	for range 4 {
		a.wait.Go(func() {
			for {
				select {
				case <-a.done:
					return
				default:
				}
				status, _, text := call(t, url+"/v1/recommendations", `{"user_id": 7, "num_results": 20}`)
				var answer gateway.Answer
				if err := json.Unmarshal(text, &answer); err != nil || status != http.StatusOK || answer.Degraded || len(answer.Items) != 20 {
					t.Errorf("%d %s", status, text)
					return
				}
				a.answers[answer.Model.Generation].Add(1)
			}
		})
	}
	return a
}

// await waits for 50 more answers of a generation.
func (a *asking) await(t *testing.T, generation int) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for until := a.answers[generation].Load() + 50; a.answers[generation].Load() < until && !t.Failed(); {
		<-tick.C
	}
}

// stop ends the asking.
func (a *asking) stop(t *testing.T) {
	t.Helper()
	close(a.done)
	a.wait.Wait()
	t.Logf("answers of generations 1 to 3: %d, %d, %d", a.answers[1].Load(), a.answers[2].Load(), a.answers[3].Load())
}
