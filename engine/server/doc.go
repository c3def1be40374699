// Package server offers an engine over gRPC and HTTP, in the KServe v2 protocol that Triton speaks, with Triton's extensions.
//
// [Serve] and [ServeHTTP] run on a listener until their context ends, [ServeMetrics] has the nv_inference_ metrics; [New] makes the service
// for servers of one's own. Clients of Triton work with it as they are: health, metadata, configuration, statistics, the repository's index,
// loading, inference with raw and with typed contents, JSON and binary tensors, gzip and deflate, and streams of models that answer once.
// Answers, error codes and their words are Triton's; test/conformance compares them and lists what differs. Shared memory,
// classification, tracing and log settings are refused as unimplemented, with the reason.
//
// Nothing grows with what a request claims: bodies are bounded before and after they are unpacked, shapes are held against the data
// that came, a stream has 64 requests at work at most.
package server
