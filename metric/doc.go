// Package metric measures recommendations, in float64.
//
// A [Ranking] scores one ranked list against the relevant items: [Recall], [Precision], [HitRate], [MRR], [MAP],
// [NDCG]. [Rankings] averages several over users; [TopK] makes the lists from rows of scores.
//
//	m := metric.NewRankings(metric.Recall{K: 10}, metric.NDCG{K: 10})
//	top, err := metric.TopK(scores, blocked, 10, nil)
//	m.Add(top, []int{target})
//	fmt.Println(m.Values()["recall@10"])
//
// [Exposure] tells which items lists show, whoever gets them. [Interval] and [PairedTest] tell how much of a mean is chance.
//
// A [Pointwise] metric takes scores and labels row by row, in as many calls as it likes: [AUC], [LogLoss], [Calibration],
// [RMSE];
// [GAUC] takes groups too. Their zero values are ready.
//
// Nothing here is safe for concurrent use.
package metric
