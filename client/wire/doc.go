// Package wire turns tensors into the bytes of Triton's inference protocol and back: what a client and a server of
// the protocol have in common.
//
// [Encode] and [Decode] handle one tensor's raw contents: row-major, little-endian, a bool in one byte, a string as
// its uint32 length and its bytes. [SetInputs] and [Outputs] are a client's side of a call, [Inputs] and
// [SetOutputs] a server's.
//
// Nothing is copied where it can be helped: on a little-endian machine a numeric tensor and its bytes share their
// memory, and decoded strings share theirs with the message. So a tensor must not change before its message is
// sent, a message belongs to the tensors decoded from it, and keeping one decoded string keeps the message alive.
//
// Decoding trusts nothing: whatever bytes and shapes arrive, the result is a tensor or an error, and memory grows
// with the bytes that came and not with the sizes that they claim.
//
// The encoding is specified in https://github.com/triton-inference-server/server, docs/protocol/extension_binary_data.md.
package wire
