package server

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"recsys/engine"
)

// ServeMetrics answers GET /metrics on the listener, which it closes, until ctx ends.
func ServeMetrics(ctx context.Context, l net.Listener, e *engine.Engine) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", Metrics(e))
	return serveHTTP(ctx, l, mux)
}

// Metrics writes the nv_inference_ and nv_cache_ metrics of Triton in Prometheus's text format, with its labels: model, version, for failures the
// reason, and each of metric_tags with an underscore before its name. Durations are in microseconds.
func Metrics(e *engine.Engine) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		list, err := e.Statistics("", "")
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		var b strings.Builder
		for _, f := range families {
			fmt.Fprintf(&b, "# HELP %s %s\n# TYPE %s %s\n", f.name, f.help, f.name, f.kind)
			for _, s := range list {
				f.write(&b, f.name, s)
			}
		}
		if s := e.CacheStatistics(); s.Size > 0 {
			writeCache(&b, s)
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte(b.String())) // a client that left needs no answer
	})
}

type family struct {
	name, help, kind string
	write            func(b *strings.Builder, name string, s engine.Statistics)
}

// families are in Triton's order.
var families = []family{ //nolint:gochecknoglobals // a constant table
	{"nv_inference_request_success", "Number of successful inference requests, all batch sizes", "counter", value(func(s engine.Statistics) uint64 { return s.Success.Count })},
	{"nv_inference_request_failure", "Number of failed inference requests, all batch sizes", "counter", failures},
	{"nv_inference_count", "Number of inferences performed (does not include cached requests)", "counter", value(func(s engine.Statistics) uint64 { return s.Inferences })},
	{"nv_inference_exec_count", "Number of model executions performed (does not include cached requests)", "counter", value(func(s engine.Statistics) uint64 { return s.Executions })},
	{"nv_inference_request_duration_us", "Cumulative inference request duration in microseconds (includes cached requests)", "counter", spent(func(s engine.Statistics) engine.Duration { return s.Success })},
	{"nv_inference_queue_duration_us", "Cumulative inference queuing duration in microseconds (includes cached requests)", "counter", spent(func(s engine.Statistics) engine.Duration { return s.Queue })},
	{"nv_inference_compute_input_duration_us", "Cumulative compute input duration in microseconds (does not include cached requests)", "counter", spent(func(s engine.Statistics) engine.Duration { return s.Input })},
	{"nv_inference_compute_infer_duration_us", "Cumulative compute inference duration in microseconds (does not include cached requests)", "counter", spent(func(s engine.Statistics) engine.Duration { return s.Compute })},
	{"nv_inference_compute_output_duration_us", "Cumulative inference compute output duration in microseconds (does not include cached requests)", "counter", spent(func(s engine.Statistics) engine.Duration { return s.Output })},
	{"nv_cache_num_hits_per_model", "Number of cache hits per model", "counter", ofCache(value(func(s engine.Statistics) uint64 { return s.CacheHit.Count }))},
	{"nv_cache_hit_duration_per_model", "Total cache hit duration per model, in microseconds", "counter", ofCache(spent(func(s engine.Statistics) engine.Duration { return s.CacheHit }))},
	{"nv_cache_num_misses_per_model", "Number of cache misses per model", "counter", ofCache(value(func(s engine.Statistics) uint64 { return s.CacheMiss.Count }))},
	{"nv_cache_miss_duration_per_model", "Total cache miss (insert+lookup) duration per model, in microseconds", "counter", ofCache(spent(func(s engine.Statistics) engine.Duration { return s.CacheMiss }))},
	{"nv_inference_pending_request_count", "Instantaneous number of pending requests awaiting execution per-model.", "gauge", value(func(s engine.Statistics) uint64 { return uint64(s.Pending) })},
}

// writeCache writes what holds for the whole cache of answers.
func writeCache(b *strings.Builder, s engine.CacheStatistics) {
	for _, x := range []struct {
		name, help string
		value      float64
	}{
		{"util", "Cache utilization [0.0 - 1.0]", float64(s.Used) / float64(s.Size)},
		{"num_entries", "Number of responses stored in response cache", float64(s.Entries)},
		{"num_hits", "Number of cache hits in response cache", float64(s.Hits)},
		{"num_misses", "Number of cache misses in response cache", float64(s.Misses)},
		{"num_lookups", "Number of cache lookups in response cache", float64(s.Hits + s.Misses)},
		{"num_evictions", "Number of cache evictions in response cache", float64(s.Evictions)},
		{"lookup_duration", "Total cache lookup duration (hit and miss), in microseconds", float64(s.Lookup.Microseconds())},
		{"insertion_duration", "Total cache insertion duration, in microseconds", float64(s.Insertion.Microseconds())},
	} {
		fmt.Fprintf(b, "# HELP nv_cache_%[1]s %[2]s\n# TYPE nv_cache_%[1]s gauge\nnv_cache_%[1]s %[3]s\n",
			x.name, x.help, strconv.FormatFloat(x.value, 'g', -1, 64))
	}
}

func value(of func(engine.Statistics) uint64) func(*strings.Builder, string, engine.Statistics) {
	return func(b *strings.Builder, name string, s engine.Statistics) { writeSample(b, name, s, "", of(s)) }
}

func spent(of func(engine.Statistics) engine.Duration) func(*strings.Builder, string, engine.Statistics) {
	return value(func(s engine.Statistics) uint64 { return uint64(of(s).Total.Microseconds()) })
}

// ofCache writes samples of the models only whose answers are kept.
func ofCache(write func(*strings.Builder, string, engine.Statistics)) func(*strings.Builder, string, engine.Statistics) {
	return func(b *strings.Builder, name string, s engine.Statistics) {
		if s.Cached {
			write(b, name, s)
		}
	}
}

func failures(b *strings.Builder, name string, s engine.Statistics) {
	backend, other := s.Faulty, uint64(0)
	if s.Ensemble {
		backend, other = 0, s.Faulty // a step's fault is no backend's, there
	}
	writeSample(b, name, s, "BACKEND", backend)
	writeSample(b, name, s, "CANCELED", s.Cancelled)
	writeSample(b, name, s, "OTHER", other)
	writeSample(b, name, s, "REJECTED", s.Rejected)
}

// writeSample writes a line, the labels by name.
func writeSample(b *strings.Builder, name string, s engine.Statistics, reason string, v uint64) {
	labels := map[string]string{"model": s.Model, "version": s.Version}
	if reason != "" {
		labels["reason"] = reason
	}
	for k, v := range s.Tags {
		labels["_"+k] = v
	}
	b.WriteString(name)
	sep := "{"
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		b.WriteString(sep + k + `="` + escape.Replace(labels[k]) + `"`)
		sep = ","
	}
	b.WriteString("} " + strconv.FormatUint(v, 10) + "\n")
}

// escape is what the text format wants of a label's value.
var escape = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`) //nolint:gochecknoglobals // it is never changed
