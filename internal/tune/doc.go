// Package tune searches for the settings with which a recommender answers the most requests within a latency budget.
//
//	result, err := tune.Search(ctx, tune.Options{Budget: 20 * time.Millisecond, Dimensions: dims}, measure)
//
// [Search] begins with the first value of every dimension and goes through the dimensions in turn: it tries each other value with the
// best of all others so far, and keeps it if it is better by more than noise. With d dimensions of n values these are d·(n-1)+1 candidates
// of the n^d, so that what works only together can be missed. Each candidate is asked by more and more clients in a closed loop, until
// the 99th percentile is beyond the budget or more clients bring no more throughput.
//
// What was measured is kept as evidence, also when the search ends early, and can be given to a later search, which does not measure it
// again.
package tune
