// Package engine serves a model repository in process, as Triton would: it reads the folders and their config.pbtxt, holds the versions
// that the policies name, and runs models and ensembles on graph/exec.
//
//	e, err := engine.Open(ctx, "model_repository", engine.Options{})
//	out, version, err := e.Infer(ctx, "shop", inputs, []string{"item_ids", "scores"})
//
// [Open] refuses what Triton refuses: it applies the rules of [ensemble.Repository.Check] and [ensemble.CheckPorts] and runs the warm-ups for
// one user. [Engine.Infer] takes tensors as they come over the wire, so a scalar column has the shape [B,1] that config.pbtxt declares, and
// checks names, types, shapes and the batch size. A step of an ensemble runs when its tensors are there, side by side with those that do not need it;
// steps that the wanted outputs do not need are left out.
//
// Models whose files are the same byte by byte share memory. A model with dynamic_batching runs requests that wait together, as its preferred
// sizes, delay, priorities and queue policy say; the answers are those of single runs, and where a batch fails its requests run by themselves.
// instance_group bounds how many runs of a model are at work at once, [Options.Concurrency] how many of all. A run that is alone computes
// its large steps on all processors. [Options.CacheSize] bounds the answers that are kept of models with response_cache.
//
// [Engine.Load] and [Engine.Unload] change what is served, under load and without a failed request: what does not load changes nothing.
//
// Package engine/server offers an Engine over gRPC and HTTP.
package engine
