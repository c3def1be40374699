// Package optim updates parameters from gradients.
//
// An [Optimizer] holds parameters by path, a [Rule] ([SGD], [Adagrad], [RowAdagrad], [Adam], [FTRL]) with its state and a [Schedule] of
// learning rates ([Constant], [Linear], [Cosine], [Exponential], each behind a [Warmup]). [Optimizer.Step] takes the [Gradients] of one training step: dense ones of the parameter's shape,
// and row-sparse ones as [Rows], which touch the named rows of a table only. [Combiner] makes Rows of the pairs of
// ids and rows that several shards of a batch gave: sorted, each row once, summed in the order of the shards.
//
//	o, err := optim.New(g.State(), optim.Config{Rule: optim.Adam{}, Rate: optim.Constant(0.001)})
//	err = o.Step(optim.Gradients{Dense: tensor.Map{"w": dw}, Sparse: map[string]optim.Rows{"user": rows}})
//
// All arithmetic is in single precision with a rounding after each operation: results have the same bits on every
// platform, with any kernels and with any number of workers. Formulas and their order are those of PyTorch's torch.optim, with
// whose results the tests compare; differences are stated at each rule.
package optim
