package merlin

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"recsys/internal/pbtxt"
)

// SchemaFile is the name of the schema that Merlin writes beside a dataset.
const SchemaFile = "schema.pbtxt"

// Column is a feature of a schema.
type Column struct {
	Name string
	// Tags are in small letters, such as "user", "id", "categorical" and "binary_classification".
	Tags []string
	// IDs is the number of ids of a categorical column, 0 where the schema does not tell.
	IDs int
	// List tells that rows are lists.
	List bool
}

// Has reports whether the column has a tag.
func (c Column) Has(tag string) bool { return slices.Contains(c.Tags, tag) }

// ReadSchema reads the schema in folder dir: text of TensorFlow metadata's Schema. It reads what drafts need, name,
// tags, domain and shape of each feature, and passes over everything else.
func ReadSchema(dir string) ([]Column, error) {
	path := filepath.Join(dir, SchemaFile)
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	columns, err := parseSchema(text)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", path, err)
	}
	return columns, nil
}

func parseSchema(text []byte) ([]Column, error) {
	m, err := pbtxt.Parse(text)
	if err != nil {
		return nil, err
	}
	var columns []Column
	for f := range m.All() {
		if f.Name != "feature" {
			continue
		}
		block, err := f.AsBlock()
		if err != nil {
			return nil, err
		}
		c, err := columnOf(block)
		if err != nil {
			return nil, err
		}
		switch {
		case c.Name == "":
			return nil, f.Errorf("a feature without a name")
		case slices.ContainsFunc(columns, func(o Column) bool { return o.Name == c.Name }):
			return nil, f.Errorf("feature %q stands twice", c.Name)
		}
		columns = append(columns, c)
	}
	if len(columns) == 0 {
		return nil, errors.New(" no feature: is it the schema that Merlin wrote?")
	}
	return columns, nil
}

func columnOf(m *pbtxt.Message) (Column, error) {
	var c Column
	for f := range m.All() {
		var err error
		switch f.Name {
		case "name":
			c.Name, err = f.AsString()
		case "value_count":
			c.List = true
		case "int_domain":
			err = c.readDomain(f)
		case "annotation":
			err = c.readTags(f)
		}
		if err != nil {
			return c, err
		}
	}
	return c, nil
}

// readDomain takes the greatest id of categorical columns; the domain of others is that of their values.
func (c *Column) readDomain(domain pbtxt.Field) error {
	m, err := domain.AsBlock()
	if err != nil {
		return err
	}
	greatest, categorical := 0, false
	for f := range m.All() {
		switch f.Name {
		case "max":
			greatest, err = f.AsInt32()
		case "is_categorical":
			categorical, err = f.AsBool()
		}
		if err != nil {
			return err
		}
	}
	if categorical && greatest > 0 {
		c.IDs = greatest + 1
	}
	return nil
}

func (c *Column) readTags(annotation pbtxt.Field) error {
	m, err := annotation.AsBlock()
	if err != nil {
		return err
	}
	for f := range m.All() {
		if f.Name != "tag" {
			continue
		}
		tag, err := f.AsString()
		if err != nil {
			return err
		}
		c.Tags = append(c.Tags, tag)
	}
	return nil
}
