// Package stage builds the stages of a serving ensemble that are no models: encoding features, retrieving candidates, filtering,
// looking up item features and ordering.
//
// Their tensors carry the names by which stages find each other:
//
//	features  raw columns                            -> encoded_<column>
//	query     (a model's tower)                      -> query [B,D] float32
//	retrieve  query, blocked [B,ceil(V/8)] uint8     -> candidates [B,K] int64, candidate_scores [B,K] float32
//	filter    candidates, candidate_scores, blocked  -> masked_scores [B,K] float32
//	lookup    candidates                             -> item_<column> [B,K] or [B,K,L], raw_item_<column> as it was before it was encoded
//	interactions  raw columns, raw_item_<column>     -> interaction_<column> [B,K] or [B,K,L]
//	rank      (a model)                              -> <task> [B,K] float32
//	order     candidates, masked_scores, <task>      -> item_ids, scores, item_indices [B,N]
//
// Item indices are encoded ids of the item key column: rows of the item matrix and of all tables. Bit i of byte j of blocked is
// item index 8j+i; a set bit keeps the item out. A slot without a candidate has the score -inf and some index.
//
// [Retrieve] looks at all items, [RetrieveIVF] at those of a few inverted lists.
//
// [Rename] and [File] make a stage of any graph or .onnx file, [Dir] one of a model of any Triton backend. They join as one of four:
//
//	source    -> found_candidates [B,K] int64 or candidate_keys [B,K], found_scores [B,K]; behind it [Guard] or [Keys]
//	filter    -> a tensor [B,K] bool, true keeps; behind all filters [Mask]
//	ranker    -> <task> [B,K] float32
//	ordering  -> positions [B,N] int64, order_scores [B,N] float32; behind it [Pick]
package stage
