package feature

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"

	"recsys/schema"
	"recsys/tensor"
)

// Source streams columns of the training data, for fitting. Each column comes from the table that owns it: ids of
// users and items and context columns from the interactions, so that frequencies count interactions, other columns
// from the tables of users and items.
//
// Batches yields every row of every table that owns one of the columns. A batch holds the columns of one table,
// aligned by row, so it may hold only some of those asked for. The order of rows is fixed. A batch is valid until the
// next one and must not be changed. After an error nothing follows.
type Source interface {
	Batches(ctx context.Context, columns []string) iter.Seq2[tensor.Map, error]
}

// RowColumn is a column of interactions for [Trained] operators: int64 numbers of rows, the same when a workflow is fitted and
// when the rows are encoded for training. A [Joiner] has it; null stands for rows that a workflow was not fitted on.
const RowColumn = "#row"

func withRow(s schema.Schema) schema.Schema {
	row := schema.Column{Name: RowColumn, DType: schema.DType{DType: tensor.Int64}, Tags: []schema.Tag{schema.Context}}
	return append(slices.Clone(s), row)
}

// Joiner is a Source that also joins the tables: columns of several entities are learned from its interactions.
type Joiner interface {
	Source
	// Interactions yields every interaction that a workflow is fitted on, in a fixed order, with all of the columns: its own,
	// those of its user and its item, the history before it, [RowColumn] and targets. Otherwise it is as Batches.
	Interactions(ctx context.Context, columns []string) iter.Seq2[tensor.Map, error]
}

// Interactions streams columns of different tables row by row of the training data, of a source that [Operator.Fit] was
// given. The first error says so where the source joins no tables.
func Interactions(ctx context.Context, src Source, columns []string) iter.Seq2[tensor.Map, error] {
	if j, ok := src.(Joiner); ok {
		return j.Interactions(ctx, columns)
	}
	return func(yield func(tensor.Map, error) bool) {
		yield(nil, fmt.Errorf("columns %s: the source of the training data joins no tables", strings.Join(columns, ", ")))
	}
}

// Tables is a Source over tables in memory. A column belongs to the first table that has it.
type Tables struct {
	// Tables hold whole columns, [rows] or [rows,L].
	Tables []tensor.Map
	// BatchRows is the number of rows in a batch; 0 means 65536.
	BatchRows int
}

// Batches streams the tables in order. It fails when no table has one of the columns, or columns differ in length.
func (t Tables) Batches(ctx context.Context, columns []string) iter.Seq2[tensor.Map, error] {
	return func(yield func(tensor.Map, error) bool) {
		owned := make([][]string, len(t.Tables))
		for _, name := range columns {
			i := t.owner(name)
			if i < 0 {
				yield(nil, fmt.Errorf("column %q: no table has it; tables hold %s", name, t.names()))
				return
			}
			owned[i] = append(owned[i], name)
		}
		for i, names := range owned {
			if len(names) > 0 && !streamTable(ctx, t.Tables[i], names, t.batchRows(), yield) {
				return
			}
		}
	}
}

// Interactions streams the first table that has all of the columns; Tables joins none.
func (t Tables) Interactions(ctx context.Context, columns []string) iter.Seq2[tensor.Map, error] {
	return func(yield func(tensor.Map, error) bool) {
		for _, table := range t.Tables {
			if !slices.ContainsFunc(columns, func(name string) bool { return table[name] == nil }) {
				streamTable(ctx, table, columns, t.batchRows(), yield)
				return
			}
		}
		yield(nil, fmt.Errorf("columns %s: no table has them all; tables hold %s", strings.Join(columns, ", "), t.names()))
	}
}

func (t Tables) batchRows() int {
	if t.BatchRows > 0 {
		return t.BatchRows
	}
	return 1 << 16
}

func (t Tables) owner(column string) int {
	for i, table := range t.Tables {
		if table[column] != nil {
			return i
		}
	}
	return -1
}

func (t Tables) names() string {
	lists := make([]string, len(t.Tables))
	for i, table := range t.Tables {
		lists[i] = strings.Join(table.Names(), ", ")
	}
	return strings.Join(lists, "; ")
}

func streamTable(
	ctx context.Context, table tensor.Map, names []string, size int, yield func(tensor.Map, error) bool,
) bool {
	rows, err := rowsOf(table, names)
	if err != nil {
		yield(nil, err)
		return false
	}
	for from := 0; from == 0 || from < rows; from += size {
		if err := ctx.Err(); err != nil {
			yield(nil, err)
			return false
		}
		batch := make(tensor.Map, len(names))
		for _, name := range names {
			batch[name] = table[name].Rows(from, min(from+size, rows))
		}
		if !yield(batch, nil) {
			return false
		}
	}
	return true
}

// rowsOf returns the number of rows that the named columns share.
func rowsOf(m tensor.Map, names []string) (int, error) {
	rows := -1
	for _, name := range names {
		t := m[name]
		switch {
		case t.Rank() == 0:
			return 0, fmt.Errorf("column %q is %s; it needs a row dimension", name, t)
		case rows < 0:
			rows = t.Dim(0)
		case rows != t.Dim(0):
			return 0, fmt.Errorf("column %q has %d rows and column %q has %d", names[0], rows, name, t.Dim(0))
		}
	}
	return max(rows, 0), nil
}
