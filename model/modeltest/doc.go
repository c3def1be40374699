// Package modeltest is the conformance suite for models of one's own.
//
// [Retriever] and [Ranker] run every check on a model as subtests; [RetrieverChecks] and [RankerChecks] return the
// checks, for callers that want the errors. A model passes when it has stable names and symbolic axes, treats every
// query and every candidate alone, ignores padding, has a gradient for every parameter, learns a small planted world,
// gives the same bytes with one worker and two, and means the same after a trip through ONNX. With RECSYS_PYTHON set,
// ONNX Runtime has to agree too.
//
//	func TestMyModel(t *testing.T) {
//		modeltest.Ranker(t, func(s schema.Schema) (model.Ranker, error) { return NewMyModel(s, MyModel{}) })
//	}
//
// [Examples] is the world: its schema has a column of every kind.
package modeltest
