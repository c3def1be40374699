package client_test

import (
	"context"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"recsys/client"
)

// TestScrapeMetrics reads what Prometheus's own library writes.
func TestScrapeMetrics(t *testing.T) {
	registry := prometheus.NewRegistry()
	count := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "nv_count", Help: "counts\nwith a line"}, []string{"model", "version"})
	count.WithLabelValues(`a "shop", {of} \ things`+"\nand é", "7").Add(2)
	count.WithLabelValues("toys", "7").Add(1e9 + 0.5)
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "nv_gauge"})
	gauge.Set(math.Inf(-1))
	times := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "nv_times", Buckets: []float64{1}})
	times.Observe(0.5)
	times.Observe(3)
	registry.MustRegister(count, gauge, times)
	server := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	defer server.Close()
	got, err := client.ScrapeMetrics(t.Context(), server.URL)
	if err != nil {
		t.Fatal(err)
	}
	none := map[string]string{}
	want := client.Metrics{
		{Name: "nv_count", Kind: "counter", Labels: map[string]string{"model": `a "shop", {of} \ things` + "\nand é", "version": "7"}, Value: 2},
		{Name: "nv_count", Kind: "counter", Labels: map[string]string{"model": "toys", "version": "7"}, Value: 1e9 + 0.5},
		{Name: "nv_gauge", Kind: "gauge", Labels: none, Value: math.Inf(-1)},
		{Name: "nv_times_bucket", Kind: "histogram", Labels: map[string]string{"le": "1"}, Value: 1},
		{Name: "nv_times_bucket", Kind: "histogram", Labels: map[string]string{"le": "+Inf"}, Value: 2},
		{Name: "nv_times_sum", Kind: "histogram", Labels: none, Value: 3.5},
		{Name: "nv_times_count", Kind: "histogram", Labels: none, Value: 2},
	}
	if diff := cmp.Diff(got, want); diff != "" {
		t.Errorf("got (-), want (+):\n%s", diff)
	}
	if sum, n := got.Sum("nv_count", "version", "7"); n != 2 || sum != 1e9+2.5 {
		t.Errorf("got the sum %v of %d series, want %v of 2", sum, n, 1e9+2.5)
	}
	if sum, n := got.Sum("nv_count", "version", "7", "model", "toys"); n != 1 || sum != 1e9+0.5 {
		t.Errorf("got the sum %v of %d series, want %v of 1", sum, n, 1e9+0.5)
	}
}

func TestMetricsAreChecked(t *testing.T) {
	for text, want := range map[string]string{
		"a": "line 1", "a 1\nb x": "line 2", "a{b=\"c\" 1": "labels of a", "a{b=\"c\\": "labels of a", "a{b=c} 1": "labels of a",
		"a{b} 1": "labels of a", "{b=\"c\"} 1": "needs a name", "a 1 2 3": "for a value",
		strings.Repeat("a 1"+strings.Repeat(" ", 1<<19)+"\n", 33): "more than", strings.Repeat("a", 2<<20): "token too long",
	} {
		if _, err := client.ParseMetrics(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: got error %v, want one with %q", text, err, want)
		}
	}
	got, err := client.ParseMetrics(strings.NewReader("# a comment\n\n  a { b = \"c\" , } NaN 1700000000 \n"))
	if err != nil || len(got) != 1 || got[0].Labels["b"] != "c" || !math.IsNaN(got[0].Value) {
		t.Errorf("got %v, %v", got, err)
	}
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	if _, err := client.ScrapeMetrics(t.Context(), server.URL); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("got error %v, want one with 404", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	cancel()
	if _, err := client.ScrapeMetrics(ctx, server.URL); err == nil {
		t.Error("a scrape that is given up: got no error")
	}
}

// FuzzMetrics reads any bytes without a panic.
func FuzzMetrics(f *testing.F) {
	f.Add("# TYPE a counter\na{b=\"c\\n\",d=\"\"} 1 2\n")
	f.Fuzz(func(t *testing.T, text string) {
		metrics, err := client.ParseMetrics(strings.NewReader(text))
		if lines := strings.Count(text, "\n") + 1; err == nil && len(metrics) > lines {
			t.Errorf("%d series of %d lines", len(metrics), lines)
		}
	})
}
