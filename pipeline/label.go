package pipeline

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"recsys/data"
	"recsys/tensor"
)

// TaskSettings names one thing that a ranker predicts.
type TaskSettings struct {
	// Name is the task's name, and that of its score in the ensemble.
	Name string `json:"name"`
	// Binary compares a column of the interactions with a value: "rating >= 4", "event != view". The operators are
	// == != < <= > >=; text is compared with == and != alone. Null matches nothing but !=.
	Binary string `json:"binary"`
	// Weight is that of the task's loss among the tasks'; 0 means 1.
	Weight float32 `json:"weight,omitempty"`
}

var comparison = regexp.MustCompile(`^\s*([A-Za-z_][A-Za-z0-9_]*)\s*(==|!=|<=|>=|<|>)\s*(.+?)\s*$`)

// condition is a parsed Binary.
type condition struct{ column, operator, value string }

func (t TaskSettings) condition() (condition, error) {
	m := comparison.FindStringSubmatch(t.Binary)
	if m == nil {
		return condition{}, fmt.Errorf("task %q: binary %q is no comparison; write a column, one of == != < <= > >=, and a value",
			t.Name, t.Binary)
	}
	return condition{m[1], m[2], strings.Trim(m[3], `"'`)}, nil
}

// LabelColumns are the columns of the interactions that the ranker's tasks are cut from.
func (p *Pipeline) LabelColumns() []string {
	var columns []string
	for _, task := range p.tasks {
		if c, err := task.condition(); err == nil && !slices.Contains(columns, c.column) {
			columns = append(columns, c.column)
		}
	}
	return columns
}

// labels returns 1 for every row that the condition holds for, else 0.
func (t TaskSettings) labels(table *data.Table) ([]float32, error) {
	c, err := t.condition()
	if err != nil {
		return nil, err
	}
	column, err := table.Column(c.column)
	if err != nil {
		return nil, fmt.Errorf("task %q: %w", t.Name, err)
	}
	if column.IsList() {
		return nil, fmt.Errorf("task %q: column %q holds lists; compare a column of single values", t.Name, c.column)
	}
	switch values := column.Values().Any().(type) {
	case []int64:
		return numbers(t, c, values, func(v int64) float64 {
			if v == tensor.NullInt64 {
				return math.NaN()
			}
			return float64(v)
		})
	case []float32:
		return numbers(t, c, values, func(v float32) float64 { return float64(v) })
	case []string:
		if c.operator != "==" && c.operator != "!=" {
			return nil, fmt.Errorf("task %q: column %q holds text, which %s cannot compare; use == or !=", t.Name, c.column, c.operator)
		}
		labels := make([]float32, len(values))
		for i, v := range values {
			if (v == c.value) == (c.operator == "==") {
				labels[i] = 1
			}
		}
		return labels, nil
	}
	return nil, fmt.Errorf("task %q: column %q cannot be compared", t.Name, c.column)
}

func numbers[T any](t TaskSettings, c condition, values []T, number func(T) float64) ([]float32, error) {
	bound, err := strconv.ParseFloat(c.value, 64)
	if err != nil {
		return nil, fmt.Errorf("task %q: column %q holds numbers and %q is none", t.Name, c.column, c.value)
	}
	labels := make([]float32, len(values))
	for i, v := range values {
		if holds(number(v), c.operator, bound) {
			labels[i] = 1
		}
	}
	return labels, nil
}

func holds(x float64, operator string, bound float64) bool {
	switch operator {
	case "==":
		return x == bound
	case "!=":
		return x != bound
	case "<":
		return x < bound
	case "<=":
		return x <= bound
	case ">":
		return x > bound
	}
	return x >= bound
}
