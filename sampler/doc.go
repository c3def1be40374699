// Package sampler draws negative items for training.
//
// A [Sampler] fills a slice with item ids and tells the probability of each, which sampled losses subtract (the logQ
// correction; Bengio, Senécal 2008): [NewUniform], [NewPopularity], [NewLogUniform]. Negatives from the batch itself
// need no sampler: they are in the training graph.
//
//	s, err := sampler.NewPopularity(3, counts, 0.75)
//	s.Sample(src, negatives) // src is any rand.Source, such as rand.NewPCG(seed, step)
//
// Samplers are not changed after they are made: safe for concurrent use, each goroutine with its own source. The same
// source gives the same ids on every platform. Package samplertest is the conformance suite for samplers of one's own.
package sampler
