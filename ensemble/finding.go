package ensemble

import (
	"cmp"
	"slices"
	"strings"
)

// Finding is a fault of a model repository.
type Finding struct {
	// Rule is one of the Rule constants.
	Rule string `json:"rule"`
	// File is the file's path within the repository, Field the place in it.
	File  string `json:"file"`
	Field string `json:"field,omitempty"`
	// Message says what is wrong, Remedy what to do.
	Message string `json:"message"`
	Remedy  string `json:"remedy,omitempty"`
}

// Severity says what a finding leads to.
type Severity string

// The severities.
const (
	SeverityError   Severity = "error"   // Triton refuses to load the model, or the gateway to serve it
	SeverityWarning Severity = "warning" // the model loads, or does on some servers, and does harm later
)

// Severity returns what the finding leads to, which its rule decides.
func (f Finding) Severity() Severity {
	switch f.Rule {
	case RulePolicy, RuleUnpinned, RuleOutput, RuleNested, RuleAutoComplete, RuleRandomWarmup, RuleQueueSize, RuleQueueDelay, RuleFreeLength,
		RuleInstanceCount, RuleThreads, RuleGraphLevel, RuleCUDA, RuleTensorRT, RuleRateLimiter, RuleCacheServer, RuleMissingVersion,
		RulePath, RuleRepeatedKey, RuleRelease, RuleIgnored, RuleUnreadModel, RuleBatchAxis:
		return SeverityWarning
	}
	return SeverityError
}

// The rules whose findings are errors: Triton refuses to load a model that breaks one, unless said otherwise.
const (
	RuleConfig       = "config"         // config.pbtxt is readable
	RuleName         = "name"           // the configuration's name is the folder's
	RuleBackend      = "backend"        // a backend is named, and a platform of no other one
	RuleTensor       = "tensor"         // inputs and outputs have names of their own, types and dims
	RuleOptional     = "optional"       // inputs of an ONNX model that takes batches are not optional
	RuleBatchIO      = "batch-io"       // batch_input and batch_output name inputs and have types that Triton gives
	RuleLabels       = "labels"         // files of labels are there
	RuleVersion      = "version"        // the policy serves at least one version folder
	RuleModelFile    = "model-file"     // every served version has a model that its backend can read
	RuleModel        = "model"          // the model has the configuration's inputs and outputs
	RuleBatching     = "batching"       // preferred sizes and priorities are within their bounds, an order is kept of one queue only
	RuleInstances    = "instances"      // GPUs are named of instances on GPUs only, profiles of TensorRT only
	RuleGPU          = "gpu"            // no instance needs a GPU where servers have none; see CheckNoGPU
	RuleOpset        = "opset"          // operators are of sets and versions that an ONNX Runtime has
	RuleAccelerator  = "accelerator"    // execution accelerators are ones that ONNX Runtime's backend has
	RuleParameter    = "parameter"      // parameters have values that ONNX Runtime's backend takes
	RuleSequence     = "sequence"       // controls of sequences say what is false and what is true
	RuleCache        = "cache"          // no cache of answers for sequences or decoupled models
	RuleChecksum     = "checksum"       // files have the sums that the checksum agent compares them with
	RuleAgent        = "agent"          // agents of the repository are ones that Triton has
	RuleWarmup       = "warmup"         // warm-ups give every input once
	RuleEnsemble     = "ensemble"       // an ensemble has steps, and no settings of other models
	RuleStep         = "step"           // every step's model is there
	RulePin          = "pin"            // every step pins a version that is served
	RuleMapping      = "mapping"        // every input is mapped once, nothing to unknown tensors
	RuleProducer     = "producer"       // every tensor is made exactly once, outputs included
	RuleDType        = "dtype"          // both ends of a mapping have one element type
	RuleDims         = "dims"           // both ends of a mapping have one shape
	RuleDecoupled    = "decoupled"      // no step, and no ensemble, joins tensors of a decoupled model with others
	RuleMaxBatchSize = "max-batch-size" // no step takes smaller batches than its ensemble
	RuleManifest     = "manifest"       // recsys.json agrees with the configuration; Triton does not look at it
)

// The rules whose findings are warnings.
const (
	RulePolicy         = "policy"          // stages of ensembles name the versions that they serve
	RuleUnpinned       = "unpinned"        // steps pin versions: generations mix in one answer otherwise
	RuleOutput         = "output"          // no step reads an output of the ensemble: requests that name their outputs fail
	RuleNested         = "nested"          // no step is an ensemble itself: the embedded engine and publishing do without
	RuleAutoComplete   = "auto-complete"   // configurations are complete: a server may not be allowed to complete them
	RuleRandomWarmup   = "random-warmup"   // no warm-up gives random integers: an id beyond a table ends the server
	RuleQueueSize      = "queue-size"      // stages of ensembles bound no queue: before 26.03 a full one can hang the ensemble
	RuleQueueDelay     = "queue-delay"     // stages of ensembles do not wait for a batch: every step pays it
	RuleFreeLength     = "free-length"     // inputs of ensembles have fixed lengths: requests of different ones share no batch
	RuleInstanceCount  = "instance-count"  // the number of instances is written down: it is 2 on CPUs otherwise
	RuleThreads        = "threads"         // stages of ensembles have one thread each: pools fight for the cores otherwise
	RuleGraphLevel     = "graph-level"     // graph optimisation is not switched off, as level 2 does
	RuleCUDA           = "cuda"            // settings of CUDA are where ONNX Runtime's backend reads them
	RuleTensorRT       = "tensorrt"        // TensorRT is told the shapes and where to keep its engines
	RuleBatchAxis      = "batch-axis"      // both ends of a mapping have the batch axis: requests of several users fail otherwise
	RuleRateLimiter    = "rate-limiter"    // no resources are claimed, which servers pass over unless told to limit
	RuleCacheServer    = "cache-server"    // no cache is asked for, which servers pass over unless they have one
	RuleMissingVersion = "missing-version" // policies name versions that have a folder
	RulePath           = "path"            // files lie in the model's folder
	RuleRepeatedKey    = "repeated-key"    // maps have every key once: of two the last one counts
	RuleRelease        = "release"         // all releases of Triton from 24.10 on know the fields, and operators
	RuleIgnored        = "ignored"         // no setting is passed over
	RuleUnreadModel    = "unread-model"    // the checker can read the ONNX model whole
)

// String returns "severity: file: field: message; remedy [rule]".
func (f Finding) String() string {
	var b strings.Builder
	b.WriteString(string(f.Severity()) + ": " + f.File)
	if f.Field != "" {
		b.WriteString(": " + f.Field)
	}
	b.WriteString(": " + f.Message)
	if f.Remedy != "" {
		b.WriteString("; " + f.Remedy)
	}
	b.WriteString(" [" + f.Rule + "]")
	return b.String()
}

func sortFindings(list []Finding) {
	slices.SortStableFunc(list, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Message, b.Message))
	})
}
