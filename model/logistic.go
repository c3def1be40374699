package model

import (
	"recsys/graph"
	"recsys/schema"
)

// LogisticRegression are the settings of logistic regression: the logit of a task is a bias plus a weight per id (the
// mean over a list's) and per number.
type LogisticRegression struct {
	// Name prefixes parameter paths; "" means "logistic_regression".
	Name string `json:"name,omitempty"`
	// Tasks names the binary tasks; none means "like".
	Tasks []string `json:"-"`
}

type logisticRegression struct{ rankerBase }

// NewLogisticRegression binds the settings to a schema, which needs an item column.
func NewLogisticRegression(s schema.Schema, settings LogisticRegression) (Ranker, error) {
	base, err := newRankerBase(s, settings.Name, "logistic_regression", settings.Tasks)
	if err != nil {
		return nil, err
	}
	return &logisticRegression{base}, nil
}

func (m *logisticRegression) Logits(b *graph.Builder, query, candidates Columns) []*graph.Value {
	defer b.Scope(m.name)()
	return m.split(b, m.linear(b, query, candidates))
}
