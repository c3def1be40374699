// Package grad differentiates graphs in reverse mode. The result is a graph of the same operators: it runs on
// graph/exec, can be written as ONNX and checked in ONNX Runtime.
//
// [Of] takes a graph with a scalar loss among its outputs and returns a [Step]: the graph that computes the loss and
// the gradients, and where each parameter's gradient stands. A parameter that is reached through Gather along its
// rows alone has a row-sparse gradient: pairs of ids and rows. Any other use gives a dense one; a table that is both
// gathered and used whole gets a dense gradient.
package grad
