// Package server offers an engine over gRPC, in the KServe v2 protocol that Triton speaks.
//
// [New] makes the service, [Serve] runs it on a listener until its context ends. Clients of Triton work with it as they are: health, metadata,
// configuration, statistics, the repository's index and inference, with raw and with typed contents. Loading, shared memory, tracing,
// streaming and classification are answered as unimplemented or invalid.
package server
