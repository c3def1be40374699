// Package pipeline runs a recsys.yaml: it reads the tables, fits the workflow, trains and evaluates the models, and
// exports the stages. It is the only package that knows all the parts; each step leaves its result in a run folder,
// where the next one, in another process if need be, finds it.
//
//	p, err := pipeline.New(text, "data", "runs/shop", 0, pipeline.Options{}) // text is that of recsys.yaml
//	defer p.Close()
//	metrics, err := p.Run(ctx)                                               // fit, train, eval
//	export, err := pipeline.Export(ctx, "runs/shop", "model_repository", pipeline.ExportOptions{})
//
// A run folder holds recsys.yaml, workflow.json, the stages of the served ensemble as ONNX files, the packed rows of
// users and items, metrics.json and manifest.json, and, where interactions stay on disk, the columnar cache that models
// train from. docs/reference/formats.md describes each.
//
// What names in recsys.yaml mean is said by a [Registry] value; there is no global one.
package pipeline
