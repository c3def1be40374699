// Package message encodes an inference's request and decodes its answer, without protobuf's copies: [Request] and
// [Response] are sent and received by a gRPC connection whose codec is [Codec].
//
// A tensor's raw contents go from its memory to the connection, and from the connection's buffers to the tensor.
package message
