// Package layer holds the building blocks of models: [Embedding], [ListEmbedding], [SequenceEmbedding], [Dense], [MLP],
// [DotInteraction], [FactorizationMachine], [CrossNetwork], [Experts], [MultiHeadAttention], [LayerNorm], [L2Norm],
// [Dropout] and [Concat].
//
// A layer is a struct of settings; its Apply adds nodes and parameters to a [graph.Builder] and returns the result.
// Layers work along the last axis and accept any axes before it, so the same layer serves queries [B,F], items [M,F]
// and candidates [B,K,F]. Faults stick to the builder and are reported by its Build.
//
//	x := layer.Embedding{Name: "user_id", Rows: 6043, Dim: 16}.Apply(b, ids) // [B] -> [B,16]
//	h := layer.MLP{Name: "top", Units: []int{64, 1}}.Apply(b, x)             // [B,16] -> [B,1]
//
// Parameters have stable paths: "embedding/NAME" for tables, "NAME/I/weight" and "NAME/I/bias" for dense layers, behind
// the builder's scope. Layers of one path and shape share their parameters.
package layer
