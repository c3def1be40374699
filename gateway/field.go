package gateway

import (
	"math"

	"recsys/tensor"
)

// field is a member of the object that is a request: what reads it, and what openapi.json says of it.
type field[T any] struct {
	name     string
	required bool
	schema   func() schemaNode
	read     func(r *strictReader, at string, to *T)
}

// readFields reads an object of fields and no others. It reports whether there was an object.
func readFields[T any](r *strictReader, pointer string, to *T, fields []field[T]) bool {
	given := make([]bool, len(fields))
	object := r.object(pointer, false, func(name, at string) { readField(r, name, at, to, fields, given) })
	if object {
		requireFields(r, pointer, fields, given)
	}
	return object
}

// readField reads one member and notes that it was given, right or wrong.
func readField[T any](r *strictReader, name, at string, to *T, fields []field[T], given []bool) {
	for i, f := range fields {
		if f.name == name {
			given[i] = true
			f.read(r, at, to)
			return
		}
	}
	r.unknown(at)
}

func requireFields[T any](r *strictReader, pointer string, fields []field[T], given []bool) {
	for i, f := range fields {
		if f.required && !given[i] {
			r.fault(pointer+"/"+f.name, "it is required")
		}
	}
}

// schemaNode is a JSON Schema (draft 2020-12), the dialect of OpenAPI 3.1.
type schemaNode map[string]any

// with returns the node with another keyword.
func (n schemaNode) with(keyword string, value any) schemaNode {
	n[keyword] = value
	return n
}

func objectNode[T any](fields []field[T]) schemaNode {
	properties := schemaNode{}
	required := []string{}
	for _, f := range fields {
		properties[f.name] = f.schema()
		if f.required {
			required = append(required, f.name)
		}
	}
	n := schemaNode{"type": "object", "properties": properties, "additionalProperties": false}
	if len(required) > 0 {
		n["required"] = required
	}
	return n
}

func textNode(most int, description string) schemaNode {
	return schemaNode{"type": []string{"string", "null"}, "maxLength": most, "description": description}
}

func integerNode(least, most int, description string) schemaNode {
	return schemaNode{"type": []string{"integer", "null"}, "minimum": least, "maximum": most, "description": description}
}

func idNode(d tensor.DType, description string) schemaNode {
	n := schemaNode{"type": []string{"string", "integer"}, "minLength": 1, "maxLength": maxIDBytes, "description": description}
	if d == tensor.Int64 {
		n["minimum"], n["maximum"] = -math.MaxInt64, math.MaxInt64
		n["pattern"] = "^[+-]?0*[0-9]{1,18}$" // A pattern cannot bound 19 digits.
	}
	return n
}

func idsNode(d tensor.DType, least, most int, description string) schemaNode {
	return schemaNode{
		"type": []string{"array", "null"}, "items": idNode(d, "An item's id."), "minItems": least, "maxItems": most, "description": description,
	}
}
