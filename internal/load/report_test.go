package load_test

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"recsys/internal/load"
)

var update = flag.Bool("update", false, "write golden files anew")

// measured is the same in every run: 100 requests, the n-th of which takes n+1 ms.
func measured(t *testing.T) (load.Config, *load.Result) {
	t.Helper()
	c := load.Config{Clients: 1, Duration: time.Minute, Requests: 100}
	var r *load.Result
	synctest.Test(t, func(t *testing.T) {
		r = run(t, c, func(ctx context.Context, n int) error { return take(ctx, time.Duration(n+1)*time.Millisecond) })
	})
	return c, r
}

// TestQuantiles counts by hand: of 1, 2, …, 100 ms half are within 50, and 99 % within 99.
func TestQuantiles(t *testing.T) {
	r := load.NewReport(measured(t))
	got := []float64{r.Latency.Mean, r.Latency.P50, r.Latency.P90, r.Latency.P99, r.Latency.P999, r.Latency.Max}
	for i, want := range []float64{50.5, 50, 90, 99, 100, 100} {
		if math.Abs(got[i]-want) > 0.001*want { // the histogram's three digits
			t.Errorf("figure %d is %g, want %g", i, got[i], want)
		}
	}
	if r.Answered != 100 || math.Abs(r.Seconds-5.05) > 1e-9 || math.Abs(r.Throughput-100/5.05) > 1e-9 {
		t.Errorf("%d answered in %g s, %g a second; want 100 in 5.05, %g", r.Answered, r.Seconds, r.Throughput, 100/5.05)
	}
	for i, p := range r.Curve {
		// The n-th answer of a hundred took n ms; a quantile takes the answer at or above it.
		if want := max(1, math.Ceil(100*p.Quantile-1e-9)); math.Abs(p.Time-want) > 1 {
			t.Errorf("point %d: quantile %g is %g ms, want %g", i, p.Quantile, p.Time, want)
		}
	}
	if last := r.Curve[len(r.Curve)-1]; last.Quantile != 1 {
		t.Errorf("the curve ends at quantile %g, want 1", last.Quantile)
	}
}

func TestBudget(t *testing.T) {
	_, r := measured(t)
	ms := time.Millisecond
	// Counted by a server that was asked twice as often: means count.
	served := load.StageTime{Model: "shop", Requests: 200, Total: 8000 * ms, Queue: 1800 * ms, Compute: 4400 * ms}
	stages := []load.StageTime{
		{Model: "shop_prep", Requests: 200, Total: 3000 * ms, Queue: 200 * ms, Input: 100 * ms, Compute: 2400 * ms, Output: 100 * ms},
		{Model: "shop_score", Requests: 200, Total: 3000 * ms, Queue: 1000 * ms, Compute: 2000 * ms},
	}
	want := []load.Part{
		{Name: "before it was sent"},
		{Name: "network and client", Time: 10.5},
		{Name: "shop queue", Time: 3},
		{Name: "shop_prep queue", Time: 1},
		{Name: "shop_prep inputs", Time: 0.5},
		{Name: "shop_prep compute", Time: 12},
		{Name: "shop_prep outputs", Time: 0.5},
		{Name: "shop_score queue", Time: 5},
		{Name: "shop_score inputs"},
		{Name: "shop_score compute", Time: 10},
		{Name: "shop_score outputs"},
		{Name: "between the stages", Time: 8},
	}
	check := func(t *testing.T, got, want []load.Part) {
		t.Helper()
		sum, shares := 0.0, 0.0
		for i := range want {
			want[i].Share = want[i].Time / 50.5
		}
		for _, p := range got {
			sum, shares = sum+p.Time, shares+p.Share
		}
		// Sums of a dozen float64: some units in the last place.
		near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-9 })
		if diff := cmp.Diff(got, want, near); diff != "" {
			t.Error(diff)
		}
		if math.Abs(sum-50.5) > 1e-9 || math.Abs(shares-1) > 1e-9 {
			t.Errorf("the parts are %g ms and %g of the mean, want 50.5 and 1", sum, shares)
		}
	}
	check(t, load.Budget(r, served, stages, "network and client"), want)
	check(t, load.Budget(r, stages[0], nil, "outside"), []load.Part{
		{Name: "before it was sent"},
		{Name: "outside", Time: 35.5},
		{Name: "shop_prep queue", Time: 1},
		{Name: "shop_prep inputs", Time: 0.5},
		{Name: "shop_prep compute", Time: 12},
		{Name: "shop_prep outputs", Time: 0.5},
		{Name: "the rest of shop_prep", Time: 1},
	})
	// An ensemble that counts no queue of its own has none.
	served.Queue = 0
	if got := load.Budget(r, served, stages, "outside")[2]; got.Name != "shop queue" || got.Time != 0 {
		t.Errorf("the queue of the ensemble is %+v, want 0", got)
	}
	if got := load.Budget(r, load.StageTime{}, nil, "outside"); got != nil {
		t.Errorf("a server that counted nothing gives %v, want nothing", got)
	}
	later := load.StageTime{Model: "m", Requests: 5, Total: 9, Queue: 8, Input: 7, Compute: 6, Output: 5}
	earlier := load.StageTime{Model: "m", Requests: 1, Total: 2, Queue: 3, Input: 4, Compute: 5, Output: 1}
	if got, want := later.Since(earlier), (load.StageTime{"m", 4, 7, 5, 3, 1, 4}); got != want {
		t.Errorf("Since gives %v, want %v", got, want)
	}
}

// TestText holds what a reader sees, and what is saved, to golden files.
func TestText(t *testing.T) {
	c, result := measured(t)
	r := load.NewReport(c, result)
	r.Subject, r.Model, r.Failed, r.Codes = "triton", "shop", 3, map[string]int{"unavailable": 2, load.CodeNotSent: 1}
	r.Budget = load.Budget(result, load.StageTime{Model: "shop", Requests: 100, Total: 4000 * time.Millisecond, Compute: time.Second}, nil, "network and client")
	r.Notes = []string{"a < b"}
	earlier := *r
	earlier.Latency.P50, earlier.Latency.Max, earlier.Clients, earlier.Throughput = 25, 0, 8, r.Throughput/2
	r.Compare(&earlier)
	var text, html bytes.Buffer
	if err := r.Text(&text); err != nil {
		t.Fatal(err)
	}
	if err := r.HTML(&html); err != nil {
		t.Fatal(err)
	}
	saved, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string][]byte{"report.txt": text.Bytes(), "report.html": html.Bytes(), "report.json": append(saved, '\n')} {
		path := filepath.Join("testdata", name)
		if *update {
			if err := os.WriteFile(path, got, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(got), string(want)); diff != "" {
			t.Errorf("%s (-got +want):\n%s", name, diff)
		}
	}
	read, err := load.ReadReport(filepath.Join("testdata", "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	if read.Latency != r.Latency || len(read.Curve) != len(r.Curve) || read.Throughput != r.Throughput {
		t.Error("the saved report reads as another one")
	}
	_, svg, _ := strings.Cut(html.String(), "<svg")
	svg, _, _ = strings.Cut("<svg"+svg, "</svg>")
	var parsed struct {
		Lines []struct {
			Points string `xml:"points,attr"`
		} `xml:"polyline"`
		Labels []string `xml:"text"`
	}
	if err := xml.Unmarshal([]byte(svg+"</svg>"), &parsed); err != nil || len(parsed.Lines) != 2 {
		t.Fatalf("the drawing has %d curves, %v; want this run's and the earlier one's", len(parsed.Lines), err)
	}
	// The curve goes from the left of the frame, p0, to its upper right corner, the slowest answer; three nines are shown at least.
	if p := parsed.Lines[0].Points; !strings.HasPrefix(p, "60.0,") || !strings.HasSuffix(p, " 740.0,20.0") {
		t.Errorf("the curve is %s", p)
	}
	labels := []string{"p0", "p50", "p90", "p99", "p99.9", "0", "20", "40", "60", "80", "100"}
	if diff := cmp.Diff(parsed.Labels[:len(parsed.Labels)-1], labels); diff != "" {
		t.Errorf("labels (-got +want):\n%s", diff)
	}
	for _, outside := range []string{"http:", "https:", "src=", "href="} {
		if strings.Contains(html.String(), outside) {
			t.Errorf("the page is not whole by itself: it has %q", outside)
		}
	}
}

func TestReadReport(t *testing.T) {
	for name, text := range map[string]string{"garbage": "x", "another format": `{"format": 2}`, "no report": `{"a": 1}`} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "r.json")
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := load.ReadReport(path); err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("ReadReport gives %v, want an error that names the file", err)
			}
		})
	}
}

// TestNotSent wants a warning beside figures that leave out what was never sent, and an empty report to be a report.
func TestNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := load.Config{Sleep: take, Rate: 10, Clients: 1, Duration: time.Second, Seed: 1}
		r := load.NewReport(c, run(t, c, func(ctx context.Context, _ int) error { return take(ctx, time.Hour) }))
		if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "never sent") {
			t.Errorf("the notes are %v, want one of requests never sent", r.Notes)
		}
		c = load.Config{Clients: 1, Duration: time.Second, Requests: 1}
		empty := load.NewReport(c, run(t, c, func(context.Context, int) error { return context.DeadlineExceeded }))
		var b bytes.Buffer
		if err := empty.HTML(&b); err != nil || empty.Latency.Max != 0 || len(empty.Curve) != 0 {
			t.Errorf("without answers: %v, %+v", err, empty)
		}
		if strings.Contains(b.String(), "NaN") {
			t.Error("the page has NaN in it")
		}
	})
}
