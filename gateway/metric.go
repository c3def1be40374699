package gateway

import (
	"net/http"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are the gateway's own; docs/reference/http-api.md lists them.
type metrics struct {
	registry     *prometheus.Registry
	requests     *prometheus.CounterVec
	duration     *prometheus.HistogramVec
	inFlight     prometheus.Gauge
	shed         *prometheus.CounterVec
	fetch        prometheus.Histogram
	fetchItems   prometheus.Histogram
	features     *prometheus.CounterVec
	inference    *prometheus.HistogramVec
	degraded     *prometheus.CounterVec
	events       *prometheus.CounterVec
	keyRequests  *prometheus.CounterVec
	unauthorized *prometheus.CounterVec
	items        prometheus.Histogram
}

func newMetrics(version string) *metrics {
	seconds := []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1}
	counter := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: "recsys", Name: name, Help: help}, labels)
	}
	histogram := func(name, help string, buckets []float64) prometheus.HistogramOpts {
		return prometheus.HistogramOpts{Namespace: "recsys", Name: name, Help: help, Buckets: buckets}
	}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: counter("http_requests_total", "HTTP requests answered.", "route", "method", "code"),
		duration: prometheus.NewHistogramVec(histogram("http_request_duration_seconds",
			"Time from a request's arrival to the end of its answer.", seconds), []string{"route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Namespace: "recsys", Name: "http_inflight", Help: "HTTP requests being served.",
		}),
		shed:     counter("http_shed_total", "HTTP requests refused at once.", "reason"),
		fetch:    prometheus.NewHistogram(histogram("feature_fetch_duration_seconds", "Time to read a user from the feature store.", seconds)),
		features: counter("feature_values_total", "Feature rows used, by status: hit, miss, stale or error.", "entity", "status"),
		inference: prometheus.NewHistogramVec(histogram("inference_request_duration_seconds",
			"Time of a call of the ensemble, by code: ok, timeout, unusable or error.", seconds), []string{"model", "code"}),
		degraded:     counter("degraded_total", "Degraded answers, by reason.", "reason"),
		events:       counter("events_total", "Events, by result: accepted or refused.", "result"),
		keyRequests:  counter("http_key_requests_total", "HTTP requests with an API key, by its name.", "key"),
		unauthorized: counter("http_unauthorized_total", "HTTP requests refused for their API key, by reason: missing or unknown.", "reason"),
		items: prometheus.NewHistogram(histogram("recommendations_items", "Items of an answer.",
			[]float64{0, 1, 5, 10, 20, 50, 100, 200, 500})),
	}
	m.fetchItems = prometheus.NewHistogram(histogram("item_fetch_duration_seconds", "Time to read the rows of a call's candidates from the feature store.", seconds))
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: "recsys", Name: "build_info", Help: "Always 1.", ConstLabels: prometheus.Labels{"version": version},
	})
	info.Set(1)
	m.registry.MustRegister(m.requests, m.duration, m.inFlight, m.shed, m.fetch, m.fetchItems, m.features, m.inference, m.degraded,
		m.events, m.keyRequests, m.unauthorized, m.items, info, collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// countRow counts a user's or an item's row that the store has answered with, nil for none.
func (m *metrics) countRow(entity string, row []byte, rowErr error) {
	status := "hit"
	switch {
	case rowErr != nil:
		status = "stale"
	case row == nil:
		status = "miss"
	}
	m.features.WithLabelValues(entity, status).Inc()
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}

// methodLabel keeps the label's values few: anybody may send any method.
func methodLabel(method string) string {
	if slices.Contains([]string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut}, method) {
		return method
	}
	return "other"
}
