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

// Metrics writes the nv_inference_ metrics of Triton in Prometheus's text format, with its labels: model, version, for failures the
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
	{"nv_inference_pending_request_count", "Instantaneous number of pending requests awaiting execution per-model.", "gauge", value(func(s engine.Statistics) uint64 { return uint64(s.Pending) })},
}

func value(of func(engine.Statistics) uint64) func(*strings.Builder, string, engine.Statistics) {
	return func(b *strings.Builder, name string, s engine.Statistics) { writeSample(b, name, s, "", of(s)) }
}

func spent(of func(engine.Statistics) engine.Duration) func(*strings.Builder, string, engine.Statistics) {
	return value(func(s engine.Statistics) uint64 { return uint64(of(s).Total.Microseconds()) })
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
