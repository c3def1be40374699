package load

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
	"time"

	"recsys/internal/record"
)

// ReportFormat is the only format of saved reports that this package reads and writes.
const ReportFormat = 1

// Report is a measurement to be printed, saved and compared. Times are in milliseconds.
type Report struct {
	Format int `json:"format"`
	// Subject says what was asked: "gateway", "triton" or "embedded"; Model names the ensemble or stage.
	Subject string `json:"subject"`
	Model   string `json:"model"`
	// Rate is requests a second of an open loop, 0 for a closed one; Clients as in Config.
	Rate    float64 `json:"rate"`
	Clients int     `json:"clients"`
	Seconds float64 `json:"seconds"`
	// Answered and Failed count requests, Codes the failures by kind.
	Answered   int            `json:"answered"`
	Failed     int            `json:"failed"`
	Codes      map[string]int `json:"codes,omitempty"`
	Throughput float64        `json:"requests_per_second"`
	Latency    Latency        `json:"latency_ms"`
	// Curve has the times of all quantiles, ascending.
	Curve []Point `json:"curve"`
	// Budget says where the mean time goes; its parts add up to it.
	Budget []Part `json:"budget,omitempty"`
	// Notes say what the reader of the figures has to know.
	Notes []string `json:"notes,omitempty"`
	// Compared sets the report beside an earlier one.
	Compared *Comparison `json:"compared,omitempty"`
}

// Latency sums up times in milliseconds.
type Latency struct {
	Mean float64 `json:"mean"`
	P50  float64 `json:"p50"`
	P90  float64 `json:"p90"`
	P99  float64 `json:"p99"`
	P999 float64 `json:"p99.9"`
	Max  float64 `json:"max"`
}

// figures lists the latencies with their names.
func (l Latency) figures() []figure {
	return []figure{{"mean", l.Mean}, {"p50", l.P50}, {"p90", l.P90}, {"p99", l.P99}, {"p99.9", l.P999}, {"max", l.Max}}
}

type figure struct {
	Name  string
	Value float64
}

// Point says that the share Quantile of the answers came within Time milliseconds.
type Point struct {
	Quantile float64 `json:"quantile"`
	Time     float64 `json:"ms"`
}

// NewReport makes the report of a run. Subject and Model are the caller's to fill in.
func NewReport(c Config, r *Result) *Report {
	report := &Report{
		Format: ReportFormat, Rate: c.Rate, Clients: c.Clients, Seconds: r.Elapsed.Seconds(),
		Answered: r.Answered, Failed: r.Failed, Codes: r.Codes, Throughput: r.Throughput(),
		Latency: Latency{
			Mean: milliseconds(r.Mean), P50: milliseconds(r.Quantile(0.5)), P90: milliseconds(r.Quantile(0.9)),
			P99: milliseconds(r.Quantile(0.99)), P999: milliseconds(r.Quantile(0.999)), Max: milliseconds(r.Quantile(1)),
		},
	}
	if r.Answered > 0 {
		for _, b := range r.times.CumulativeDistributionWithTicks(5) {
			q := b.Quantile / 100
			report.Curve = append(report.Curve, Point{q, milliseconds(r.Quantile(q))})
		}
	}
	if n := r.Codes[CodeNotSent]; n > 0 {
		report.Notes = append(report.Notes, fmt.Sprintf(
			"%d requests were due and never sent: %d clients cannot keep up with %g requests/s; the times of those that were sent flatter it",
			n, c.Clients, c.Rate))
	}
	return report
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// ReadReport reads a report that was saved as JSON.
func ReadReport(path string) (*Report, error) {
	r := &Report{}
	return r, record.Read(path, ReportFormat, r)
}

// Comparison is how a report stands to an earlier one.
type Comparison struct {
	// Ratios are this report's figures over the earlier one's; those that were 0 are left out.
	Ratios map[string]float64 `json:"ratios"`
	// Unlike names the settings that differ, so that the ratios say more than how fast the subject is.
	Unlike []string `json:"unlike,omitempty"`

	earlier *Report
}

// throughputName is the name of the throughput among the ratios.
const throughputName = "requests_per_second"

// Compare sets the report beside an earlier one.
func (r *Report) Compare(earlier *Report) {
	c := &Comparison{Ratios: map[string]float64{}, earlier: earlier}
	was := append(earlier.Latency.figures(), figure{throughputName, earlier.Throughput})
	for i, f := range append(r.Latency.figures(), figure{throughputName, r.Throughput}) {
		if was[i].Value > 0 {
			c.Ratios[f.Name] = f.Value / was[i].Value
		}
	}
	for _, s := range []struct {
		name     string
		was, now any
	}{
		{"subject", earlier.Subject, r.Subject},
		{"model", earlier.Model, r.Model},
		{"rate", earlier.Rate, r.Rate},
		{"clients", earlier.Clients, r.Clients},
	} {
		if s.was != s.now {
			c.Unlike = append(c.Unlike, fmt.Sprintf("%s was %v, is %v", s.name, s.was, s.now))
		}
	}
	r.Compared = c
}

// loop describes how requests were sent.
func (r *Report) loop() string {
	if r.Rate > 0 {
		return fmt.Sprintf("open loop at %g requests/s, at most %d under way", r.Rate, r.Clients)
	}
	return fmt.Sprintf("closed loop of %d clients", r.Clients)
}

// Text writes the report for a reader.
func (r *Report) Text(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s %s, %s\n", r.Subject, r.Model, r.loop())
	fmt.Fprintf(t, "%d answered in %.1f s: %.1f requests/s; %d failed\n", r.Answered, r.Seconds, r.Throughput, r.Failed)
	for _, code := range slices.Sorted(maps.Keys(r.Codes)) {
		fmt.Fprintf(t, "  %s\t%d\n", code, r.Codes[code])
	}
	for _, f := range r.Latency.figures() {
		fmt.Fprintf(t, "%s\t%.3f ms", f.Name, f.Value)
		if r.Compared != nil {
			fmt.Fprintf(t, "\t%s", ratio(r.Compared.Ratios, f.Name))
		}
		fmt.Fprintln(t)
	}
	if r.Compared != nil {
		fmt.Fprintf(t, "throughput\t%.1f requests/s\t%s\n", r.Throughput, ratio(r.Compared.Ratios, throughputName))
		for _, u := range r.Compared.Unlike {
			fmt.Fprintf(t, "not like the earlier run: %s\n", u)
		}
	}
	if len(r.Budget) > 0 {
		fmt.Fprintln(t, "\nmean time\tms\tshare")
		for _, p := range r.Budget {
			fmt.Fprintf(t, "%s\t%.3f\t%.1f %%\n", p.Name, p.Time, 100*p.Share)
		}
		fmt.Fprintf(t, "total\t%.3f\t100.0 %%\n", r.Latency.Mean)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(t, "note: %s\n", n)
	}
	return t.Flush()
}

func ratio(ratios map[string]float64, name string) string {
	if x, ok := ratios[name]; ok {
		return fmt.Sprintf("%.2f of the earlier", x)
	}
	return "no earlier figure"
}
