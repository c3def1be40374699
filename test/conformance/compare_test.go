package conformance_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// normal removes from an answer what no two servers, or no two runs of one, have in common, and nothing else:
//
//   - times, and the length of JSON, in which numbers and members may be written in several ways,
//   - the content type of errors, whose body is JSON while Triton calls some of them text,
//   - the order of an ensemble's outputs, which is a hash table's in Triton, and the sequence parameters that its ensembles repeat,
//   - "runtime" of a configuration, which names the stand-in for Triton's ONNX Runtime backend, and "max_inflight_requests", which the
//     release under test does not have yet,
//   - the state UNLOADING, in which a model is until its processes have ended, and the words in which a load failed.
func normal(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i, x := range v {
			out[i] = normal(x)
		}
		return out
	case map[string]any:
		return normalMap(v)
	case json.Number:
		if f, err := v.Float64(); err == nil && strings.ContainsAny(string(v), ".eE") {
			return f
		}
	}
	return v
}

func normalMap(v map[string]any) map[string]any {
	out := map[string]any{}
	for key, x := range v {
		switch key {
		case "ns", "runtime", "max_inflight_requests":
		case "last_inference", "inference-header-content-length":
			out[key] = x != json.Number("0")
		case "content-type":
			if body, ok := v["json"].(map[string]any); !ok || body["error"] == nil {
				out[key] = x
			}
		case "state":
			if out[key] = x; x == "UNLOADING" {
				out[key], out["reason"] = "UNAVAILABLE", "unloaded"
			}
		case "reason":
			if out[key] = x; x != "unloaded" {
				out[key] = "…"
			}
		default:
			out[key] = normal(x)
		}
	}
	if slices.Contains([]any{"square", "chain", "keeper"}, v["model_name"]) {
		normalEnsemble(out)
	}
	return out
}

// normalEnsemble sorts the outputs of an ensemble's answer, with their raw contents in it.
func normalEnsemble(out map[string]any) {
	if p, ok := out["parameters"].(map[string]any); ok {
		maps.DeleteFunc(p, func(key string, _ any) bool { return strings.HasPrefix(key, "sequence_") })
		if len(p) == 0 {
			delete(out, "parameters")
		}
	}
	list, _ := out["outputs"].([]any)
	raw, _ := out["raw_output_contents"].([]any)
	name := func(x any) string {
		m, _ := x.(map[string]any)
		text, _ := m["name"].(string)
		return text
	}
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(name(list[a]), name(list[b])) })
	sorted, contents := make([]any, len(list)), make([]any, len(raw))
	for to, from := range order {
		sorted[to] = list[from]
		if len(raw) == len(list) {
			contents[to] = raw[from]
		}
	}
	if out["outputs"] = sorted; raw != nil {
		out["raw_output_contents"] = contents
	}
}

// withoutText drops the text of an error and keeps its code.
func withoutText(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	m = maps.Clone(m)
	delete(m, "message")
	if body, ok := m["json"].(map[string]any); ok && body["error"] != nil {
		m["json"] = map[string]any{"error": "…"}
	}
	return m
}
