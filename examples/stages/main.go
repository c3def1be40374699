// Command stages writes the model of the how-to page on stages of other origin: an ONNX file that keeps items which a user can
// afford, by a rule on age and price. Any other tool could have made the file: its axes and tensors have names of their own.
//
//	go run ./examples/stages DATA/affordable.onnx
package main

import (
	"fmt"
	"math"
	"os"

	"recsys/graph"
	"recsys/onnx"
	"recsys/tensor"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: stages FILE.onnx")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "stages:", err)
		os.Exit(1)
	}
}

// write writes the model: years [batch,1] int64 and prices [batch,places] float32 to affordable [batch,places] bool, which is true
// where the price is unknown or at most 20 + 2·years. A user of unknown age, who has fewer than 0 years, affords everything.
func write(path string) error {
	b := graph.NewBuilder("affordable")
	batch := graph.Sym("batch")
	years := b.Input("years", tensor.Int64, graph.Shape{batch, graph.Fixed(1)})
	prices := b.Input("prices", tensor.Float32, graph.Shape{batch, graph.Sym("places")})
	limit := b.Add(b.Mul(b.Cast(years, tensor.Float32), b.Float32(2)), b.Float32(20))
	limit = b.Where(b.Less(years, b.Int64(0)), b.Float32(float32(math.Inf(1))), limit)
	b.Output("affordable", b.Not(b.Greater(prices, limit))) // NaN, an unknown price, is not greater
	g, err := b.Build()
	if err != nil {
		return err
	}
	return onnx.Write(path, g, onnx.Meta{})
}
