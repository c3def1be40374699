package onnx

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"recsys/graph"
	"recsys/internal/onnxpb"
)

// The versions that are written. A model read may have older ones, as far as its operators already had the
// semantics of these.
const (
	IRVersion      = 8
	Opset          = 17
	OpsetML        = 3
	OpsetMicrosoft = 1
)

const (
	domainML        = "ai.onnx.ml"
	domainMicrosoft = "com.microsoft"
)

// newest returns the version of a domain's operator set that we write, 0 for an unknown domain.
func newest(domain string) int64 {
	switch domain {
	case "":
		return Opset
	case domainML:
		return OpsetML
	case domainMicrosoft:
		return OpsetMicrosoft
	}
	return 0
}

// opsets lists the operator sets that a graph's nodes need, ONNX's own first and always.
func opsets(g *graph.Graph) ([]*onnxpb.OperatorSetID, error) {
	used := map[string]bool{"": true}
	for _, n := range g.Nodes {
		if v := newest(n.Op.Domain); int64(n.Op.Since) > v {
			return nil, fmt.Errorf("node %q: operator %s of version %d cannot be written: domain %q is written at version %d",
				n.Name, n.Op, n.Op.Since, n.Op.Domain, v)
		}
		used[n.Op.Domain] = true
	}
	var list []*onnxpb.OperatorSetID
	for _, domain := range slices.Sorted(maps.Keys(used)) {
		list = append(list, &onnxpb.OperatorSetID{Domain: domain, Version: newest(domain)})
	}
	return list, nil
}

// operators finds the operators of a model that is read.
type operators struct {
	versions map[string]int64
	known    map[string]*graph.Op
}

func readOpsets(m *onnxpb.Model) (*operators, error) {
	ops := &operators{versions: map[string]int64{}, known: graph.Standard()}
	for _, set := range m.Opsets {
		domain := plainDomain(set.Domain)
		if v := newest(domain); v > 0 && set.Version > v {
			return nil, fmt.Errorf("operator set %q has version %d; supported are versions up to %d: export with opset_version=%d",
				domain, set.Version, v, v)
		}
		if v, again := ops.versions[domain]; again && v != set.Version {
			return nil, fmt.Errorf("operator set %q is named twice, with versions %d and %d", domain, v, set.Version)
		}
		ops.versions[domain] = set.Version
	}
	if ops.versions[""] == 0 {
		return nil, fmt.Errorf("the model names no operator set for ONNX's own domain; supported are versions up to %d", Opset)
	}
	return ops, nil
}

func plainDomain(domain string) string {
	if domain == "ai.onnx" {
		return ""
	}
	return domain
}

func (o *operators) find(n *onnxpb.Node) (*graph.Op, error) {
	domain := plainDomain(n.Domain)
	op := o.known[n.OpType]
	if op == nil || op.Domain != domain {
		names := make([]string, 0, len(o.known))
		for _, op := range o.known {
			names = append(names, op.String())
		}
		slices.Sort(names)
		return nil, fmt.Errorf("operator %q of domain %q is not supported; supported are %s",
			n.OpType, domain, strings.Join(names, ", "))
	}
	if v := o.versions[domain]; v < oldest(op) {
		return nil, fmt.Errorf("operator %s is meant as in version %d of its set; supported are versions %d to %d: export with a newer opset",
			op, v, oldest(op), newest(domain))
	}
	return op, nil
}
