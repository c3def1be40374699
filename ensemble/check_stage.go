package ensemble

import (
	"fmt"
	"slices"
	"strconv"

	"recsys/internal/pbtxt"
)

// The names of other backends that rules know.
const (
	backendTensorRT  = "tensorrt"
	platformTensorRT = "tensorrt_plan"
)

// backendOf returns the backend of a platform, as the older configurations have it.
func backendOf(platform string) string {
	switch platform {
	case PlatformONNX:
		return BackendONNX
	case platformTensorRT:
		return backendTensorRT
	case "pytorch_libtorch":
		return "pytorch"
	case "tensorflow_graphdef", "tensorflow_savedmodel":
		return "tensorflow"
	}
	return ""
}

// stage checks a model that is no ensemble.
func (c *checker) stage() {
	cfg := c.model.Config
	if b := backendOf(cfg.Platform); b != "" && cfg.Backend != "" && b != cfg.Backend {
		c.add(RuleBackend, "platform", "remove the platform", "is %q of backend %q, and the backend is %q", cfg.Platform, b, cfg.Backend)
	}
	if len(cfg.Steps) > 0 {
		c.add(RuleEnsemble, "ensemble_scheduling", "add platform: \"ensemble\" or remove the steps", "the model is no ensemble")
	}
	if c.steps > 0 && len(cfg.VersionPolicy.Specific) == 0 {
		c.add(RulePolicy, "version_policy", "name the pinned versions: version_policy { specific { versions: [ … ] } }",
			"does not name versions, so a new folder takes the place of one that an ensemble pins")
	}
	for i, w := range cfg.Warmup {
		c.warmup(fmt.Sprintf("model_warmup[%d] %q", i, w.Name), w)
	}
	c.batching()
	c.sequence()
	c.batchIO()
	c.instances()
	if cfg.IsONNX() {
		c.onnx()
	}
	if c.steps > 1 {
		c.partOfEnsemble()
	}
}

// batching checks what Triton does of dynamic batching when it loads a model.
func (c *checker) batching() {
	cfg, d := c.model.Config, c.model.Config.DynamicBatching
	sizes := c.at("sequence_batching.oldest.preferred_batch_size")
	sizes = append(sizes, c.at("dynamic_batching.preferred_batch_size")...)
	for _, f := range sizes {
		if n, err := f.AsInt(); err == nil && (n < 1 || n > int64(cfg.MaxBatchSize)) {
			c.add(RuleBatching, "preferred_batch_size", "choose one from 1 to max_batch_size", "is %d, max_batch_size is %d", n, cfg.MaxBatchSize)
		}
	}
	if d == nil {
		return
	}
	levels := d.PriorityLevels
	if levels > 0 && (d.DefaultPriorityLevel < 1 || d.DefaultPriorityLevel > levels) {
		c.add(RuleBatching, "dynamic_batching.default_priority_level", "choose one from 1 to priority_levels",
			"is %d, priority_levels is %d", d.DefaultPriorityLevel, levels)
	}
	if levels == 0 && d.DefaultPriorityLevel > 0 {
		c.add(RuleIgnored, "dynamic_batching.default_priority_level", "give priority_levels", "means nothing without priority_levels")
	}
	for _, f := range c.at("dynamic_batching.priority_queue_policy.key") {
		switch key, err := f.AsInt(); {
		case err != nil:
		case levels == 0:
			c.add(RuleIgnored, "dynamic_batching.priority_queue_policy", "give priority_levels", "means nothing without priority_levels")
		case key < 1 || key > levels:
			c.add(RuleBatching, "dynamic_batching.priority_queue_policy", "choose levels from 1 to priority_levels",
				"has level %d, priority_levels is %d", key, levels)
		}
	}
	if d.PreserveOrdering {
		c.inOrder(levels)
	}
}

// inOrder checks what preserve_ordering forbids.
func (c *checker) inOrder(levels int64) {
	if levels > 1 {
		c.add(RuleBatching, "dynamic_batching.preserve_ordering", "remove one of the two", "keeps an order that %d priorities change", levels)
	}
	for _, path := range []string{"dynamic_batching.default_queue_policy", "dynamic_batching.priority_queue_policy.value"} {
		for _, f := range c.at(path) {
			if f.Kind != pbtxt.Block || len(f.Block.At("default_timeout_microseconds")) == 0 {
				continue
			}
			for _, action := range f.Block.At("timeout_action") {
				if action.Text == "DELAY" {
					c.add(RuleBatching, path, "choose REJECT or let the order go", "delays requests, the order of which preserve_ordering keeps")
				}
			}
		}
	}
}

// sequence checks the controls of sequences.
func (c *checker) sequence() {
	for i, f := range c.at("sequence_batching.control_input") {
		if f.Kind != pbtxt.Block {
			continue
		}
		for _, control := range f.Block.At("control") {
			kind := "CONTROL_SEQUENCE_START"
			for _, k := range control.Block.At("kind") {
				kind = k.Text
			}
			values := 0
			for _, name := range []string{"int32_false_true", "fp32_false_true", "bool_false_true"} {
				values += len(control.Block.At(name))
			}
			if kind != "CONTROL_SEQUENCE_CORRID" && values != 2 {
				c.add(RuleSequence, fmt.Sprintf("sequence_batching.control_input[%d]", i),
					"write for example fp32_false_true: [ 0, 1 ]", "%s has %d values, want one for false and one for true", kind, values)
			}
		}
	}
}

// instances checks where instances run.
func (c *checker) instances() {
	cfg := c.model.Config
	for i, g := range cfg.InstanceGroups {
		field := fmt.Sprintf("instance_group[%d]", i)
		if len(g.GPUs) > 0 && (g.Kind == "KIND_CPU" || g.Kind == "KIND_MODEL") {
			c.add(RuleInstances, field, "remove gpus, or choose KIND_GPU", "names GPUs and is of %s", g.Kind)
		}
		if g.Count < 1 && g.Kind != "KIND_GPU" && g.Kind != "KIND_MODEL" && cfg.IsONNX() {
			c.add(RuleInstanceCount, field, "write count: 1", "has no count: on CPUs that is 2, with the memory of 2")
		}
	}
	groups := c.at("instance_group")
	for _, f := range groups {
		if f.Kind == pbtxt.Block && len(f.Block.At("profile")) > 0 && cfg.Backend != backendTensorRT && cfg.Platform != platformTensorRT {
			c.add(RuleInstances, "instance_group.profile", "remove it", "is for TensorRT's models only")
		}
	}
	if len(groups) == 0 && cfg.IsONNX() && !c.model.guessed {
		c.add(RuleInstanceCount, "instance_group", "write instance_group { count: 1 kind: KIND_AUTO }", "is not given: on CPUs that is 2 instances, with the memory of 2")
	}
	if c.has("instance_group.rate_limiter") {
		c.add(RuleRateLimiter, "instance_group.rate_limiter", "start the servers with --rate-limit=execution_count, or remove it",
			"means nothing to servers that are not told to limit")
	}
}

// gpu reports instances that need a GPU.
func (c *checker) gpu() {
	for i, g := range c.model.Config.InstanceGroups {
		field := fmt.Sprintf("instance_group[%d]", i)
		switch {
		case g.Kind == "KIND_GPU":
			c.add(RuleGPU, field, "choose KIND_CPU, or KIND_AUTO for servers of both kinds", "is of KIND_GPU, and the servers have no GPU")
		case (g.Kind == "" || g.Kind == "KIND_AUTO") && len(g.GPUs) > 0:
			c.add(RuleGPU, field, "remove gpus", "names GPUs, and the servers have none")
		}
	}
}

// partOfEnsemble reports what harms a model that is one of several steps.
func (c *checker) partOfEnsemble() {
	cfg := c.model.Config
	if d := cfg.DynamicBatching; d != nil && d.MaxQueueDelayMicroseconds > 0 {
		c.add(RuleQueueDelay, "dynamic_batching.max_queue_delay_microseconds", "leave it out: batches form by themselves where the time goes",
			"is %d, which every request waits at this step", d.MaxQueueDelayMicroseconds)
	}
	for _, path := range []string{"dynamic_batching.default_queue_policy", "dynamic_batching.priority_queue_policy.value"} {
		for _, f := range c.at(path + ".max_queue_size") {
			if n, err := f.AsInt(); err == nil && n > 0 {
				c.add(RuleQueueSize, path+".max_queue_size", "bound the queue at the first step only, or serve with 26.03 or later",
					"is %d: before 26.03 an ensemble whose step refuses a request can hang", n)
			}
		}
	}
	if cfg.MaxBatchSize > 0 && cfg.DynamicBatching != nil {
		for i, t := range cfg.Inputs {
			if slices.Contains(t.Dims, -1) {
				c.add(RuleFreeLength, fmt.Sprintf("input[%d] %q", i, t.Name), "pad to a fixed length",
					"has dims %v: requests of different lengths share no batch", t.Dims)
			}
		}
	}
	if !cfg.IsONNX() || slices.ContainsFunc(cfg.InstanceGroups, func(g InstanceGroup) bool { return g.Kind == "KIND_GPU" }) {
		return
	}
	switch threads, err := strconv.Atoi(cfg.Parameters["intra_op_thread_count"]); {
	case cfg.Parameters["intra_op_thread_count"] == "" || err == nil && threads < 1:
		c.add(RuleThreads, "parameters", `write parameters { key: "intra_op_thread_count" value { string_value: "1" } }`,
			"have no intra_op_thread_count: every instance of every step takes a pool of all cores")
	case err == nil && threads > 1:
		c.add(RuleThreads, "parameters", "give 1", "intra_op_thread_count is %d: the pools of the steps fight for the cores", threads)
	}
}
