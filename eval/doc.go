// Package eval measures models offline on held-out interactions.
//
// [Retrieval] ranks the whole catalogue for every user of the held-out rows, without the items that the user has already
// (Krichene and Rendle 2020 tell why samples of the catalogue will not do), and reports where
// the held-out ones stand and what the lists show. [Ranking] scores held-out rows with a ranker and reports AUC, log-loss,
// calibration and AUC within users.
//
//	metrics, err := eval.Retrieval(ctx, retrieval, examples, testRows, trainAndValidRows, eval.Options{})
package eval
