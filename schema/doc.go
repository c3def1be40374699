// Package schema describes columns: their element types, list lengths, cardinalities and tags.
//
// A [Schema] is an ordered list of [Column]s with unique names. [Tag]s say what a column means; they select
// columns ([Schema.Select]) where a name would be too narrow. A schema is plain data, written as JSON.
package schema
