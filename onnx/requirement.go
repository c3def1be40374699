package onnx

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"recsys/internal/onnxpb"
)

// Requirements are what a model asks of the program that runs it.
type Requirements struct {
	IRVersion int64
	// Opsets are the versions of the operator sets that the model names, by domain; ONNX's own is "ai.onnx".
	Opsets map[string]int64
	// Domains are those of the nodes, sorted, without those of nodes inside of others.
	Domains []string
	// Functions is whether the model brings operators of its own.
	Functions bool
}

// Requires reads what the model at path asks for, whether [Read] knows its operators or not. A missing file gives fs.ErrNotExist.
func Requires(path string) (*Requirements, error) {
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	m, err := onnxpb.Unmarshal(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	own := func(domain string) string { return cmp.Or(domain, "ai.onnx") }
	r := &Requirements{IRVersion: m.IRVersion, Opsets: map[string]int64{}, Functions: m.Functions > 0}
	for _, s := range m.Opsets {
		r.Opsets[own(s.Domain)] = s.Version
	}
	domains := map[string]bool{}
	if m.Graph != nil {
		for _, n := range m.Graph.Nodes {
			domains[own(n.Domain)] = true
		}
	}
	r.Domains = slices.Sorted(maps.Keys(domains))
	return r, nil
}
