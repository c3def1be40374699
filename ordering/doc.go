// Package ordering makes an answer of the candidates that an ensemble has ranked: it raises and lowers scores by conditions, spreads an
// answer over attributes, explores, and keeps places for given items.
//
// A [Policy] says how, as recsys.yaml and the manifest have it. [Compile] checks it against the columns of items and of requests, and
// [Rules.Order] picks the items of one answer, place by place:
//
//	rules, err := ordering.Compile(policy, items, request)
//	picks, err := rules.Order(ordering.Request{Candidates: candidates, Results: 10, Seed: 1, Holds: holds})
//
// An answer of ten items is the first ten of an answer of a hundred with the same seed. The same code orders in the gateway and in
// offline evaluation; docs/adr/0013 says why it is not part of the graph.
package ordering
