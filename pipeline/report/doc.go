// Package report says what is in a pipeline's data and what may go wrong with it: what columns hold, how active users and how popular
// items are, what the parts of the split know of each other, and how far columns have moved from training to test.
//
//	config, err := pipeline.ReadConfig("recsys.yaml")
//	r, err := report.New(ctx, config, "data")
//	err = r.WriteText(os.Stdout)
//
// A [Report] is written as text, as JSON and as one HTML page that needs nothing else. [Schema] is the part of it that
// describes columns alone.
//
// Interactions are read a block at a time. Memory holds what fitting holds (see package pipeline), 8 bytes for each
// interaction, and some MiB for each column.
package report
