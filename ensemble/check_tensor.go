package ensemble

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"recsys/internal/pbtxt"
)

func formatVersions(list []int64) string {
	if len(list) == 0 {
		return "no version folder"
	}
	return "version " + strings.Trim(fmt.Sprint(list), "[]")
}

func (c *checker) tensors(kind string, list []TensorConfig) {
	if len(list) == 0 && c.model.Config.IsEnsemble() {
		c.add(RuleTensor, kind, "list them all: Triton completes no ensemble", "there is none")
	}
	seen := map[string]bool{}
	for i, t := range list {
		field := fmt.Sprintf("%s[%d] %q", kind, i, t.Name)
		if t.Name == "" || seen[t.Name] {
			c.add(RuleTensor, field, "give each a name of its own", "has no name or one that is taken")
		}
		seen[t.Name] = true
		if t.DType == 0 {
			c.add(RuleTensor, field, "give a data_type", "has no data type")
		}
		if len(t.Dims) == 0 {
			c.add(RuleTensor, field, "write a scalar for each user as dims: [ 1 ] reshape { shape: [ ] }", "has no dims")
		}
		if slices.ContainsFunc(t.Dims, func(d int64) bool { return d < 1 && d != -1 }) {
			c.add(RuleTensor, field, "give a size from 1, or -1 for any", "has dims %v", t.Dims)
		}
		if t.Reshape != nil && (elements(t.Dims) != elements(t.Reshape.Shape) || free(t.Dims) != free(t.Reshape.Shape)) {
			c.add(RuleTensor, field, "reshape keeps the number of elements", "dims %v cannot be reshaped to %v", t.Dims, t.Reshape.Shape)
		}
	}
	for i, t := range list {
		if t.Reshape != nil && len(t.Reshape.Shape) == 0 && c.model.Config.MaxBatchSize == 0 && !c.model.Config.IsEnsemble() {
			c.add(RuleTensor, fmt.Sprintf("%s[%d] %q", kind, i, t.Name), "remove the reshape: the ONNX backend takes dims of 1 for a scalar",
				"is reshaped to a scalar, which models without batches are not")
		}
	}
	for i, f := range c.at(kind) {
		if f.Kind == pbtxt.Block && i < len(list) {
			c.tensorFields(fmt.Sprintf("%s[%d] %q", kind, i, list[i].Name), f.Block, list[i])
		}
	}
}

// elements multiplies dims; free ones count as 1.
func elements(dims []int64) int64 {
	n := int64(1)
	for _, d := range dims {
		n *= max(d, 1)
	}
	return n
}

// free counts free dims.
func free(dims []int64) int {
	n := 0
	for _, d := range dims {
		if d == -1 {
			n++
		}
	}
	return n
}

// tensorFields checks what Config does not hold of an input or output.
func (c *checker) tensorFields(field string, m *pbtxt.Message, t TensorConfig) {
	cfg := c.model.Config
	for _, f := range m.At("format") {
		if f.Text != "FORMAT_NONE" && len(t.Dims) != 3 {
			c.add(RuleTensor, field, "give 3 dims or no format", "has %s, which is of 3 dims, and dims %v", f.Text, t.Dims)
		}
	}
	if set(m, "is_shape_tensor") && cfg.Platform != platformTensorRT && cfg.Backend != backendTensorRT {
		c.add(RuleTensor, field, "remove is_shape_tensor", "is a shape tensor, which only TensorRT's models have")
	}
	if set(m, "optional") && cfg.IsONNX() && cfg.MaxBatchSize > 0 {
		c.add(RuleOptional, field, "give the model a value for those who have none, or set max_batch_size: 0",
			"is optional, which ONNX Runtime's backend has only of models without batches")
	}
	for _, f := range m.At("label_filename") {
		if f.Text != "" {
			c.fileIn(RuleLabels, field+".label_filename", c.model.Dir, f.Text)
		}
	}
}

// set reports whether a message has a true field of a name.
func set(m *pbtxt.Message, name string) bool {
	for _, f := range m.At(name) {
		if b, err := f.AsBool(); err == nil && b {
			return true
		}
	}
	return false
}

// fileIn checks that a file that a field names lies in a folder and is there.
func (c *checker) fileIn(rule, field, dir, name string) {
	if !filepath.IsLocal(name) {
		c.add(RulePath, field, "put the file into the model's folder", "leads out of the folder, to %q: newer releases refuse it", name)
		return
	}
	if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
		c.add(rule, field, "add the file or remove the field", "names %q, which is not there", name)
	}
}

// The kinds of batch_input that Triton makes of one source.
const batchInputTypes = "TYPE_INT32 or TYPE_FP32"

// batchIO checks the inputs and outputs that Triton makes for a whole batch.
func (c *checker) batchIO() {
	for kind, taken := range map[string][]TensorConfig{"batch_input": nil, "batch_output": c.model.Config.Outputs} {
		for i, f := range c.at(kind) {
			if f.Kind != pbtxt.Block {
				continue
			}
			field := fmt.Sprintf("%s[%d]", kind, i)
			for _, source := range f.Block.At("source_input") {
				if !slices.ContainsFunc(c.model.Config.Inputs, func(t TensorConfig) bool { return t.Name == source.Text }) {
					c.add(RuleBatchIO, field, "name one of the inputs", "has the source %q, which is no input", source.Text)
				}
			}
			for _, target := range f.Block.At("target_name") {
				if taken != nil && !slices.ContainsFunc(taken, func(t TensorConfig) bool { return t.Name == target.Text }) {
					c.add(RuleBatchIO, field, "name one of the outputs", "has the target %q, which is no output", target.Text)
				}
			}
			for _, d := range f.Block.At("data_type") {
				if d.Text != "TYPE_INT32" && d.Text != "TYPE_FP32" {
					c.add(RuleBatchIO, field, "let the model take "+batchInputTypes, "has the type %s; Triton makes %s", d.Text, batchInputTypes)
				}
			}
		}
	}
}
