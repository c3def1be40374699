package gateway

import (
	"recsys/schema"
	"recsys/tensor"
)

// contextNode describes the columns that a request may give.
func (v *view) contextNode() schemaNode {
	properties := schemaNode{}
	for _, name := range v.contextColumns() {
		c, _ := v.merger.contextColumn(name)
		properties[name] = columnNode(c)
	}
	return schemaNode{
		"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false, "maxProperties": maxContext,
		"description": "Raw values of input columns; they win over the stored row, the defaults and the time of the request.",
	}
}

func columnNode(c schema.Column) schemaNode {
	kind := "integer"
	switch d := c.DType.DType; {
	case d == tensor.String:
		kind = "string"
	case d == tensor.Bool:
		kind = "boolean"
	case d.IsFloat():
		kind = "number"
	}
	scalar := schemaNode{"type": []string{kind, "null"}}
	if c.Length == 0 {
		return scalar
	}
	return schemaNode{"type": []string{"array", "null"}, "items": scalar, "maxItems": c.Length}
}
