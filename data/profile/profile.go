package profile

import (
	"slices"

	"recsys/data"
	"recsys/schema"
)

// Table is the profile of a table.
type Table struct {
	Rows int `json:"rows"`
	// Duplicates is the number of rows that are, in all columns, like one before them. Rows are told apart by hashes of 64 bits.
	Duplicates int      `json:"duplicates"`
	Columns    []Column `json:"columns"`
}

// Column finds a column by name, nil if there is none.
func (t *Table) Column(name string) *Column {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return nil
}

// Collector learns the profile of a table. It is not safe for concurrent use.
type Collector struct {
	schema     schema.Schema
	columns    []collector
	rows       int
	duplicates bool
	except     string // the column that duplicates may differ in
	hashes     []uint64
}

// New makes a collector for tables with these columns.
func New(s schema.Schema) *Collector {
	c := &Collector{schema: s}
	for _, column := range s {
		c.columns = append(c.columns, newCollector(column))
	}
	return c
}

// RowHashes returns, where duplicates are looked for, a hash of each row; like rows have like hashes. The caller must not change
// them.
func (c *Collector) RowHashes() []uint64 { return c.hashes }

// FindDuplicates has the collector look for duplicates, for 8 bytes a row; they may differ in the column except, "" for none. Call
// it before Add.
func (c *Collector) FindDuplicates(except string) *Collector {
	c.duplicates, c.except = true, except
	return c
}

// Add takes the rows of a table, which has to have the collector's columns; it keeps none of them but text.
func (c *Collector) Add(t *data.Table) error {
	var rows []uint64
	if c.duplicates {
		rows = make([]uint64, t.Len())
	}
	for i, column := range c.schema {
		values, err := t.Column(column.Name)
		if err != nil {
			return err
		}
		if column.Name == c.except {
			c.columns[i].add(values, nil)
		} else {
			c.columns[i].add(values, rows)
		}
	}
	c.rows += t.Len()
	c.hashes = append(c.hashes, rows...)
	return nil
}

// Profile returns what was learned so far.
func (c *Collector) Profile() *Table {
	t := &Table{Rows: c.rows}
	for _, column := range c.columns {
		t.Columns = append(t.Columns, column.profile())
	}
	if c.duplicates {
		sorted := slices.Sorted(slices.Values(c.hashes))
		t.Duplicates = len(sorted) - len(slices.Compact(sorted))
	}
	return t
}
