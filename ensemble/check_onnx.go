package ensemble

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"recsys/graph"
	"recsys/internal/nearest"
)

// numbers are the parameters of ONNX Runtime's backend that it reads as whole numbers.
func numbers() []string {
	return []string{"intra_op_thread_count", "inter_op_thread_count", "execution_mode", "cudnn_conv_algo_search", "gpu_mem_limit", "arena_extend_strategy", "do_copy_in_default_stream"}
}

// onnx checks what ONNX Runtime's backend reads.
func (c *checker) onnx() {
	cfg := c.model.Config
	for _, key := range numbers() {
		text, ok := cfg.Parameters[key]
		n, err := strconv.Atoi(text)
		switch {
		case !ok:
		case err != nil:
			c.add(RuleParameter, fmt.Sprintf("parameters %q", key), "give a whole number", "is %q", text)
		case key == "execution_mode" && n != 0 && n != 1:
			c.add(RuleParameter, `parameters "execution_mode"`, "give 0 (one node after the other) or 1", "is %d", n)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(cfg.Parameters)) {
		if !slices.Contains(parameters(), key) {
			c.add(RuleIgnored, fmt.Sprintf("parameters %q", key), "correct the name or remove it", "is none that ONNX Runtime's backend reads%s",
				nearest.Hint(key, parameters()))
		}
	}
	if c.has("optimization.cuda") {
		c.add(RuleCUDA, "optimization.cuda", "remove it", "is read by TensorRT's backend only")
	}
	if cfg.Optimization == nil {
		return
	}
	if level := cfg.Optimization.GraphLevel; level != nil && *level >= 2 {
		c.add(RuleGraphLevel, "optimization.graph.level", "give 0, which optimises most", "is %d, which switches all optimisation off", *level)
	}
	for _, a := range cfg.Optimization.CPUAccelerators {
		if a.Name != "openvino" {
			c.add(RuleAccelerator, "cpu_execution_accelerator", `name "openvino" or none`, "is %q, which the backend does not have", a.Name)
		}
	}
	for _, a := range cfg.Optimization.GPUAccelerators {
		switch a.Name {
		case "tensorrt":
			c.tensorRT(a)
		case "cuda":
			for _, key := range []string{"cudnn_conv_algo_search", "gpu_mem_limit", "arena_extend_strategy", "do_copy_in_default_stream"} {
				if _, ok := a.Parameters[key]; ok {
					c.add(RuleCUDA, "gpu_execution_accelerator", "move it to parameters of the model",
						"has %s, which the model's own parameters replace by their default", key)
				}
			}
		default:
			c.add(RuleAccelerator, "gpu_execution_accelerator", `name "tensorrt" or "cuda"`, "is %q, which the backend does not have", a.Name)
		}
	}
}

// tensorRT reports what makes TensorRT build engines while requests wait.
func (c *checker) tensorRT(a Accelerator) {
	const field = "gpu_execution_accelerator \"tensorrt\""
	for _, key := range slices.Sorted(maps.Keys(a.Parameters)) {
		if !strings.HasPrefix(key, "trt_") && !slices.Contains([]string{
			"precision_mode", "max_workspace_size_bytes", "int8_calibration_table_name", "int8_use_native_calibration_table",
		}, key) {
			c.add(RuleTensorRT, field, "remove it", "has %q, a parameter that servers with a GPU refuse", key)
		}
	}
	var missing []string
	for _, key := range []string{"trt_profile_min_shapes", "trt_profile_opt_shapes", "trt_profile_max_shapes", "trt_engine_cache_enable"} {
		if a.Parameters[key] == "" {
			missing = append(missing, key)
		}
	}
	if len(missing) > 0 {
		c.add(RuleTensorRT, field, "write them", "lacks %s: a shape that was not seen before makes it build an engine, 35 to 50 s in which requests wait",
			strings.Join(missing, ", "))
	}
}

// tensorRTOperators reports the operators that TensorRT leaves to others in a model that names it.
func (c *checker) tensorRTOperators(file string, g *graph.Graph) {
	o := c.model.Config.Optimization
	if o == nil || !slices.ContainsFunc(o.GPUAccelerators, func(a Accelerator) bool { return a.Name == "tensorrt" }) {
		return
	}
	var others []string
	for _, n := range g.Nodes {
		if !slices.Contains(denseOperators(), n.Op.Type) && !slices.Contains(others, n.Op.Type) {
			others = append(others, n.Op.Type)
		}
	}
	if len(others) > 0 {
		slices.Sort(others)
		c.addIn(file, RuleTensorRT, "", "take the accelerator away, or cut the dense part out: export with --profile gpu-tensorrt",
			"has %s beside dense layers: each piece between them needs profiles of shapes that nobody can name (ORT #17434)", strings.Join(others, ", "))
	}
}
