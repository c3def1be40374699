package onnx

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"recsys/graph"
	"recsys/tensor"
)

// honoured is the mark of an attribute that the operator's kernel reads. Any other entry of the table is the default that
// ONNX gives the attribute: we compute as with it, so that only this value is taken, and left out.
type honoured struct{}

// immaterial marks an attribute that does not matter for what we compute: any value is taken, and left out.
type immaterial struct{}

// attributeTable lists the attributes of the operators that have any.
func attributeTable() map[string]map[string]any {
	h := honoured{}
	reduce := map[string]any{"axes": h, "keepdims": h}
	axis := map[string]any{"axis": h}
	return map[string]map[string]any{
		"ArgMax": {"axis": h, "keepdims": h, "select_last_index": int64(0)},
		// The running averages that momentum concerns change in training only.
		"BatchNormalization": {"epsilon": h, "momentum": immaterial{}, "training_mode": int64(0)},
		"Cast":               {"to": h},
		"Concat":             axis,
		"ConstantOfShape":    {"value": h},
		"CumSum":             {"exclusive": h, "reverse": h},
		"DequantizeLinear":   {"axis": h, "block_size": int64(0)},
		"Dropout":            {"seed": immaterial{}},
		"Einsum":             {"equation": h},
		"Elu":                {"alpha": h},
		"Gather":             axis,
		"GatherElements":     axis,
		"GatherND":           {"batch_dims": int64(0)},
		"Gemm":               {"alpha": h, "beta": h, "transA": h, "transB": h},
		"GRU": {
			"hidden_size": h, "linear_before_reset": h, "direction": "forward", "layout": int64(0),
			"activations": []string{"Sigmoid", "Tanh"},
		},
		"HardSigmoid": {"alpha": h, "beta": h},
		"IsInf":       {"detect_negative": h, "detect_positive": h},
		"LabelEncoder": {
			"keys_int64s": h, "keys_strings": h, "keys_floats": h, "values_int64s": h, "values_strings": h,
			"values_floats": h, "default_int64": h, "default_string": h, "default_float": h,
		},
		"LayerNormalization": {"axis": h, "epsilon": h, "stash_type": int64(1)},
		"LeakyRelu":          {"alpha": h},
		"LSTM": {
			"hidden_size": h, "direction": "forward", "layout": int64(0), "input_forget": int64(0),
			"activations": []string{"Sigmoid", "Tanh", "Tanh"},
		},
		"LogSoftmax":             axis,
		"Mod":                    {"fmod": h},
		"MurmurHash3":            {"positive": h, "seed": h},
		"OneHot":                 axis,
		"Pad":                    {"mode": "constant"},
		"QuantizeLinear":         {"axis": h, "block_size": int64(0), "saturate": int64(1)},
		"ReduceL2":               reduce,
		"ReduceMax":              reduce,
		"ReduceMean":             reduce,
		"ReduceMin":              reduce,
		"ReduceSum":              {"keepdims": h, "noop_with_empty_axes": int64(0)},
		"Reshape":                {"allowzero": int64(0)},
		"ScatterElements":        {"axis": h, "reduction": h},
		"ScatterND":              {"reduction": h},
		"Softmax":                axis,
		"Split":                  axis,
		"TopK":                   {"axis": h, "largest": h, "sorted": h},
		"Transpose":              {"perm": h},
		"TreeEnsembleClassifier": trees("class_", "classlabels_int64s", "classlabels_strings"),
		"TreeEnsembleRegressor":  trees("target_", "n_targets", "aggregate_function"),
	}
}

// attributeTypes gives a value of the type that ONNX wants for each attribute that a kernel reads. A value of another type
// would be taken for none.
func attributeTypes() map[string]any {
	types := map[string]any{}
	for _, list := range []struct {
		of    any
		names string
	}{
		{int64(0), "axis default_int64 detect_negative detect_positive exclusive fmod hidden_size keepdims largest " +
			"linear_before_reset n_targets positive reverse seed sorted to transA transB"},
		{float32(0), "alpha beta default_float epsilon"},
		{"", "aggregate_function default_string equation post_transform reduction"},
		{[]int64(nil), "axes class_ids class_nodeids class_treeids classlabels_int64s keys_int64s nodes_falsenodeids " +
			"nodes_featureids nodes_missing_value_tracks_true nodes_nodeids nodes_treeids nodes_truenodeids perm target_ids " +
			"target_nodeids target_treeids values_int64s"},
		{[]float32(nil), "base_values class_weights keys_floats nodes_values target_weights values_floats"},
		{[]string(nil), "classlabels_strings keys_strings nodes_modes values_strings"},
		{(*tensor.Tensor)(nil), "base_values_as_tensor class_weights_as_tensor nodes_values_as_tensor target_weights_as_tensor value"},
	} {
		for name := range strings.FieldsSeq(list.names) {
			types[name] = list.of
		}
	}
	return types
}

// typeName is what ONNX calls the type of an attribute.
func typeName(value any) string {
	switch value.(type) {
	case int64:
		return "an int"
	case float32:
		return "a float"
	case string:
		return "a string"
	case []int64:
		return "a list of ints"
	case []float32:
		return "a list of floats"
	case []string:
		return "a list of strings"
	default:
		return "a tensor"
	}
}

// trees lists the attributes of a tree ensemble, whose votes have the prefix. How often a node was met in training does not
// matter.
func trees(votes string, own ...string) map[string]any {
	table := map[string]any{"nodes_hitrates": immaterial{}, "nodes_hitrates_as_tensor": immaterial{}}
	names := []string{
		"base_values", "base_values_as_tensor", "post_transform", "nodes_falsenodeids", "nodes_featureids",
		"nodes_missing_value_tracks_true", "nodes_modes", "nodes_nodeids", "nodes_treeids", "nodes_truenodeids",
		"nodes_values", "nodes_values_as_tensor",
		votes + "ids", votes + "nodeids", votes + "treeids", votes + "weights", votes + "weights_as_tensor",
	}
	for _, name := range slices.Concat(names, own) {
		table[name] = honoured{}
	}
	return table
}

// supported says whether an attribute is kept, dropped because it says what holds anyway, or not supported.
func supported(op *graph.Op, name string, value any) (keep bool, err error) {
	table := attributeTable()[op.Type]
	entry, ok := table[name]
	if !ok {
		known := strings.Join(slices.Sorted(maps.Keys(table)), ", ")
		if known == "" {
			known = "none"
		}
		return false, fmt.Errorf("attribute %q is not supported; supported are: %s", name, known)
	}
	if _, ok := entry.(honoured); ok {
		if want := attributeTypes()[name]; reflect.TypeOf(value) != reflect.TypeOf(want) {
			return false, fmt.Errorf("attribute %q is %s; it has to be %s", name, typeName(value), typeName(want))
		}
		return true, nil
	}
	if _, ok := entry.(immaterial); ok {
		return false, nil
	}
	if !reflect.DeepEqual(entry, value) {
		return false, fmt.Errorf("attribute %q is %v; supported is %v only", name, value, entry)
	}
	return false, nil
}
