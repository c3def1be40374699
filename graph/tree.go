package graph

import (
	"fmt"
	"slices"

	"recsys/tensor"
)

// TreeEnsemble is a set of decision trees, as [Builder.TreeEnsembleRegressor] and [Builder.TreeEnsembleClassifier] take
// them.
type TreeEnsemble struct {
	Nodes []TreeNode // the first of a tree is its root
	Votes []TreeVote
	Base  []float32 // added to the scores: as many as targets or classes, or none
	// Transform is applied to the scores: "NONE" (also ""), "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO" (which leaves scores of 0
	// out) or "PROBIT".
	Transform string
}

// TreeNode is a node of a tree: a leaf where Mode is "LEAF", else a question to feature x[Feature], whose answer is the
// next node. Mode is "BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ" or "BRANCH_NEQ", which compare the
// feature with Value. NaN goes the way of the comparison, or to True where MissingTrue is set.
type TreeNode struct {
	Tree, ID, Feature int64
	Mode              string
	Value             float32
	True, False       int64 // IDs of nodes in the same tree
	MissingTrue       bool
}

// TreeVote is what a leaf adds to the score of a target or class.
type TreeVote struct {
	Tree, Node, Target int64
	Weight             float32
}

// attrs writes the ensemble as ONNX has it, votes with the prefix "target_" or "class_".
func (e TreeEnsemble) attrs(votes string) Attrs {
	n := len(e.Nodes)
	ints := func() []int64 { return make([]int64, n) }
	trees, ids, features, yes, no, missing := ints(), ints(), ints(), ints(), ints(), ints()
	modes, values := make([]string, n), make([]float32, n)
	for i, v := range e.Nodes {
		trees[i], ids[i], features[i], modes[i], values[i], yes[i], no[i] = v.Tree, v.ID, v.Feature, v.Mode, v.Value, v.True, v.False
		missing[i] = boolAttr(v.MissingTrue)
	}
	n = len(e.Votes)
	at, nodes, targets, weights := ints(), ints(), ints(), make([]float32, n)
	for i, v := range e.Votes {
		at[i], nodes[i], targets[i], weights[i] = v.Tree, v.Node, v.Target, v.Weight
	}
	a := Attrs{
		"nodes_treeids": trees, "nodes_nodeids": ids, "nodes_featureids": features, "nodes_modes": modes,
		"nodes_values": values, "nodes_truenodeids": yes, "nodes_falsenodeids": no, "nodes_missing_value_tracks_true": missing,
		votes + "treeids": at, votes + "nodeids": nodes, votes + "ids": targets, votes + "weights": weights,
	}
	if len(e.Base) > 0 {
		a["base_values"] = slices.Clone(e.Base)
	}
	if e.Transform != "" {
		a["post_transform"] = e.Transform
	}
	return a
}

// inferTrees is the part of the shape rule that both operators share: x [N,F].
func inferTrees(c *InferContext) error {
	if err := c.Want(1, 1); err != nil {
		return err
	}
	if err := c.WantDType(0, tensor.Float32, tensor.Float64, tensor.Int64, tensor.Int32); err != nil {
		return err
	}
	if x := c.In[0].Shape; len(x) != 2 {
		return fmt.Errorf("x is %s; it has to be [N,F]", x)
	}
	return nil
}
