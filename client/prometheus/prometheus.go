package prometheus

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"

	"recsys/client"
)

// Collector has the histogram recsys_client_try_seconds of the tries of calls, with the labels call (such as "infer"), model (empty for
// calls about the server), replica (its address) and error (a sentinel of the client's, such as "unavailable"; empty for success). It is
// safe for concurrent use, by several clients too.
type Collector struct{ tries *prometheus.HistogramVec }

// NewCollector makes a collector that has seen nothing yet.
func NewCollector() *Collector {
	return &Collector{prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "recsys_client_try_seconds", Help: "Time of tries of calls to a replica.",
		// From 100 µs, less than a small ensemble takes, by factors of 2 to 13 s, more than the client's default timeout.
		Buckets: prometheus.ExponentialBuckets(0.0001, 2, 18),
	}, []string{"call", "model", "replica", "error"})}
}

// Observe is for [client.WithObserver].
func (c *Collector) Observe(_ context.Context, a client.Attempt) {
	c.tries.WithLabelValues(a.Call, a.Model, a.Address, client.Kind(a.Err)).Observe(a.Duration.Seconds())
}

// Describe is that of prometheus.Collector.
func (c *Collector) Describe(descriptions chan<- *prometheus.Desc) { c.tries.Describe(descriptions) }

// Collect is that of prometheus.Collector.
func (c *Collector) Collect(metrics chan<- prometheus.Metric) { c.tries.Collect(metrics) }
