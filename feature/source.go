package feature

import (
	"context"
	"fmt"
	"iter"
	"strings"

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
