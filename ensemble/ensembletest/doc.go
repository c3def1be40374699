// Package ensembletest checks that a stage may take its place in an ensemble, whatever it is made of.
//
// [Run] is given something that answers requests (see [Subject]): a graph on our engine ([Graph]), or a caller's own implementation, such as a
// client of a server that holds the stage. It makes requests within the declared inputs and checks what batching servers rely on:
//
//   - outputs have the declared names, types and shapes, the batch axis in front;
//   - shapes depend on the batch size alone, never on the data;
//   - the answer for a user is the same alone, in a batch, in another place of the batch, and when asked again;
//   - requests of zeros, which servers warm up with, are answered;
//   - where ONNX Runtime is at hand and the subject has an ONNX file, it agrees.
//
// [Check] is the same without a test: it returns what is wrong.
package ensembletest
