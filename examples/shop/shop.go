// Package shop is the pipeline of the synthetic shop that `recsys demo` runs.
package shop

import (
	_ "embed"
	"slices"
)

//go:embed recsys.yaml
var pipeline []byte //nolint:gochecknoglobals // Embedding needs a variable; Pipeline hands out copies.

// Pipeline returns the text of recsys.yaml.
func Pipeline() []byte { return slices.Clone(pipeline) }
