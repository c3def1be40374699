// Package data reads interaction data: columns in memory, streamed from files, split into train, valid and test.
//
// A [Spec] says which file to read and what its columns are; [Read] gives a [Table], [Open] a [File] that yields
// tables of a bounded number of rows. Files are CSV with a header (.csv), JSON lines (.jsonl), both maybe packed
// (.gz, .zst), Parquet (.parquet) or GroupLens's own form of MovieLens (.dat). A [Split] assigns each row of a table to a [Part].
//
//	ratings, err := data.Read(ctx, data.Spec{Path: "ratings.csv.gz", Columns: map[string]tensor.DType{"rating": tensor.Float32}})
//	users, err := data.Values[int64](ratings, "user_id")
//	parts, err := data.Split{By: data.ByLast, User: "user_id", Order: "position"}.Assign(ratings)
//
// What does not fit into memory is read in parts: [File.Batches] and [File.Take] have some rows, [File.Only] some columns,
// and [WriteBlocks] keeps columns of numbers, as they are encoded, in a file whose [Blocks] are read in any order.
//
// Columns hold int64, float32 or string; a [Column] is scalar (one value a row) or ragged (a list a row). Null is the
// sentinel of package tensor: [tensor.NullInt64], NaN and the empty string. An empty cell is null, in a list it is
// left out.
//
// Tables share their slices and are safe for concurrent readers.
package data
