// Package onnx writes graphs as ONNX models and reads ONNX models as graphs.
//
// [Marshal] and [Write] make a ModelProto of IR version 8 with opset 17, and ai.onnx.ml 3 or com.microsoft 1 only
// where a node needs them: every ONNX Runtime that a Triton release of the last years carries reads that. The same
// graph is the same bytes on every machine. [Unmarshal] and [Read] take our files and those of other exporters, as
// far as package graph has their operators; anything else is an error that names the node, what it wants and what
// is supported.
//
//	err := onnx.Write("model.onnx", g, onnx.Meta{})
//	g, err := onnx.Read("model.onnx")
//
// A tensor that is a graph's output carries the output's name; any other carries its value's. Parameters and
// constants both become initialisers; those of parameters have the doc string "parameter", so that reading with
// [AsParams] makes the same ones trainable again. Reading what was written gives a graph that is written as the
// same bytes.
//
// A file is bounded by protobuf's 2 GiB. What is more goes to a second file as ONNX's external data: [Write] makes it and
// [Read] finds it, inside the model's folder only. [Unmarshal] needs the option [Folder] for such a model.
//
// The messages and their codec are those of internal/onnxpb.
package onnx
