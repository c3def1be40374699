package ensemble

import (
	"cmp"
	"slices"
	"strings"
)

// Finding is a fault of a model repository.
type Finding struct {
	// Rule is one of the Rule constants.
	Rule string
	// File is the file's path within the repository, Field the place in it.
	File  string
	Field string
	// Message says what is wrong, Remedy what to do.
	Message string
	Remedy  string
}

// Severity says what a finding leads to.
type Severity string

// The severities.
const (
	SeverityError   Severity = "error"   // Triton refuses to load the model, or the gateway to serve it
	SeverityWarning Severity = "warning" // the model loads and does harm later
)

// Severity returns what the finding leads to, which its rule decides.
func (f Finding) Severity() Severity {
	switch f.Rule {
	case RulePolicy, RuleOutput:
		return SeverityWarning
	}
	return SeverityError
}

// The rules. Triton refuses to load a model that breaks one, unless said otherwise.
const (
	RuleConfig       = "config"         // config.pbtxt is there and readable
	RuleName         = "name"           // the configuration's name is the folder's
	RuleBackend      = "backend"        // a platform or a backend is named
	RuleTensor       = "tensor"         // inputs and outputs have names of their own, types and dims
	RuleVersion      = "version"        // the policy serves at least one version folder
	RulePolicy       = "policy"         // stages pin versions: Triton loads others, and generations then mix
	RuleModelFile    = "model-file"     // every served version has a readable model
	RuleModel        = "model"          // the model has the configuration's inputs and outputs
	RuleWarmup       = "warmup"         // warm-ups give every input once, and no random integers
	RuleEnsemble     = "ensemble"       // an ensemble has steps, and no settings of other models
	RuleStep         = "step"           // every step's model is there
	RulePin          = "pin"            // every step pins a version that is served
	RuleMapping      = "mapping"        // every input is mapped once, nothing to unknown tensors
	RuleProducer     = "producer"       // every tensor is made exactly once, outputs included
	RuleDType        = "dtype"          // both ends of a mapping have one element type
	RuleDims         = "dims"           // both ends of a mapping have one shape
	RuleMaxBatchSize = "max-batch-size" // no step takes smaller batches than its ensemble
	RuleOutput       = "output"         // no step reads an output of the ensemble: Triton loads it, and requests then fail
	RuleManifest     = "manifest"       // recsys.json agrees with the configuration; Triton does not look at it
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
