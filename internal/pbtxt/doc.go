// Package pbtxt reads and writes protobuf's text format without generated code.
//
// [Parse] turns text into a [Message]: an ordered tree of named fields whose values keep their kind and their
// place in the text. The caller gives the fields their meaning and reports what it does not know with
// [Value.Errorf], which names line and column. A [Schema] tells beforehand what protobuf would not read.
// [Message.Append] and its relatives build a tree, [Message.Marshal] writes it.
//
// The written form is canonical: fields in the order of the tree, two spaces of indentation, lists as
// `[ 1, 2 ]`, a block on one line where it fits into 100 columns. The same tree is the same bytes on every
// machine, and parsing what was written gives the tree back. Comments are dropped on reading.
//
// Extension names (`[a.b]: 1`) are refused, as no file of ours has them.
package pbtxt
