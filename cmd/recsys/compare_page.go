package main

import (
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strings"

	"recsys/pipeline"
)

// writeMarkdown writes the boards as tables with all metrics.
func writeMarkdown(w io.Writer, c *pipeline.Comparison) error {
	var text strings.Builder
	for i, b := range c.Boards {
		if i > 0 {
			text.WriteString("\n")
		}
		names := metricNames(b)
		fmt.Fprintf(&text, "## %s\n\n| run | model | %s |\n| --- | --- |%s\n", boardTitle(c, b),
			strings.Join(boardHeader(b.By, names), " | "), strings.Repeat(" ---: |", 3+len(names)))
		for _, s := range b.Rows {
			run := s.Run
			if s.Best {
				run = "**" + run + "**"
			}
			fmt.Fprintf(&text, "| %s | %s | %s |\n", run, s.Model, strings.Join(boardCells(b.By, names, s), " | "))
		}
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// metricNames are the metrics that rows of a board have, the one that orders it first.
func metricNames(b pipeline.Board) []string {
	known := map[string]bool{}
	for _, s := range b.Rows {
		for name := range s.Metrics {
			known[name] = true
		}
	}
	delete(known, b.By)
	return append([]string{b.By}, slices.Sorted(maps.Keys(known))...)
}

func boardHeader(by string, names []string) []string {
	return slices.Concat([]string{by, "95 % interval", "to the best", "p"}, names[1:])
}

// plot is a board's intervals as a drawing whose unit is a pixel.
type plot struct {
	Title, By string
	Height    int
	Low, High string // values at the ends of the axis
	Bars      []bar
	Header    []string
	Rows      []pageRow
}

type bar struct {
	Label          string
	Y              int
	X, From, Width float64
	Spread, Best   bool
}

type pageRow struct {
	Run, Model string
	Best       bool
	Cells      []string
}

// The drawing's widths: of labels, and of the axis behind them.
const (
	plotLabel = 260
	plotAxis  = 480
	plotLine  = 26
)

func newPlot(c *pipeline.Comparison, b pipeline.Board) plot {
	names := metricNames(b)
	p := plot{Title: boardTitle(c, b), By: b.By, Height: plotLine * (len(b.Rows) + 1), Header: boardHeader(b.By, names)}
	var ends []float64
	for _, s := range b.Rows {
		if v, ok := s.Metrics[b.By]; ok {
			ends = append(ends, v)
		}
		if s.Interval != nil {
			ends = append(ends, s.Interval.Low, s.Interval.High)
		}
	}
	low, high := 0.0, 1.0
	if len(ends) > 0 {
		low, high = slices.Min(ends), slices.Max(ends)
	}
	if high == low {
		high++
	}
	p.Low, p.High = fmt.Sprintf("%.4f", low), fmt.Sprintf("%.4f", high)
	at := func(v float64) float64 { return plotLabel + plotAxis*(v-low)/(high-low) }
	for i, s := range b.Rows {
		p.Rows = append(p.Rows, pageRow{s.Run, s.Model, s.Best, boardCells(b.By, names, s)})
		v, ok := s.Metrics[b.By]
		if !ok {
			continue
		}
		mark := bar{Label: shortened(s.Model + ", " + s.Run), Y: plotLine*i + plotLine/2, X: at(v), Best: s.Best}
		if s.Interval != nil {
			mark.From, mark.Width, mark.Spread = at(s.Interval.Low), at(s.Interval.High)-at(s.Interval.Low), true
		}
		p.Bars = append(p.Bars, mark)
	}
	return p
}

// shortened cuts a label that would stand in the drawing's bars.
func shortened(label string) string {
	const most = 38
	if text := []rune(label); len(text) > most {
		return string(text[:most-1]) + "…"
	}
	return label
}

// writePage writes the boards as one HTML page that needs nothing else.
func writePage(w io.Writer, c *pipeline.Comparison) error {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		return err
	}
	page := struct {
		*pipeline.Comparison
		Plots []plot
	}{Comparison: c}
	for _, b := range c.Boards {
		page.Plots = append(page.Plots, newPlot(c, b))
	}
	return t.Execute(w, page)
}

const pageText = `<!DOCTYPE html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>recsys compare</title>
<style>
:root { color-scheme: light dark; --ink: #1c1c1c; --paper: #fff; --line: #bbb; --bar: #7aa6d6; --best: #1f7a3d }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --paper: #161616; --line: #555; --bar: #4d7db3; --best: #5cc480 } }
body { font: 15px/1.4 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
div { overflow-x: auto }
table { border-collapse: collapse; margin: 1rem 0 } th, td { padding: .2rem .6rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap }
th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left } .best { font-weight: bold }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif } svg line { stroke: var(--line) }
svg rect, svg circle { fill: var(--bar) } svg .best { fill: var(--best) }
</style>
<h1>Comparison of runs</h1>
<p>Split {{.Split}}, {{.Part}} part, data {{.Data}}, seed {{.Seed}}. Bars are 95 % bootstrap intervals over users, dots the values; p is that of a paired randomisation test against the best.</p>
{{range .Plots}}<h2>{{.Title}}</h2>
<div><svg width="760" height="{{.Height}}" role="img" aria-label="{{.Title}}">
{{range .Bars}}<text x="0" y="{{.Y}}" dy="4">{{.Label}}</text>
{{if .Spread}}<rect x="{{.From}}" y="{{.Y}}" width="{{.Width}}" height="4" transform="translate(0 -2)"{{if .Best}} class="best"{{end}}/>
{{end}}<circle cx="{{.X}}" cy="{{.Y}}" r="5"{{if .Best}} class="best"{{end}}/>
{{end}}<text x="260" y="{{.Height}}" dy="-6">{{.Low}}</text><text x="740" y="{{.Height}}" dy="-6" text-anchor="end">{{.High}}</text>
</svg></div>
<div><table><tr><th>run<th>model{{range .Header}}<th>{{.}}{{end}}</tr>
{{range .Rows}}<tr{{if .Best}} class="best"{{end}}><td>{{.Run}}<td>{{.Model}}{{range .Cells}}<td>{{.}}{{end}}</tr>
{{end}}</table></div>
{{end}}</html>
`
