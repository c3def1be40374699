// Package prometheus counts and times, for Prometheus, what a [client.Client] does.
//
//	collector := prometheus.NewCollector()
//	registry.MustRegister(collector)
//	c, err := client.New(ctx, "localhost:8001", client.WithObserver(collector.Observe))
package prometheus
