// Package golden makes the committed model repository: the demo's pipeline on a small shop, computed with portable
// arithmetic alone, so that every platform makes the same bytes.
package golden

import (
	"context"
	"os"
	"path/filepath"

	"recsys/data/synthetic"
	"recsys/examples/shop"
	"recsys/graph/kernel"
	"recsys/pipeline"
)

// Name is the ensemble's name.
const Name = "shop"

// Build makes the shop, trains on it in the folder work, and exports its first generation into repository.
func Build(ctx context.Context, work, repository string) error {
	tables, err := synthetic.Shop(synthetic.Golden())
	if err != nil {
		return err
	}
	data := filepath.Join(work, "data")
	if err := os.MkdirAll(data, 0o755); err != nil {
		return err
	}
	if err := tables.Write(data); err != nil {
		return err
	}
	run := filepath.Join(work, "run")
	p, err := pipeline.New(shop.Pipeline(), data, run, 0, pipeline.Options{Kernels: kernel.Portable()})
	if err != nil {
		return err
	}
	if err := p.Fit(ctx); err != nil {
		return err
	}
	if err := p.Train(ctx); err != nil {
		return err
	}
	_, err = pipeline.Export(ctx, run, repository, pipeline.ExportOptions{})
	return err
}
