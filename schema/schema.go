package schema

import (
	"errors"
	"fmt"
	"slices"

	"recsys/tensor"
)

// Tag says what a column means. Tags combine: an item's key is {item, id, categorical}.
type Tag string

// The tags. User, item, context and interaction exclude each other, and so do categorical and continuous.
const (
	User        Tag = "user"        // belongs to the user's row
	Item        Tag = "item"        // belongs to the item's row
	Context     Tag = "context"     // known at request time only
	Interaction Tag = "interaction" // of a request and an item together
	ID          Tag = "id"          // the key of its entity
	Categorical Tag = "categorical" // encoded values are ids in [0, Cardinality)
	Continuous  Tag = "continuous"  // encoded values are numbers
	Sequence    Tag = "sequence"    // the user's history, oldest first
	Time        Tag = "time"        // Unix seconds
	Target      Tag = "target"      // a label; never an input
)

// exclusive lists the tags of which a column has one at most.
func exclusive() [][]Tag {
	return [][]Tag{{User, Item, Context, Interaction}, {Categorical, Continuous}}
}

// Column describes one column. Its tensors are [B] with Length 0 and [B,Length] otherwise.
type Column struct {
	Name  string `json:"name"`
	DType DType  `json:"dtype"`
	// Length is the fixed list length L of a list column, 0 for a scalar column.
	Length int `json:"length,omitempty"`
	// Cardinality is the number of ids of an encoded categorical column, 0 for others.
	Cardinality int   `json:"cardinality,omitempty"`
	Tags        []Tag `json:"tags,omitempty"`
}

// Has reports whether the column carries every one of tags.
func (c Column) Has(tags ...Tag) bool {
	for _, t := range tags {
		if !slices.Contains(c.Tags, t) {
			return false
		}
	}
	return true
}

// Validate checks the column by itself.
func (c Column) Validate() error {
	switch {
	case c.Name == "":
		return errors.New("column without a name")
	case c.DType.DType == tensor.Invalid:
		return fmt.Errorf("column %q has no data type", c.Name)
	case c.Length < 0 || c.Cardinality < 0:
		return fmt.Errorf("column %q has a negative length or cardinality", c.Name)
	}
	for _, group := range exclusive() {
		var found []Tag
		for _, t := range group {
			if c.Has(t) {
				found = append(found, t)
			}
		}
		if len(found) > 1 {
			return fmt.Errorf("column %q has tags %v, which exclude each other", c.Name, found)
		}
	}
	return nil
}

// Schema is an ordered list of columns with unique names.
type Schema []Column

// Validate checks every column and that names are unique; it reports all faults.
func (s Schema) Validate() error {
	var errs []error
	seen := map[string]bool{}
	for _, c := range s {
		errs = append(errs, c.Validate())
		if seen[c.Name] {
			errs = append(errs, fmt.Errorf("column %q appears twice", c.Name))
		}
		seen[c.Name] = true
	}
	return errors.Join(errs...)
}

// Column finds a column by name.
func (s Schema) Column(name string) (Column, bool) {
	for _, c := range s {
		if c.Name == name {
			return c, true
		}
	}
	return Column{}, false
}

// Select returns the columns that carry every one of tags, in order.
func (s Schema) Select(tags ...Tag) Schema {
	var out Schema
	for _, c := range s {
		if c.Has(tags...) {
			out = append(out, c)
		}
	}
	return out
}

// Names returns the column names, in order.
func (s Schema) Names() []string {
	names := make([]string, len(s))
	for i, c := range s {
		names[i] = c.Name
	}
	return names
}

// DType is a tensor.DType that is written as its name.
type DType struct{ tensor.DType }

// MarshalText writes the name, such as "int64".
func (d DType) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads a name that tensor.ParseDType knows.
func (d *DType) UnmarshalText(text []byte) error {
	dt, err := tensor.ParseDType(string(text))
	d.DType = dt
	return err
}
