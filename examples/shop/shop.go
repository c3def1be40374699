// Package shop is the pipeline of the synthetic shop that `recsys demo` runs.
package shop

import (
	_ "embed"
	"slices"
)

//go:embed recsys.yaml
var pipeline []byte

// Pipeline returns the text of recsys.yaml.
func Pipeline() []byte { return slices.Clone(pipeline) }
