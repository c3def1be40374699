// Command latency asks a gateway for recommendations, one request after another on each of a number of connections, and
// prints the percentiles of the answers' times: a closed loop, which shows the time of a request at rest and nothing of
// queues under load.
//
//	go run ./bench/latency -url http://127.0.0.1:8080 -requests 5000 -clients 1
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"sync"
	"time"
)

func main() {
	url := flag.String("url", "http://127.0.0.1:8080", "gateway")
	requests := flag.Int("requests", 5000, "number of requests that are measured")
	clients := flag.Int("clients", 1, "connections, each with one request at a time")
	users := flag.Int("users", 1000, "users are asked for by the ids 1 to this")
	results := flag.Int("results", 10, "items of an answer")
	flag.Parse()
	if err := run(context.Background(), *url, *requests, *clients, *users, *results); err != nil {
		fmt.Fprintln(os.Stderr, "latency:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, url string, requests, clients, users, results int) error {
	if _, err := load(ctx, url, max(requests/10, 1), clients, users, results); err != nil { // warm-up
		return err
	}
	started := time.Now()
	times, err := load(ctx, url, requests, clients, users, results)
	if err != nil {
		return err
	}
	took := time.Since(started)
	slices.Sort(times)
	at := func(p float64) time.Duration { return times[min(int(p*float64(len(times))), len(times)-1)] }
	_, err = fmt.Printf("%d requests, %d clients: p50 %s, p90 %s, p99 %s, max %s, %.0f requests/s\n", len(times), clients, //nolint:forbidigo // The result.
		at(0.5), at(0.9), at(0.99), times[len(times)-1], float64(len(times))/took.Seconds())
	return err
}

// load sends the requests and returns the time of each.
func load(ctx context.Context, url string, requests, clients, users, results int) ([]time.Duration, error) {
	var wg sync.WaitGroup
	times, errs := make([][]time.Duration, clients), make([]error, clients)
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: clients}}
	for c := range clients {
		wg.Go(func() {
			for i := c; i < requests; i += clients {
				started := time.Now()
				if errs[c] = ask(ctx, client, url, i%users+1, results); errs[c] != nil {
					return
				}
				times[c] = append(times[c], time.Since(started))
			}
		})
	}
	wg.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return slices.Concat(times...), nil
}

func ask(ctx context.Context, client *http.Client, url string, user, results int) error {
	body := fmt.Appendf(nil, `{"user_id": %d, "num_results": %d}`, user, results)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/v1/recommendations", bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close() //nolint:errcheck // Read to its end.
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK || bytes.Contains(text, []byte(`"degraded":true`)) {
		return fmt.Errorf("%s: %s", answer.Status, text)
	}
	return nil
}
