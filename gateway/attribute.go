package gateway

import (
	"slices"
	"strings"
)

// maxFields bounds the attributes that a request asks for.
const maxFields = 64

// attributes are the names of what is known of items, sorted.
func (v *view) attributes() []string {
	names := make([]string, 0, len(v.filters.items.Schema()))
	for _, c := range v.filters.items.Schema() {
		names = append(names, c.Name)
	}
	slices.Sort(names)
	return names
}

// fieldsField names attributes of items that the answer shall have.
func (v *view) fieldsField() field[recommendation] {
	return field[recommendation]{
		name: "fields", schema: func() schemaNode {
			return schemaNode{
				"type": []string{"array", "null"}, "items": schemaNode{"type": "string", "enum": v.attributes()}, "maxItems": maxFields,
				"description": "Attributes that each item of the answer shall have.",
			}
		},
		read: func(r *strictReader, at string, q *recommendation) {
			known := v.attributes()
			r.list(at, maxFields, func(at string) {
				name := r.text(at, maxIDBytes)
				if r.syntax == nil && !slices.Contains(known, name) {
					r.fault(at, "no such attribute; there are %s", strings.Join(known, ", "))
				}
				q.fields = append(q.fields, name)
			})
		},
	}
}

// describe gives items their attributes; those of another generation have none.
func (v *view) describe(items []Item, fields []string) {
	if len(fields) == 0 {
		return
	}
	for i := range items {
		index, ok := v.catalog.index[items[i].ItemID]
		if !ok {
			continue
		}
		items[i].Fields = make(map[string]any, len(fields))
		for _, name := range fields {
			items[i].Fields[name] = v.filters.items.Value(name, index)
		}
	}
}
