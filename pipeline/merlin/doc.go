// Package merlin moves pipelines of NVIDIA Merlin here: it reads what NVTabular 23 wrote and drafts a recsys.yaml in
// which every key keeps its id.
//
// A [Schema] is a schema.pbtxt: the columns of a dataset with their tags and domains. NVTabular's ids and ours begin
// alike: 0 padding, 1 null, from 2 on the out-of-vocabulary buckets, then the keys by falling frequency; the mapping
// files unique.COLUMN.parquet hold these keys in the order of their ids, so categorify takes them as they are. Only two
// things differ: which of several out-of-vocabulary buckets a key falls into, and null within a list, which is left out.
//
//	text, err := merlin.Draft(ctx, merlin.Options{Dir: "workflow", Interactions: "interactions.parquet"})
package merlin
