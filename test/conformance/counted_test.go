package conformance_test

import (
	"bufio"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"recsys/client/tritonpb"
)

// runCounted makes calls that succeed, some of them as one batch, and then asks what the server has counted.
func runCounted(t *testing.T, a addresses) []answer {
	t.Helper()
	users := func(n int) *tritonpb.ModelInferRequest {
		return with(func(r *tritonpb.ModelInferRequest) {
			r.Inputs[0].Shape, r.RawInputContents[0] = []int64{int64(n), 3}, []byte(strings.Repeat(floats(1, 2, 3), n))
		})
	}
	list := runGRPC(t, a.grpc, []call{
		infers("counted: one user", users(1)), infers("counted: another", users(1)), infers("counted: three users", users(3)),
		infers("counted: version 2", with(func(r *tritonpb.ModelInferRequest) { r.ModelVersion = "2" })),
		infers("counted: an ensemble", with(func(r *tritonpb.ModelInferRequest) { r.ModelName = "square" })),
		infers("counted: unbatched", with(func(r *tritonpb.ModelInferRequest) { r.ModelName = "all" })),
		infers("counted: kept", with(func(r *tritonpb.ModelInferRequest) { r.ModelName = "kept" })),
		infers("counted: kept, the same again", with(func(r *tritonpb.ModelInferRequest) { r.ModelName = "kept" })),
		infers("counted: kept, something else", with(func(r *tritonpb.ModelInferRequest) {
			r.ModelName, r.RawInputContents[0] = "kept", []byte(floats(3, 2, 1))
		})),
		infers("counted: kept, the same in an ensemble", with(func(r *tritonpb.ModelInferRequest) { r.ModelName = "keeper" })),
		infers("counted: a kept ensemble", with(func(r *tritonpb.ModelInferRequest) { r.ModelName = "keeper" })),
		infers("counted: one output", with(func(r *tritonpb.ModelInferRequest) { r.ModelName, r.Outputs = "square", []*pbOutput{{Name: "doubled"}} })),
	})
	// Four users at once of a model that waits for four: one run.
	var wait sync.WaitGroup
	batch := make([][]answer, 4)
	for i := range batch {
		wait.Go(func() {
			batch[i] = runGRPC(t, a.grpc, []call{infers("counted: one of four", &tritonpb.ModelInferRequest{ModelName: "lookup", Inputs: []*pbInput{{
				Name: "i", Datatype: "INT64", Shape: []int64{1, 1}, Contents: &pbValues{Int64Contents: []int64{int64(i)}},
			}}})})
		})
	}
	wait.Wait()
	list = append(list, slices.Concat(batch...)...)
	list = append(list, runGRPC(t, a.grpc, []call{
		unary("counted: statistics of all", stub.ModelStatistics, &tritonpb.ModelStatisticsRequest{}),
		unary("counted: statistics of a version", stub.ModelStatistics, &tritonpb.ModelStatisticsRequest{Name: "latest", Version: "2"}),
	})...)
	list = append(list, runHTTP(t, a.http, []request{
		{name: "counted: statistics of all", path: "models/stats"},
		{name: "counted: statistics of a model", path: "models/latest/stats"},
		{name: "counted: statistics of a version", path: "models/add/versions/1/stats"},
	})...)
	return append(list, answer{"metrics", metrics(t, a.metrics)})
}

// sample is a line of Prometheus's text format.
var sample = regexp.MustCompile(`^(nv_(?:inference|cache)_[a-z_]+)(\{.*\})? ([0-9.e+-]+)$`)

// metrics reads the metrics of inference and the cache: the values by name and sorted labels, of times, and of those of the whole cache,
// which Triton reads off every second, whether there is one. Triton counts what an
// ensemble of any version did as version 1, too; the two are added.
func metrics(t *testing.T, address string) map[string]any {
	t.Helper()
	a, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = a.Body.Close() }() // it was read
	sums, out := map[string]float64{}, map[string]any{}
	for lines := bufio.NewScanner(a.Body); lines.Scan(); {
		line := lines.Text()
		if strings.HasPrefix(line, "# ") && (strings.Contains(line, " nv_inference_") || strings.Contains(line, " nv_cache_")) {
			out[line] = true
		}
		m := sample.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		value, err := strconv.ParseFloat(m[3], 64)
		if err != nil {
			t.Fatal(err)
		}
		if m[2] == "" {
			out[m[1]] = true
			continue
		}
		labels := strings.Split(strings.Trim(m[2], "{}"), ",")
		if slices.Contains(labels, `model="square"`) {
			labels[slices.IndexFunc(labels, func(l string) bool { return strings.HasPrefix(l, "version=") })] = `version="7"`
		}
		slices.Sort(labels)
		sums[m[1]+"{"+strings.Join(labels, ",")+"}"] += value
	}
	for key, sum := range sums {
		if out[key] = sum; strings.Contains(key, "_us{") || strings.Contains(key, "_duration_per_model{") {
			out[key] = true
		}
	}
	return out
}

// runQueue fills a queue that holds two requests and lets these wait until their time is over.
func runQueue(t *testing.T, a addresses) []answer {
	t.Helper()
	call := func(name string) []answer {
		return runHTTP(t, a.http, []request{{name: name, path: "models/queue/infer", body: inputs(x3)}})
	}
	var wait sync.WaitGroup
	waiting := make([][]answer, 2)
	for i := range waiting {
		wait.Go(func() { waiting[i] = call("queue: expires") })
	}
	for metrics(t, a.metrics)[`nv_inference_pending_request_count{model="queue",version="1"}`] != 2.0 {
		if t.Context().Err() != nil {
			t.Fatal("the queue was not full in time")
		}
	}
	list := call("queue: full")
	wait.Wait()
	return append(list, slices.Concat(waiting...)...)
}
