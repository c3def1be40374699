// Package feature turns raw columns into encoded ones: it learns vocabularies and moments from data once, and
// becomes a graph that training, batch transform and the request path all run.
//
// An [Operator] holds settings. Fitting it returns a [Fitted], the learned state, which adds nodes to a graph. A
// [Workflow] is a list of operators; [Workflow.Fit] returns a [FittedWorkflow], which is written to one readable
// JSON file ([FittedWorkflow.Save], [Load]), transforms tensors ([FittedWorkflow.Transform]) and gives the graph
// that a serving stage is made of ([FittedWorkflow.Graph]). The built-in operators are in feature/op.
//
//	w := feature.Workflow{Operators: []feature.Operator{
//		&op.Categorify{Columns: []string{"user_id", "movie_id"}},
//		&op.Sequence{Column: "history", Of: "movie_id", Length: 50},
//	}}
//	fitted, err := w.Fit(ctx, raw, source)
//	user, err := fitted.Graph("user", schema.User) // raw user columns -> encoded user columns
//
// [Workflow.Refit] fits on newer data and keeps every id of a former fit, so that embedding tables stay valid.
//
// # Columns
//
// Every column that an operator reads carries one of the tags user, item and context. Raw columns are int64, float32
// or string, [B] or lists [B,L] padded on the right; their nulls are the sentinels of package tensor. A column that
// some operator wrote is an encoded column. Encoded columns are of two kinds:
//
//   - categorical: int64 ids in [0, Cardinality). 0 is padding, 1 null, 2 and up out-of-vocabulary buckets, then the
//     values by falling frequency. In lists null is padding.
//   - continuous: float32 without NaN. A column of numbers that is left with nulls when the workflow ends has them
//     replaced by 0.
//
// The tags categorical and continuous say just that, so raw columns never carry them: Workflow removes them from the
// raw schema, with cardinalities.
//
// # Reproducibility
//
// Fitting uses arithmetic that gives the same bits on every platform, however the rows are cut into batches. The same
// data in the same order gives the same bytes of saved state.
package feature
