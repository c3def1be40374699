package load

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
)

//go:embed report.html
var page string

// The drawing's size and margins, in units of the SVG.
const (
	width, height            = 760.0, 360.0
	left, right, top, bottom = 60.0, 20.0, 20.0, 45.0
	innerWidth, innerHeight  = width - left - right, height - top - bottom
	ticksOfTime              = 5
	fewestNines              = 3.0
)

// HTML writes the report as one page that needs nothing else, with the curve of its quantiles and that of the report it is compared
// with.
func (r *Report) HTML(w io.Writer) error {
	t, err := template.New("report").Funcs(template.FuncMap{
		"ms":    func(x float64) string { return fmt.Sprintf("%.3f", x) },
		"share": func(x float64) string { return fmt.Sprintf("%.1f %%", 100*x) },
		"rate":  func(x float64) string { return fmt.Sprintf("%.1f", x) },
	}).Parse(page)
	if err != nil {
		return err
	}
	d := drawing{Report: r, Loop: r.loop(), Figures: r.Latency.figures()}
	curves := [][]Point{r.Curve}
	if r.Compared != nil && r.Compared.earlier != nil {
		curves = append(curves, r.Compared.earlier.Curve)
	}
	d.draw(curves)
	return t.Execute(w, d)
}

// drawing is what the page shows.
type drawing struct {
	*Report
	Loop          string
	Figures       []figure
	Width, Height float64
	Lines         []string // points of polylines; the second one is the earlier report's
	XTicks        []tick
	YTicks        []tick
}

// tick is a mark on an axis: the ends of its line, and its label.
type tick struct {
	X1, Y1, X2, Y2 float64
	Label          string
}

// draw places the curves. The horizontal axis is the number of nines, -log10(1-q): each further unit is a tenth as many answers.
func (d *drawing) draw(curves [][]Point) {
	d.Width, d.Height = width, height
	nines, slowest := fewestNines, 0.0
	for _, c := range curves {
		for _, p := range c {
			slowest = max(slowest, p.Time)
			if p.Quantile < 1 {
				nines = max(nines, ninesOf(p.Quantile))
			}
		}
	}
	if slowest == 0 {
		slowest = 1
	}
	x := func(q float64) float64 { return left + innerWidth*min(ninesOf(q)/nines, 1) } // the slowest answer stands at the end
	y := func(ms float64) float64 { return top + innerHeight*(1-ms/slowest) }
	for _, c := range curves {
		var b strings.Builder
		for _, p := range c {
			fmt.Fprintf(&b, "%.1f,%.1f ", x(p.Quantile), y(p.Time))
		}
		d.Lines = append(d.Lines, strings.TrimSpace(b.String()))
	}
	for _, q := range []float64{0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999} {
		if ninesOf(q) <= nines {
			label := fmt.Sprintf("p%.7g", 100*q)
			d.XTicks = append(d.XTicks, tick{X1: x(q), Y1: top, X2: x(q), Y2: top + innerHeight, Label: label})
		}
	}
	for i := range ticksOfTime + 1 {
		ms := slowest * float64(i) / ticksOfTime
		d.YTicks = append(d.YTicks, tick{X1: left, Y1: y(ms), X2: left + innerWidth, Y2: y(ms), Label: fmt.Sprintf("%.3g", ms)})
	}
}

func ninesOf(q float64) float64 { return -math.Log10(1 - q) }
