package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	// scrapeTimeout bounds a scrape whose context has no deadline.
	scrapeTimeout = 10 * time.Second
	// scrapeLimit is the most bytes of a scrape: tens of thousands of series.
	scrapeLimit = 16 << 20
)

// Metric is one series of a server's metrics, such as nv_inference_count{model="shop",version="7"} 42.
type Metric struct {
	Name   string
	Kind   string // "counter", "gauge", "histogram", "summary"; empty where the server does not say
	Labels map[string]string
	Value  float64
}

// Metrics are the series of a scrape, in the server's order.
type Metrics []Metric

// Sum adds the series of a name that have the labels, given as name and value in turn, and tells how many there are.
func (m Metrics) Sum(name string, labels ...string) (sum float64, series int) {
	for _, metric := range m {
		matches := metric.Name == name
		for i := 0; i+1 < len(labels); i += 2 {
			matches = matches && metric.Labels[labels[i]] == labels[i+1]
		}
		if matches {
			sum += metric.Value
			series++
		}
	}
	return sum, series
}

// ScrapeMetrics reads the metrics of one server, at its metrics port: "http://localhost:8002/metrics".
func ScrapeMetrics(ctx context.Context, url string) (Metrics, error) {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, scrapeTimeout)
		defer cancel()
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("scrape metrics: %w", err)
	}
	request.Close = true // scrapes are far apart
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("scrape metrics: %w", err)
	}
	defer func() { _ = answer.Body.Close() }() // read or given up
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("scrape metrics of %s: %s", url, answer.Status)
	}
	metrics, err := ParseMetrics(answer.Body)
	if err != nil {
		return nil, fmt.Errorf("scrape metrics of %s: %w", url, err)
	}
	return metrics, nil
}

// ParseMetrics reads Prometheus's text format, version 0.0.4, at most 16 MiB of it. Times of samples are left out.
func ParseMetrics(r io.Reader) (Metrics, error) {
	limited := &io.LimitedReader{R: r, N: scrapeLimit + 1}
	lines := bufio.NewScanner(limited)
	lines.Buffer(nil, 1<<20)
	kinds := map[string]string{}
	var metrics Metrics
	for number := 1; lines.Scan(); number++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" {
			continue
		}
		if comment, ok := strings.CutPrefix(line, "#"); ok {
			if words := strings.Fields(comment); len(words) == 3 && words[0] == "TYPE" {
				kinds[words[1]] = words[2]
			}
			continue
		}
		m, err := parseMetric(line)
		if limited.N <= 0 {
			break // of which the last line may be a part
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		m.Kind = kindOf(kinds, m.Name)
		metrics = append(metrics, m)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("read metrics: %w", err)
	}
	if limited.N <= 0 {
		return nil, fmt.Errorf("metrics have more than %d bytes", scrapeLimit)
	}
	return metrics, nil
}

// kindOf finds the kind of a series, which for parts of a histogram or summary is told of the whole.
func kindOf(kinds map[string]string, name string) string {
	if kind, ok := kinds[name]; ok {
		return kind
	}
	for _, suffix := range []string{"_bucket", "_sum", "_count"} {
		if whole, ok := strings.CutSuffix(name, suffix); ok {
			switch kind := kinds[whole]; kind {
			case "histogram", "summary":
				return kind
			}
		}
	}
	return ""
}

// parseMetric reads NAME{LABEL="VALUE",...} NUMBER [TIME].
func parseMetric(line string) (Metric, error) {
	end := strings.IndexAny(line, "{ \t")
	if end <= 0 {
		return Metric{}, errors.New("a series needs a name and a value")
	}
	m := Metric{Name: line[:end], Labels: map[string]string{}}
	rest := strings.TrimLeft(line[end:], " \t")
	if labels, ok := strings.CutPrefix(rest, "{"); ok {
		var err error
		if rest, err = m.labels(labels); err != nil {
			return Metric{}, fmt.Errorf("labels of %s: %w", m.Name, err)
		}
	}
	words := strings.Fields(rest)
	if len(words) < 1 || len(words) > 2 {
		return Metric{}, fmt.Errorf("%s has %q for a value", m.Name, strings.TrimSpace(rest))
	}
	var err error
	if m.Value, err = strconv.ParseFloat(words[0], 64); err != nil {
		return Metric{}, fmt.Errorf("%s has %q for a value", m.Name, words[0])
	}
	return m, nil
}

var errLabels = errors.New(`want NAME="VALUE",...}`)

// labels reads what follows the opening brace, and returns what follows the closing one.
func (m *Metric) labels(s string) (string, error) {
	for {
		s = strings.TrimLeft(s, " \t,")
		if rest, ok := strings.CutPrefix(s, "}"); ok {
			return rest, nil
		}
		name, rest, ok := strings.Cut(s, "=")
		rest = strings.TrimLeft(rest, " \t")
		if !ok || !strings.HasPrefix(rest, `"`) {
			return "", errLabels
		}
		value, after, err := quoted(rest[1:])
		if err != nil {
			return "", err
		}
		m.Labels[strings.TrimSpace(name)], s = value, after
	}
}

// quoted reads up to the closing quote.
func quoted(s string) (value, rest string, err error) {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], nil
		case '\\':
			if i++; i == len(s) {
				return "", "", errLabels
			}
			if s[i] == 'n' {
				b.WriteByte('\n')
			} else {
				b.WriteByte(s[i])
			}
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", errLabels
}
