// Package recsys is the root of a toolchain that turns interaction data into a multi-stage recommender, exports
// every stage as ONNX into a Triton model repository joined by a native ensemble, and serves it over HTTP.
//
// The root holds this map and nothing else. Data goes from the top to the bottom; a package imports only packages
// above it (internal/deps tests that):
//
//	tensor/          dense arrays and their element types
//	schema/          columns, tags
//	data/            tables, readers, splits; profile/ what columns hold, synthetic/ a shop with planted taste
//	graph/           the graph of ONNX operators everything is made of; kernel/ inner loops, exec/ runs a graph,
//	                 grad/ differentiates one, graphtest/ conformance suite for operators
//	onnx/            graph to ONNX file and back
//	feature/         operators, fitted workflows; op/ the operators, featuretest/ their conformance suite
//	layer/ loss/     building blocks of models, each a piece of graph
//	model/           retrieval models and rankers, one a file; modeltest/ their conformance suite
//	sampler/ optim/  negatives; optimisers
//	metric/ eval/    metrics; offline evaluation
//	train/           the trainer
//	ordering/        answers of ranked candidates: boosts, diversity, exploration, slots
//	ensemble/        stages, ensembles, config.pbtxt, the model repository; stage/ the stages that are not models,
//	                 ensembletest/ their conformance suite, generation/ publishes what servers serve
//	engine/          runs a model repository in process; server/ offers it as KServe v2
//	client/          client library for Triton; tritonpb/ the generated stubs, tritontest/ a fake server, otel/ and
//	                 prometheus/ tell what a client does
//	featurestore/    user rows, histories, seen items: in memory and in redis/; storetest/ conformance suite
//	gateway/         the HTTP service
//	pipeline/        recsys.yaml and the verbs that run it: fit, train, eval, export, verify; draft/ a recsys.yaml for
//	                 data files, merlin/ one for what NVTabular wrote, report/ what is in the data
//	beam/            a Go module of its own: fits and encodes on Apache Beam
//	cmd/recsys/      the command, one file a verb: the only place that reads flags and environment
//
// Beside the code: model_repository/ is a small exported ensemble that Triton loads as it is, examples/ has
// pipelines, docs/ the documentation, test/ the tests against real servers, bench/ the measurements.
package recsys
