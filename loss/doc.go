// Package loss builds losses as graphs: [BinaryCrossEntropy], [SoftmaxCrossEntropy], [BPR], [BPRMax], [TOP1],
// [Hinge] and [SampledSoftmax].
//
// A loss is a struct of settings; its Apply takes float32 values of a [graph.Builder] and returns the loss of every row,
// [B]. Rows are weighted and summed by who builds the training graph ([WeightedSum]), so that the same loss serves whole
// batches, shards of a batch and weighted examples.
//
//	rows := loss.BPR{}.Apply(b, scores)            // scores [B,K], the positive in column 0 -> [B]
//	b.Output("loss", loss.WeightedSum(b, rows, w)) // w [B], 1/B each for the mean
package loss
