package onnx

import (
	"maps"
	"slices"
)

// AttributeOperators lets a test hold the attribute table to the operators of package graph.
func AttributeOperators() []string { return slices.Sorted(maps.Keys(attributeTable())) }
