// Package onnxpb holds the messages of ONNX's model format that package onnx needs, with a codec of its own.
//
// [Model.Marshal] writes a ModelProto and [Unmarshal] reads one. The codec is written by hand upon protowire for
// two reasons. Generated code promises no stable bytes across versions of the protobuf library, and our exported
// models are compared byte for byte; here fields stand in ascending order of number, scalars of value 0 are left
// out, and repeated numbers are packed. And a table of embeddings is not copied on reading: [Tensor.RawData] and
// the strings' bytes alias the text that was read.
//
// Fields that we do not know are passed over, as protobuf does. Fields that we know and cannot use (subgraphs,
// sparse tensors, functions) are kept as counts or marks, so that package onnx can refuse them by name.
//
// Source of the field numbers: onnx/onnx.proto of ONNX 1.16 (IR version 10).
package onnxpb
