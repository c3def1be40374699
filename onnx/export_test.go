package onnx

import (
	"maps"
	"slices"

	"recsys/graph"
)

// AttributeOperators lets a test hold the attribute table to the operators of package graph.
func AttributeOperators() []string { return slices.Sorted(maps.Keys(attributeTable())) }

// Oldest returns the version of the operator set from which on a model's operator is read.
func Oldest(op *graph.Op) int64 { return oldest(op) }

// AttributesWithoutType lists the attributes that kernels read and attributeTypes does not know.
func AttributesWithoutType() []string {
	var missing []string
	types := attributeTypes()
	for typ, attributes := range attributeTable() {
		for name, entry := range attributes {
			if _, ok := entry.(honoured); ok && types[name] == nil {
				missing = append(missing, typ+" "+name)
			}
		}
	}
	return missing
}
