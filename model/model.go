package model

import (
	"errors"
	"fmt"

	"recsys/graph"
	"recsys/schema"
)

// Retriever is a factored model: the score of an item for a query is the product of their vectors. Implementations are
// immutable and safe for concurrent use; each call of a method may be on another builder.
type Retriever interface {
	// Name prefixes the paths of the parameters, such as "two_tower".
	Name() string
	// Schema is the schema of encoded columns that the model was made for.
	Schema() schema.Schema
	// Query returns the queries' vectors [B,D] float32 for query columns [B] and [B,L].
	Query(b *graph.Builder, query Columns) *graph.Value
	// Items returns the items' vectors [...,D] float32 for item columns [...] and [...,L]; the leading axes are [M] or
	// [B,K].
	Items(b *graph.Builder, items Columns) *graph.Value
}

// Ranker scores candidates. Implementations are immutable and safe for concurrent use.
type Ranker interface {
	// Name prefixes the paths of the parameters, such as "dlrm".
	Name() string
	// Schema is the schema of encoded columns that the model was made for.
	Schema() schema.Schema
	// Tasks names what is predicted, such as "like": a probability each.
	Tasks() []string
	// Logits returns, per task, [B,K] float32 for query columns [B] and [B,L] and candidate columns [B,K] and [B,K,L].
	// K is an axis: the logit of a candidate does not depend on the others.
	Logits(b *graph.Builder, query, candidates Columns) []*graph.Value
}

// QueryGraph builds the graph of m's queries: inputs QueryInput(column), output QueryOutput [B,D]. Its parameters have
// no data.
func QueryGraph(m Retriever) (*graph.Graph, error) {
	b := graph.NewBuilder(m.Name() + "_query")
	b.Output(QueryOutput, m.Query(b, QueryInputs(b, m.Schema())))
	return build(b, "query graph", m.Name())
}

// ItemGraph builds the graph of m's items: inputs ItemInput(column), output ItemsOutput [M,D]. Its parameters have no
// data.
func ItemGraph(m Retriever) (*graph.Graph, error) {
	b := graph.NewBuilder(m.Name() + "_items")
	b.Output(ItemsOutput, m.Items(b, ItemInputs(b, m.Schema(), graph.Sym("M"))))
	return build(b, "item graph", m.Name())
}

// RankGraph builds the graph of m's probabilities: inputs QueryInput(column), ItemInput(column) and InteractionInput(column)
// [B,K], an output of each task's name [B,K] in [0,1]. Its parameters have no data; see graph.Graph.Load.
func RankGraph(m Ranker) (*graph.Graph, error) {
	b := graph.NewBuilder(m.Name())
	logits := m.Logits(b, QueryInputs(b, m.Schema()), CandidateInputs(b, m.Schema(), graph.Sym("B"), graph.Sym("K")))
	if b.Err() == nil && len(logits) != len(m.Tasks()) {
		return nil, fmt.Errorf("model %q: %d logits for %d tasks", m.Name(), len(logits), len(m.Tasks()))
	}
	for i, task := range m.Tasks() {
		if b.Err() == nil {
			b.Output(task, b.Sigmoid(logits[i]))
		}
	}
	return build(b, "rank graph", m.Name())
}

func build(b *graph.Builder, what, model string) (*graph.Graph, error) {
	g, err := b.Build()
	if err != nil {
		return nil, fmt.Errorf("model %q: %s: %w", model, what, err)
	}
	return g, nil
}

// key finds the id column of the schema that carries tag and is categorical.
func key(s schema.Schema, tag schema.Tag) (schema.Column, error) {
	for _, c := range s.Select(tag, schema.ID, schema.Categorical) {
		if c.Length == 0 && c.Cardinality > 0 {
			return c, nil
		}
	}
	return schema.Column{}, fmt.Errorf(
		"the schema has no categorical %s id column; categorify the %s key in features", tag, tag)
}

// check validates a schema for a model: every categorical feature needs a cardinality.
func check(s schema.Schema) error {
	errs := []error{s.Validate()}
	for _, c := range append(QueryColumns(s), CandidateColumns(s)...) {
		if c.Has(schema.Categorical) && c.Cardinality <= 0 {
			errs = append(errs, fmt.Errorf("categorical column %q has no cardinality; categorify it in features", c.Name))
		}
	}
	return errors.Join(errs...)
}
