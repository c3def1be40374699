// Package train fits models to encoded interactions.
//
// [Examples] are the data: tables of users and items, interactions that point into them, and every user's sequence of
// items, from which histories are cut on the fly, strictly before the example's own place. All of it is in memory, but
// that columns of context and labels may stand in [Blocks], such as a file, where they would not fit. A [Task] is a training graph
// with the rows to train on: [NewSoftmaxTask] and [NewPairwiseTask] for retrievers, [NewPointwiseTask] for rankers,
// [NewTask] for a loss of one's own. [Fit] runs it.
//
//	task, err := train.NewSoftmaxTask(m, examples, rows, train.Softmax{})
//	result, err := train.Fit(ctx, task, train.Options{Epochs: 10, Seed: 1})
//	retrieval, err := model.NewRetrieval(ctx, m, result.State, examples.Items, examples.First, nil)
//
// A batch is cut into shards of a fixed number of rows. Workers run shards side by side; their gradients are added in
// the order of the shards, and every random draw belongs to a shard, so that the result has the same bytes with any
// number of workers. A goroutine fills the inputs of the next shards in the meantime ([Options].Prefetch), and [Progress]
// tells how long the workers waited for them. In-batch negatives are those of the shard.
//
// Rows in memory are permuted anew for every epoch. Rows of blocks are drawn from a buffer ([Options].Buffer) into which the
// blocks come in random order: it takes the bytes of its rows, of one block and of the shards that are under way. The
// order is part of the result and does not depend on Workers either. A [Checkpoint] holds what it takes to go on from any
// step, also in the middle of an epoch, to the same bytes.
package train
