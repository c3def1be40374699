package ensemble

import (
	"fmt"
	"slices"

	"recsys/onnx"
)

// What ONNX Runtime takes, as tried: 1.19.2, which Triton's release 24.10 has, and 1.32.0, the newest when it was tried.
const (
	firstOpset, lastOpset     = 21, 28
	firstIR, lastIR           = 10, 14
	lastML                    = 5
	firstRuntime, lastRuntime = "1.19", "1.32"
)

// domains are those whose operators ONNX Runtime has.
func domains() []string {
	return []string{
		"ai.onnx", "ai.onnx.ml", "ai.onnx.preview.training", "ai.onnx.training", "com.microsoft", "com.microsoft.experimental",
		"com.microsoft.nchwc", "com.ms.internal.nhwc", "org.pytorch.aten",
	}
}

// requirements checks what an ONNX model asks of ONNX Runtime.
func (c *checker) requirements(file string, r *onnx.Requirements) {
	const older = "export with an older one"
	version := func(what string, version, first, last int64) {
		switch {
		case version > last:
			c.addIn(file, RuleOpset, what, older, "is %d: ONNX Runtime %s takes %d at most", version, lastRuntime, last)
		case version > first:
			c.addIn(file, RuleRelease, what, older+", or see that the servers' ONNX Runtime takes it",
				"is %d: ONNX Runtime %s, of release 24.10, takes %d at most", version, firstRuntime, first)
		}
	}
	version("ir_version", r.IRVersion, firstIR, lastIR)
	version(`opset_import "ai.onnx"`, r.Opsets["ai.onnx"], firstOpset, lastOpset)
	version(`opset_import "ai.onnx.ml"`, r.Opsets["ai.onnx.ml"], lastML, lastML)
	if r.Functions {
		return // which are of which domain is not read
	}
	library := c.has("model_operations.op_library_filename")
	for _, domain := range r.Domains {
		_, named := r.Opsets[domain]
		switch {
		case !named:
			c.addIn(file, RuleOpset, fmt.Sprintf("domain %q", domain), "name the operator set and its version in opset_import", "is used, and no opset_import names it")
		case !library && !slices.Contains(domains(), domain):
			c.addIn(file, RuleOpset, fmt.Sprintf("domain %q", domain), "name the library of these operators in model_operations.op_library_filename",
				"has operators that ONNX Runtime has not")
		}
	}
}
