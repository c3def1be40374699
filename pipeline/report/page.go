package report

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"

	"recsys/data/profile"
)

//go:embed page.html
var pageText string

// bar is a bar of a plot, in the plot's own units.
type bar struct {
	X, Y, Width, Height float64
	Title               string
}

// plot is a histogram.
type plot struct {
	Bars      []bar
	Low, High string // the ends of the axis
}

// The size of a plot.
const (
	plotWidth  = 320.0
	plotHeight = 90.0
)

// newPlot draws a histogram of numbers up to high; edge writes those at its edges.
func newPlot(h profile.Histogram, high float64, edge func(float64) string) plot {
	p := plot{Low: edge(h.Edges[0]), High: edge(high)}
	most := 1
	for _, n := range h.Counts {
		most = max(most, n)
	}
	width := plotWidth / float64(len(h.Counts))
	for i, n := range h.Counts {
		height := plotHeight * float64(n) / float64(most)
		if n > 0 {
			height = max(height, 1) // What is there is seen.
		}
		of := edge(h.Edges[i])
		if h.Edges[i+1]-h.Edges[i] != 1 { // Otherwise it is an integer's.
			of += " to " + edge(h.Edges[i+1])
		}
		p.Bars = append(p.Bars, bar{
			X: float64(i) * width, Y: plotHeight - height, Width: max(width-1, 1), Height: height,
			Title: fmt.Sprintf("%s: %d", of, n),
		})
	}
	return p
}

// card is a column on the page.
type card struct {
	*profile.Column

	Kind, Nulls, Distinct string
	Plot, Lengths         *plot
	Top                   []topValue
}

type topValue struct {
	Value string
	Share string
	Width float64
}

// newCard draws a column: numbers as a histogram, text by its frequent values.
func newCard(c *profile.Column, times bool) card {
	out := card{Column: c, Kind: kind(c), Nulls: share(c.Nulls, c.Rows), Distinct: distinct(c)}
	edge := profile.Text
	if times {
		edge = func(x float64) string { return clock(int64(x)) }
	}
	if c.Numbers != nil {
		p := newPlot(c.Numbers.Histogram, c.Numbers.Max, edge)
		out.Plot = &p
	}
	if c.List && c.Lengths != nil {
		p := newPlot(c.Lengths.Histogram, c.Lengths.Max, profile.Text)
		out.Lengths = &p
	}
	if c.Numbers == nil && len(c.Top) > 0 && c.Top[0].Count > 1 {
		for _, v := range c.Top {
			out.Top = append(out.Top, topValue{v.Value, share(v.Count, c.Values), 100 * float64(v.Count) / float64(c.Top[0].Count)})
		}
	}
	return out
}

// WriteHTML writes the report as one page that needs nothing else.
func (r *Report) WriteHTML(w io.Writer, time string) error {
	t, err := template.New("page").Funcs(template.FuncMap{"ks": ks, "mul": func(x float64) float64 { return 100 * x }}).Parse(pageText)
	if err != nil {
		return err
	}
	type table struct {
		Table
		Cards []card
	}
	page := struct {
		*Report
		Rows                  int
		LeakageRows           []leakageRow
		ActivityP, PopularP   plot
		Pages                 []table
		PlotWidth, PlotHeight float64
	}{
		Report: r, Rows: r.Tables[0].Rows, LeakageRows: r.leakageRows(), PlotWidth: plotWidth, PlotHeight: plotHeight,
		ActivityP: newPlot(r.Activity.Histogram, float64(r.Activity.Max), profile.Text), PopularP: newPlot(r.Popularity.Histogram, float64(r.Popularity.Max), profile.Text),
	}
	for _, of := range r.Tables {
		out := table{Table: of}
		for i := range of.Columns {
			out.Cards = append(out.Cards, newCard(&of.Columns[i], of.Name == r.Tables[0].Name && of.Columns[i].Name == time))
		}
		page.Pages = append(page.Pages, out)
	}
	return t.Execute(w, page)
}
