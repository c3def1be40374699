package model

import (
	"maps"

	"recsys/graph"
	"recsys/schema"
	"recsys/tensor"
)

// Names of the outputs of query graphs and item graphs.
const (
	QueryOutput = "query" // [B,D] float32
	ItemsOutput = "items" // [M,D] float32
)

// QueryInput names the graph input of an encoded user or context column.
func QueryInput(column string) string { return "encoded_" + column }

// ItemInput names the graph input of an encoded item column.
func ItemInput(column string) string { return "item_" + column }

// InteractionInput names the graph input of an encoded column of a request and a candidate together.
func InteractionInput(column string) string { return "interaction_" + column }

// LabelInput names the graph input of a task's labels.
func LabelInput(task string) string { return "label_" + task }

// Columns are values of a graph by column name (without the prefix of the input's name).
type Columns map[string]*graph.Value

// QueryColumns selects the columns that a query is made of: user and context columns that are categorical or
// continuous, in the schema's order.
func QueryColumns(s schema.Schema) schema.Schema {
	return features(s, func(c schema.Column) bool { return c.Has(schema.User) || c.Has(schema.Context) })
}

// ItemColumns selects the columns that describe an item and are categorical or continuous, in the schema's order.
func ItemColumns(s schema.Schema) schema.Schema {
	return features(s, func(c schema.Column) bool { return c.Has(schema.Item) })
}

// InteractionColumns selects the columns of a request and an item together that are categorical or continuous, in the schema's
// order. Rankers read them beside those of items.
func InteractionColumns(s schema.Schema) schema.Schema {
	return features(s, func(c schema.Column) bool { return c.Has(schema.Interaction) })
}

// CandidateColumns are the columns that a ranker has of each candidate: those of items and then those of interactions.
func CandidateColumns(s schema.Schema) schema.Schema {
	return append(ItemColumns(s), InteractionColumns(s)...)
}

func features(s schema.Schema, keep func(schema.Column) bool) schema.Schema {
	var out schema.Schema
	for _, c := range s {
		if keep(c) && !c.Has(schema.Target) && (c.Has(schema.Categorical) || c.Has(schema.Continuous)) {
			out = append(out, c)
		}
	}
	return out
}

// QueryInputs declares an input for each of the schema's query columns: [B], or [B,L] for a list column; int64 ids for
// categorical columns and float32 for continuous ones. Build drops those that the outputs do not need.
func QueryInputs(b *graph.Builder, s schema.Schema) Columns {
	return inputs(b, QueryColumns(s), QueryInput, graph.Shape{graph.Sym("B")})
}

// ItemInputs declares an input for each of the schema's item columns, of shape lead, followed by L for a list column.
// Lead is [M] for an item tower and [B,K] for candidates.
func ItemInputs(b *graph.Builder, s schema.Schema, lead ...graph.Dim) Columns {
	return inputs(b, ItemColumns(s), ItemInput, lead)
}

// CandidateInputs is ItemInputs with an input for each of the schema's interaction columns, of the same shape.
func CandidateInputs(b *graph.Builder, s schema.Schema, lead ...graph.Dim) Columns {
	columns := ItemInputs(b, s, lead...)
	maps.Copy(columns, inputs(b, InteractionColumns(s), InteractionInput, lead))
	return columns
}

func inputs(b *graph.Builder, s schema.Schema, name func(string) string, lead graph.Shape) Columns {
	columns := make(Columns, len(s))
	for _, c := range s {
		columns[c.Name] = b.Input(name(c.Name), InputType(c), InputShape(c, lead...))
	}
	return columns
}

// InputType is the element type of an encoded column in a graph.
func InputType(c schema.Column) tensor.DType {
	if c.Has(schema.Categorical) {
		return tensor.Int64
	}
	return tensor.Float32
}

// InputShape is the shape of an encoded column in a graph behind the axes lead.
func InputShape(c schema.Column, lead ...graph.Dim) graph.Shape {
	shape := append(graph.Shape{}, lead...)
	if c.Length > 0 {
		shape = append(shape, graph.Fixed(c.Length))
	}
	return shape
}
