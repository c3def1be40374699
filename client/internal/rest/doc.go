// Package rest makes the calls of Triton's gRPC service over its HTTP endpoint: a [Conn] takes the place of a
// grpc.ClientConn. Tensors travel by the binary tensor data extension of the KServe v2 protocol; an answer without it,
// with tensors in JSON, is read too. Errors come with the gRPC status that the same failure has over gRPC.
package rest
