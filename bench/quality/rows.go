package main

// figure is a library's result on a split.
type figure struct {
	Library string             `json:"library"`
	Metrics map[string]float64 `json:"metrics"`
}

// row is a model to measure.
type row struct {
	// Name names the row, Model the registry's model.
	Name, Model string
	// Settings are the model's in recsys.yaml; "{}" are the defaults.
	Settings string
	// History is the length of the history that the features have.
	History int
	// Best is the best library's figure for the model, if there is one.
	Best *figure
}

// kind is a table of rows that are measured in the same way.
type kind struct {
	name, title string
	rows        []row
	// columns are the metrics, the first of which decides.
	columns []string
	// folder is where the data is, from the folder of MovieLens 1M.
	folder string
	// text makes the recsys.yaml of a row.
	text func(row) string
}

func kinds() []kind {
	lists := []string{"ndcg@10", "recall@10", "recall@20", "recall@100"}
	return []kind{
		{"retrieval", "Retrieval: the last rating of each user, all items ranked", retrievalRows(), lists, ".", retrieval},
		{"timed", "Retrieval as time goes by: the newest tenth of MovieLens 100K, all items ranked", timedRows(), lists, "../ml-100k", timed},
		{"ranking", "Ranking: a rating of 4 or more, rows drawn at random", rankingRows(), []string{"auc", "log_loss"}, ".", ranking},
	}
}

func retrieved(library string, ndcg10, recall10, recall20, recall100 float64) *figure {
	return &figure{library, map[string]float64{"ndcg@10": ndcg10, "recall@10": recall10, "recall@20": recall20, "recall@100": recall100}}
}

func ranked(library string, auc, logLoss float64) *figure {
	return &figure{library, map[string]float64{"auc": auc, "log_loss": logLoss}}
}

// retrievalRows, timedRows and rankingRows hold every model of the registry. The libraries' figures were measured on the same
// splits: implicit and LightFM of PyPI, and implementations in numpy, scipy and PyTorch.
func retrievalRows() []row {
	return []row{
		{"popularity", "popularity", "{}", 50, retrieved("numpy", 0.0178, 0.0363, 0.0684, 0.2258)},
		{"item_knn", "item_knn", "{}", 50, retrieved("scipy, cosine, 100 neighbours", 0.0410, 0.0805, 0.1331, 0.3826)},
		{"ease", "ease", "{}", 50, retrieved("numpy, L2 400", 0.0541, 0.1091, 0.1798, 0.4527)},
		{"slim", "slim", "{}", 50, nil},
		{"ials", "ials", "{}", 50, retrieved("implicit, 128 factors, reg 10", 0.0537, 0.1040, 0.1727, 0.4354)},
		{
			"ials, implicit's settings", "ials", "{unobserved: 1, exponent: 0, l2: 10, iterations: 30}", 50,
			retrieved("implicit, 128 factors, reg 10", 0.0537, 0.1040, 0.1727, 0.4354),
		},
		{"mf", "mf", "{}", 50, retrieved("implicit, BPR, 64 factors", 0.0355, 0.0714, 0.1247, 0.3475)},
		{"two_tower", "two_tower", "{}", 50, retrieved("PyTorch, with history, logQ", 0.0386, 0.0801, 0.1394, 0.4008)},
		{"gru4rec", "gru4rec", "{}", 100, nil},
		{"sasrec", "sasrec", "{}", 100, retrieved("PyTorch, softmax, L=100, 60 epochs", 0.1676, 0.2926, 0.3982, 0.6608)},
	}
}

// timedRows are of models that read times, which MovieLens 1M has not here, and of one that does not.
func timedRows() []row {
	return []row{{"popularity", "popularity", "{}", 0, nil}, {"trending", "trending", "{}", 0, nil}}
}

func rankingRows() []row {
	return []row{
		{"logistic_regression", "logistic_regression", "{}", 0, nil},
		{"deepfm", "deepfm", "{}", 0, ranked("PyTorch", 0.8170, 0.5122)},
		{"dlrm", "dlrm", "{}", 0, ranked("PyTorch, dim 16", 0.8130, 0.5196)},
		{"dcn_v2", "dcn_v2", "{}", 0, ranked("PyTorch", 0.8184, 0.5133)},
		{"mmoe", "mmoe", "{}", 0, nil},
		{"fm", "fm", "{}", 0, nil},
		{"wide_deep", "wide_deep", "{}", 0, nil},
		{"xdeepfm", "xdeepfm", "{}", 0, nil},
		{"autoint", "autoint", "{}", 0, nil},
		{"finalmlp", "finalmlp", "{}", 0, nil},
		{"masknet", "masknet", "{}", 0, nil},
		{"din", "din", "{}", 50, nil},
		{"ple", "ple", "{}", 0, nil},
		{"ple, one level", "ple", "{levels: 1}", 0, nil},
	}
}
