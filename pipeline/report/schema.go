package report

import (
	"slices"

	"recsys/data/profile"
	"recsys/pipeline"
	"recsys/schema"
	"recsys/tensor"
)

// Schema describes the columns of a pipeline's tables, as a file does: types, tags, list lengths and domains.
type Schema struct {
	Format int           `json:"format"`
	Name   string        `json:"name"`
	Tables []SchemaTable `json:"tables"`
}

// SchemaTable is a table of a schema.
type SchemaTable struct {
	Name    string         `json:"name"`
	Path    string         `json:"path,omitempty"`
	Columns []SchemaColumn `json:"columns"`
}

// SchemaColumn is a raw column. Length is that of the longest list. Tags say the entity, the key, the time and whether the column is a
// label; a column of interactions that has none is not read.
type SchemaColumn struct {
	schema.Column
	Domain Domain `json:"domain"`
}

// Domain is what values a column has. Of lists it is that of the elements.
type Domain struct {
	// Min and Max bound numbers; nil for text.
	Min *float64 `json:"min,omitempty"`
	Max *float64 `json:"max,omitempty"`
	// Distinct is the number of values, see [profile.Exact] for how exact it is.
	Distinct int `json:"distinct"`
	// Values are all of them, by falling frequency, where they are at most 100.
	Values []string `json:"values,omitempty"`
	// Nulls says whether there are nulls, or empty lists.
	Nulls bool `json:"nulls"`
}

// maxDomain is the number of values that a domain lists.
const maxDomain = 100

// Schema returns the part of a report that describes columns. The pipeline is that of the report, labels are the columns of
// interactions that its tasks are cut from.
func (r *Report) Schema(c *pipeline.Config, labels []string) Schema {
	s := Schema{Format: Format, Name: r.Name}
	in := c.Data.Interactions
	for _, t := range r.Tables {
		out := SchemaTable{Name: t.Name, Path: t.Path}
		for i := range t.Columns {
			column := &t.Columns[i]
			d := schema.Column{Name: column.Name, DType: column.DType, Tags: tags(in, t.Name, column.Name, labels)}
			if column.List {
				d.Length = max(1, int(column.Lengths.Max))
			}
			out.Columns = append(out.Columns, SchemaColumn{d, newDomain(column)})
		}
		s.Tables = append(s.Tables, out)
	}
	return s
}

// tags are those of a column, in the pipeline's way.
func tags(in pipeline.Interactions, table, column string, labels []string) []schema.Tag {
	switch {
	case column == in.User && table != "items":
		return []schema.Tag{schema.User, schema.ID}
	case column == in.Item && table != "users":
		return []schema.Tag{schema.Item, schema.ID}
	case table == "users":
		return []schema.Tag{schema.User}
	case table == "items":
		return []schema.Tag{schema.Item}
	case column == in.Time:
		return []schema.Tag{schema.Context, schema.Time}
	}
	if slices.Contains(labels, column) {
		return []schema.Tag{schema.Target}
	}
	if _, named := in.Columns[column]; named {
		return []schema.Tag{schema.Context}
	}
	return nil
}

func newDomain(c *profile.Column) Domain {
	d := Domain{Distinct: c.Distinct, Nulls: c.Nulls > 0}
	if c.Numbers != nil {
		d.Min, d.Max = &c.Numbers.Min, &c.Numbers.Max
	}
	if c.DType.DType != tensor.Float32 && c.Distinct <= maxDomain {
		for _, v := range c.Every() {
			d.Values = append(d.Values, v.Value)
		}
	}
	return d
}
