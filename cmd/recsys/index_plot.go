package main

import (
	"bytes"
	"fmt"
	"math"

	"recsys/pipeline"
)

// The size of the plot and of its margins, in pixels.
const (
	plotWidth, plotHeight = 720, 440
	plotLeft, plotBottom  = 60, 50
	plotRight, plotTop    = 150, 30
)

// plotIndex draws recall against latency, which has a logarithmic axis: a line for each number of lists, a mark for exact retrieval and a ring around
// the choice.
func plotIndex(r *pipeline.IndexReport) []byte {
	low, high, least := math.Inf(1), 0.0, 1.0
	for _, p := range r.Points {
		low, high, least = min(low, p.Microseconds), max(high, p.Microseconds), min(least, p.Recall)
	}
	least = math.Floor(least*10) / 10
	if least == 1 {
		least = 0.9
	}
	low, high = low/1.2, high*1.2
	x := func(us float64) float64 {
		return plotLeft + (plotWidth-plotLeft-plotRight)*math.Log(us/low)/math.Log(high/low)
	}
	y := func(recall float64) float64 {
		return plotTop + (plotHeight-plotTop-plotBottom)*(1-(recall-least)/(1-least))
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n", plotWidth, plotHeight)
	fmt.Fprintf(&b, `<rect width="100%%" height="100%%" fill="white"/><text x="%d" y="18">recall@%d against µs of one query, %d items of width %d</text>`+"\n",
		plotLeft, r.Candidates, r.Items, r.Width)
	for recall := least; recall < 1.0001; recall += (1 - least) / 5 {
		fmt.Fprintf(&b, `<path d="M%d %.1fH%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%.2f</text>`+"\n",
			plotLeft, y(recall), plotWidth-plotRight, plotLeft-6, y(recall)+4, recall)
	}
	for _, mark := range []float64{1, 2, 5} {
		for decade := 1.0; decade < high; decade *= 10 {
			if us := mark * decade; us > low && us < high {
				fmt.Fprintf(&b, `<path d="M%.1f %dV%d" stroke="#ddd"/><text x="%.1f" y="%d" text-anchor="middle">%g</text>`+"\n",
					x(us), plotTop, plotHeight-plotBottom, x(us), plotHeight-plotBottom+16, us)
			}
		}
	}
	colors := []string{"#1b6ca8", "#b3541e", "#2e7d32", "#7b1fa2", "#ad1457", "#455a64"}
	lists, color := 0, -1
	for i, p := range r.Points {
		if p.Lists != lists {
			lists = p.Lists
			color++
			fmt.Fprintf(&b, `<text x="%d" y="%d" fill="%s">%d lists</text>`+"\n", plotWidth-plotRight+12, plotTop+16*(color+2), colors[color%len(colors)], lists)
		}
		stroke := "black"
		if lists > 0 {
			stroke = colors[color%len(colors)]
			if last := r.Points[i-1]; last.Lists == lists {
				fmt.Fprintf(&b, `<path d="M%.1f %.1fL%.1f %.1f" stroke="%s"/>`+"\n", x(last.Microseconds), y(last.Recall), x(p.Microseconds), y(p.Recall), stroke)
			}
		}
		fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"><title>%s: recall %.4f, %.0f µs</title></circle>`+"\n",
			x(p.Microseconds), y(p.Recall), stroke, wayOf(p), p.Recall, p.Microseconds)
		if p == r.Chosen {
			fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="7" fill="none" stroke="black"/>`+"\n", x(p.Microseconds), y(p.Recall))
		}
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d">● exact</text><text x="%d" y="%d">○ chosen</text>`+"\n</svg>\n",
		plotWidth-plotRight+12, plotTop+16, plotWidth-plotRight+12, plotTop+16*(color+4))
	return b.Bytes()
}
