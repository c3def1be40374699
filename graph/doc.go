// Package graph is the one description of everything that computes: fitted features, towers, rankers, losses,
// index look-ups and ordering rules are all values of [Graph].
//
// Operators are ONNX operators (opset 17, ai.onnx.ml 3, com.microsoft::MurmurHash3) and keep ONNX's semantics.
// Graphs are made through a [Builder], whose methods may be chained without checks: the first fault sticks and
// [Builder.Build] returns it.
//
//	b := graph.NewBuilder("rank")
//	x := b.Input("user", tensor.Float32, graph.Shape{graph.Sym("B"), graph.Fixed(64)})
//	w := b.Param("dense/weight", graph.Dims(64, 1), graph.GlorotUniform())
//	b.Output("score", b.Sigmoid(b.MatMul(x, w)))
//	g, err := b.Build()
//
// A [Graph] is immutable once built, but for the data of its parameters, which a trainer updates in place. The
// readers of a graph live beside this package: graph/exec runs it, graph/grad differentiates it, onnx writes it.
//
// An operator is one file: its shape rule, its kernel and its gradient stand in one [Op] value, and the Builder
// method that makes a node of it stands below. Gradients are made of the same operators.
//
// Dimensions are fixed or symbolic ([Dim]); shape rules work on both, so that one rule serves building (where
// B is a name) and running (where B is a number).
package graph
