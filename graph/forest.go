package graph

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"

	"recsys/tensor"
)

// forest is an ensemble laid out for walking. T is the type in which features are compared and scores added up.
type forest[T float32 | float64] struct {
	roots     []int32
	nodes     []branch[T]
	votes     []vote[T]
	base      []T // one for each target, or none
	features  int // more than any node asks for
	targets   int
	transform string
	buffers   sync.Pool // of *[]score[T], for runs side by side
}

// branch is a node in 16 bytes. The two nodes that may follow stand side by side from next on, the one for true first.
// Of a leaf, the votes are those from next on, feature of them.
type branch[T float32 | float64] struct {
	value   T
	feature int32
	next    int32
	mode    branchMode
	missing bool
}

type vote[T float32 | float64] struct {
	target int32
	weight T
}

type branchMode uint8

const (
	leaf branchMode = iota
	atMost
	below
	atLeast
	above
	equals
	differs
)

// branchModes are ONNX's names, in the order of the constants.
func branchModes() []string {
	return []string{"LEAF", "BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ"}
}

// nodeKey names a node of an ensemble.
type nodeKey struct{ tree, id int64 }

// listing is an ensemble as the attributes have it.
type listing[T float32 | float64] struct {
	attrs  Attrs
	prefix string // of votes
	at     map[nodeKey]int
	modes  []branchMode
	values []T
	votes  map[nodeKey][]vote[T]
}

// newForest lays out the ensemble of a node. Everything that the attributes may get wrong is an error.
func newForest[T float32 | float64](a Attrs, prefix string, targets int) (*forest[T], error) {
	l := listing[T]{attrs: a, prefix: prefix, at: map[nodeKey]int{}, votes: map[nodeKey][]vote[T]{}}
	if err := errors.Join(l.readNodes(), l.readVotes(targets)); err != nil {
		return nil, err
	}
	f := &forest[T]{targets: targets, transform: a.Str("post_transform", "NONE")}
	var err error
	if f.base, err = treeFloats[T](a, "base_values"); err != nil {
		return nil, err
	}
	if n := len(f.base); n != 0 && n != targets {
		return nil, fmt.Errorf("attribute base_values has %d elements; supported are none or %d", n, targets)
	}
	var last *nodeKey
	seen := map[int64]bool{}
	trees, ids := a.Ints("nodes_treeids"), a.Ints("nodes_nodeids")
	for i, tree := range trees {
		if last != nil && last.tree == tree {
			continue
		}
		if seen[tree] {
			return nil, fmt.Errorf("attribute nodes_treeids: the nodes of tree %d do not stand together", tree)
		}
		seen[tree] = true
		last = &nodeKey{tree, ids[i]}
		f.roots = append(f.roots, int32(len(f.nodes)))
		if err := l.grow(f, *last); err != nil {
			return nil, err
		}
	}
	if len(f.nodes) != len(trees) {
		return nil, fmt.Errorf("%d nodes are on no way from the first node of their tree", len(trees)-len(f.nodes))
	}
	return f, nil
}

func (l *listing[T]) readNodes() error {
	a := l.attrs
	ids := a.Ints("nodes_nodeids")
	n := len(ids)
	if n > math.MaxInt32/2 {
		return fmt.Errorf("%d nodes are more than %d", n, math.MaxInt32/2)
	}
	for _, name := range []string{"nodes_treeids", "nodes_featureids", "nodes_truenodeids", "nodes_falsenodeids"} {
		if got := len(a.Ints(name)); got != n {
			return fmt.Errorf("attribute %s has %d elements, nodes_nodeids %d", name, got, n)
		}
	}
	if got := len(a.Ints("nodes_missing_value_tracks_true")); got != n && got != 0 {
		return fmt.Errorf("attribute nodes_missing_value_tracks_true has %d elements, nodes_nodeids %d", got, n)
	}
	var err error
	if l.values, err = treeFloats[T](a, "nodes_values"); err != nil {
		return err
	}
	modes := a.Strs("nodes_modes")
	if len(modes) != n || len(l.values) != n {
		return fmt.Errorf("attributes nodes_modes and nodes_values have %d and %d elements, nodes_nodeids %d", len(modes), len(l.values), n)
	}
	l.modes = make([]branchMode, n)
	for i, id := range ids {
		mode := slices.Index(branchModes(), modes[i])
		if mode < 0 {
			return fmt.Errorf("attribute nodes_modes: %q is not supported; supported are %v", modes[i], branchModes())
		}
		l.modes[i] = branchMode(mode)
		key := nodeKey{a.Ints("nodes_treeids")[i], id}
		if _, ok := l.at[key]; ok {
			return fmt.Errorf("attribute nodes_nodeids: node %d of tree %d stands twice", id, key.tree)
		}
		l.at[key] = i
	}
	return nil
}

func (l *listing[T]) readVotes(targets int) error {
	a, p := l.attrs, l.prefix
	ids, nodes, trees := a.Ints(p+"ids"), a.Ints(p+"nodeids"), a.Ints(p+"treeids")
	weights, err := treeFloats[T](a, p+"weights")
	if err != nil {
		return err
	}
	if len(nodes) != len(ids) || len(trees) != len(ids) || len(weights) != len(ids) {
		return fmt.Errorf("attributes %sids, %snodeids, %streeids and %sweights have %d, %d, %d and %d elements", p, p, p, p,
			len(ids), len(nodes), len(trees), len(weights))
	}
	for i, id := range ids {
		key := nodeKey{trees[i], nodes[i]}
		if id < 0 || id >= int64(targets) {
			return fmt.Errorf("attribute %sids: %d is outside [0,%d]", p, id, targets-1)
		}
		if slices.ContainsFunc(l.votes[key], func(v vote[T]) bool { return int64(v.target) == id }) {
			return fmt.Errorf("attribute %sids: leaf %d of tree %d votes for %d twice", p, key.id, key.tree, id)
		}
		l.votes[key] = append(l.votes[key], vote[T]{int32(id), weights[i]})
	}
	return nil
}

// grow appends the tree below root to f, level by level, so that siblings stand side by side.
func (l *listing[T]) grow(f *forest[T], root nodeKey) error {
	queue := []nodeKey{root}
	base := len(f.nodes)
	used := map[int64]bool{root.id: true}
	for k := 0; k < len(queue); k++ {
		i, ok := l.at[queue[k]]
		if !ok {
			return fmt.Errorf("tree %d has no node %d, which another one names", root.tree, queue[k].id)
		}
		n := branch[T]{value: l.values[i], mode: l.modes[i]}
		if n.mode == leaf {
			votes := l.votes[queue[k]]
			if len(votes) == 0 && f.targets == 1 {
				votes = []vote[T]{{}} // ONNX Runtime takes a leaf without a vote for one of 0.
			}
			n.next, n.feature = int32(len(f.votes)), int32(len(votes))
			f.votes = append(f.votes, votes...)
			f.nodes = append(f.nodes, n)
			continue
		}
		feature := l.attrs.Ints("nodes_featureids")[i]
		if feature < 0 || feature >= math.MaxInt32 {
			return fmt.Errorf("attribute nodes_featureids: %d is no column", feature)
		}
		f.features = max(f.features, int(feature)+1)
		if missing := l.attrs.Ints("nodes_missing_value_tracks_true"); missing != nil {
			n.missing = missing[i] == 1
		}
		n.feature, n.next = int32(feature), int32(base+len(queue))
		for _, name := range []string{"nodes_truenodeids", "nodes_falsenodeids"} {
			id := l.attrs.Ints(name)[i]
			if used[id] {
				return fmt.Errorf("attribute %s: node %d of tree %d has two parents or is its own", name, id, root.tree)
			}
			used[id] = true
			queue = append(queue, nodeKey{root.tree, id})
		}
		f.nodes = append(f.nodes, n)
	}
	return nil
}

// treeFloats reads a list of floats, or its form "…_as_tensor", which ONNX has for float64 inputs.
func treeFloats[T float32 | float64](a Attrs, name string) ([]T, error) {
	if t, ok := a[name+"_as_tensor"].(*tensor.Tensor); ok {
		if data, ok := t.Any().([]T); ok {
			return data, nil
		}
		return nil, fmt.Errorf("attribute %s_as_tensor is %s; x wants %s", name, t.DType(), tensor.DTypeOf[T]())
	}
	list := a.Floats(name)
	out := make([]T, len(list))
	for i, v := range list {
		out[i] = T(v)
	}
	return out, nil
}
