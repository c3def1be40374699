package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestEngineCache: recsys engine with --cache-size keeps answers and tells of them.
func TestEngineCache(t *testing.T) {
	shared := makeShared(t)
	repo := filepath.Join(t.TempDir(), "repo")
	settings := filepath.Join(t.TempDir(), "settings.yaml")
	if err := os.WriteFile(settings, []byte("export:\n  stages:\n    ensemble: {response_cache: true}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	recsysOutput(t, "export", "--run", filepath.Join(shared, "run"), "--to", repo, "--settings", settings, "--accept-worse")
	ctx, cancel := context.WithCancel(t.Context())
	log, in := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{
			"engine", "--repository", repo, "--grpc", "127.0.0.1:0", "--http", "127.0.0.1:0", "--metrics", "127.0.0.1:0", "--cache-size", "1MiB",
		}, output{io.Discard, in})
		_ = in.Close() // which ends the reading below
	}()
	defer func() {
		cancel()
		if code := <-ended; code != 0 {
			t.Errorf("recsys engine ends with %d", code)
		}
	}()
	// It says on three lines where it listens.
	addresses := map[string]string{}
	says := regexp.MustCompile(`(HTTP|gRPC|metrics) on (\S+)`)
	for scan := bufio.NewScanner(log); len(addresses) < 3 && scan.Scan(); {
		if m := says.FindStringSubmatch(scan.Text()); m != nil {
			addresses[m[1]] = m[2]
		}
	}
	go func() { _, _ = io.Copy(io.Discard, log) }() // until it is closed
	address := addresses["HTTP"]
	body := requestOf(t, address)
	for range 2 {
		a, err := http.Post(address+"/v2/models/shop/infer", "application/json", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		_ = a.Body.Close()
		if a.StatusCode != http.StatusOK {
			t.Fatalf("status %d", a.StatusCode)
		}
	}
	a, err := http.Get(addresses["metrics"])
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(a.Body)
	_ = a.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"nv_cache_num_hits 1\n", "nv_cache_num_misses 1\n", "nv_cache_num_entries 1\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the metrics lack %q", want)
		}
	}
}

// requestOf is a request to the shop, of zeros for one user.
func requestOf(t *testing.T, address string) []byte {
	t.Helper()
	a, err := http.Get(address + "/v2/models/shop")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Body.Close() }() // it was read
	var model struct {
		Inputs []struct {
			Name     string `json:"name"`
			Datatype string `json:"datatype"`
			Shape    []int  `json:"shape"`
			Data     []any  `json:"data"`
		} `json:"inputs"`
	}
	if err := json.NewDecoder(a.Body).Decode(&model); err != nil {
		t.Fatal(err)
	}
	for i := range model.Inputs {
		in := &model.Inputs[i]
		in.Shape[0] = 1
		n := 1
		for _, d := range in.Shape {
			n *= d
		}
		for range n {
			if in.Datatype == "BYTES" {
				in.Data = append(in.Data, "")
			} else {
				in.Data = append(in.Data, 0)
			}
		}
	}
	body, err := json.Marshal(model)
	if err != nil {
		t.Fatal(err)
	}
	return body
}
