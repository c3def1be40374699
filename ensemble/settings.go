package ensemble

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"recsys/internal/nearest"
)

// Settings are the fields of a model's configuration that do not follow from its graph, under Triton's names. A [Profile] gives a
// model those to begin with, [Options.Configure] changes them.
type Settings struct {
	// MaxBatchSize bounds the users that the model takes at once, those of several requests that batching joins. 0 is the
	// ensemble's, and it cannot be less.
	MaxBatchSize int `json:"max_batch_size"`
	// DynamicBatching joins requests; nil does not.
	DynamicBatching *DynamicBatching `json:"dynamic_batching"`
	// InstanceGroup says how many copies run at once, on each GPU for KIND_GPU, and where.
	InstanceGroup InstanceGroup `json:"instance_group"`
	// GraphLevel is what ONNX Runtime optimises: 0 all, 1 less, -1 less again, 2 nothing.
	GraphLevel int `json:"graph_level"`
	// GPUAccelerators are execution providers on GPUs, "tensorrt" and "cuda", in order of preference. TensorRT gets the
	// parameters that it should always have and that are not given: caches, and profiles of the shapes for one user and full
	// batches.
	GPUAccelerators []Accelerator `json:"gpu_execution_accelerator"`
	// CPUAccelerators are those on CPUs: "openvino", without parameters.
	CPUAccelerators []Accelerator `json:"cpu_execution_accelerator"`
	// Parameters are the backend's.
	Parameters map[string]string `json:"parameters"`
	// Warmup answers requests of zeros for one user and for a full batch before the model is ready.
	Warmup bool `json:"model_warmup"`
	// ResponseCache keeps answers, on a server that has a cache.
	ResponseCache bool `json:"response_cache"`
	// MetricTags become labels of the model's metrics.
	MetricTags map[string]string `json:"metric_tags"`
	// Checksums lets the agent "checksum", which the server has to have, compare the files with MD5 sums before it loads them.
	Checksums bool `json:"checksums"`
}

const (
	kindAuto = "KIND_AUTO"
	kindCPU  = "KIND_CPU"
	kindGPU  = "KIND_GPU"

	acceleratorTensorRT = "tensorrt"
	acceleratorCUDA     = "cuda"
	acceleratorOpenVINO = "openvino"
)

// parameters are those that the ONNX Runtime backend and Triton's core read from a model's parameters; others are passed over, so that a
// misspelled one would have no effect.
func parameters() []string {
	return append([]string{
		"intra_op_thread_count", "inter_op_thread_count", "execution_mode", "enable_mem_arena", "enable_mem_pattern",
		"memory.enable_memory_arena_shrinkage", "session.use_device_allocator_for_initializers", "TRITON_BATCH_STRATEGY_PATH",
	}, cudaParameters()...)
}

// cudaParameters are options of the CUDA provider that the backend sets from a model's parameters last, whatever the accelerator's say.
func cudaParameters() []string {
	return []string{"cudnn_conv_algo_search", "gpu_mem_limit", "arena_extend_strategy", "do_copy_in_default_stream"}
}

// tensorRTParameters are what the backend takes; it does not load a model with any other.
func tensorRTParameters() []string {
	return []string{
		"precision_mode", "max_workspace_size_bytes", "int8_calibration_table_name", "int8_use_native_calibration_table",
		"trt_max_partition_iterations", "trt_min_subgraph_size", "trt_engine_cache_enable", "trt_engine_cache_path",
		"trt_engine_cache_prefix", "trt_timing_cache_enable", "trt_timing_cache_path", "trt_force_timing_cache",
		"trt_context_memory_sharing_enable", "trt_layer_norm_fp32_fallback", "trt_builder_optimization_level",
		"trt_build_heuristics_enable", "trt_auxiliary_streams", "trt_tactic_sources", "trt_extra_plugin_lib_paths",
		"trt_profile_min_shapes", "trt_profile_max_shapes", "trt_profile_opt_shapes", "trt_cuda_graph_enable",
		"trt_dump_ep_context_model", "trt_ep_context_file_path", "trt_ep_context_embed_mode", "trt_dla_enable", "trt_dla_core",
		"trt_sparsity_enable", "trt_detailed_build_log", "trt_dump_subgraphs", "trt_force_sequential_engine_build",
	}
}

// validate reports every field that Triton would refuse, or pass over although it was meant.
func (s Settings) validate(ensembleBatch int) error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if s.MaxBatchSize != 0 && s.MaxBatchSize < ensembleBatch {
		fail("max_batch_size: %d is below the ensemble's %d", s.MaxBatchSize, ensembleBatch)
	}
	g := s.InstanceGroup
	if !slices.Contains([]string{kindAuto, kindCPU, kindGPU}, g.Kind) {
		fail("instance_group.kind: got %q, want %s, %s or %s", g.Kind, kindAuto, kindCPU, kindGPU)
	}
	if g.Count < 1 {
		fail("instance_group.count: %d has to be 1 or more", g.Count)
	}
	if g.Kind == kindCPU && len(g.GPUs) > 0 {
		fail("instance_group.gpus: %s has none; take %s", kindCPU, kindGPU)
	}
	if s.GraphLevel < -1 || s.GraphLevel > 2 {
		fail("graph_level: got %d, want 0 (all), 1, -1 or 2 (nothing)", s.GraphLevel)
	}
	if s.ResponseCache && s.DynamicBatching != nil && s.DynamicBatching.PreserveOrdering {
		fail("response_cache: answers from the cache overtake others; leave preserve_ordering out")
	}
	errs = append(errs, s.DynamicBatching.validate(max(s.MaxBatchSize, ensembleBatch)), s.validateAccelerators())
	for _, name := range slices.Sorted(maps.Keys(s.Parameters)) {
		if !slices.Contains(parameters(), name) {
			fail("parameters: ONNX Runtime's backend has no %q%s", name, nearest.Hint(name, parameters()))
		}
	}
	return errors.Join(errs...)
}

func (s Settings) validateAccelerators() error {
	var errs []error
	for _, a := range s.GPUAccelerators {
		names := slices.Sorted(maps.Keys(a.Parameters))
		switch a.Name {
		case acceleratorTensorRT:
			for _, name := range names {
				if !slices.Contains(tensorRTParameters(), name) {
					errs = append(errs, fmt.Errorf("gpu_execution_accelerator: tensorrt has no parameter %q%s", name,
						nearest.Hint(name, tensorRTParameters())))
				}
			}
		case acceleratorCUDA:
			for _, name := range names {
				if slices.Contains(cudaParameters(), name) {
					errs = append(errs, fmt.Errorf("gpu_execution_accelerator: cuda: %q has no effect here; write it under parameters", name))
				}
			}
		default:
			errs = append(errs, fmt.Errorf("gpu_execution_accelerator: got %q, want %s or %s", a.Name, acceleratorTensorRT, acceleratorCUDA))
		}
	}
	for _, a := range s.CPUAccelerators {
		if a.Name != acceleratorOpenVINO || len(a.Parameters) > 0 {
			errs = append(errs, fmt.Errorf("cpu_execution_accelerator: got %q with %d parameters, want %s without any",
				a.Name, len(a.Parameters), acceleratorOpenVINO))
		}
	}
	return errors.Join(errs...)
}

func (d *DynamicBatching) validate(maxBatch int) error {
	if d == nil {
		return nil
	}
	var errs []error
	fail := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("dynamic_batching."+format, args...))
	}
	for _, n := range d.PreferredBatchSizes {
		if n < 1 || n > int64(maxBatch) {
			fail("preferred_batch_size: %d is not from 1 to max_batch_size, which is %d", n, maxBatch)
		}
	}
	if d.MaxQueueDelayMicroseconds < 0 {
		fail("max_queue_delay_microseconds: %d is below 0", d.MaxQueueDelayMicroseconds)
	}
	if d.PriorityLevels < 0 || d.PriorityLevels > 0 && (d.DefaultPriorityLevel < 1 || d.DefaultPriorityLevel > d.PriorityLevels) {
		fail("default_priority_level: got %d, want one from 1 to priority_levels, which is %d", d.DefaultPriorityLevel, d.PriorityLevels)
	}
	policies := map[string]QueuePolicy{"default_queue_policy": d.QueuePolicy}
	for level, p := range d.PriorityQueuePolicy {
		policies[fmt.Sprintf("priority_queue_policy.%d", level)] = p
		if level < 1 || level > d.PriorityLevels {
			fail("priority_queue_policy: level %d is not from 1 to priority_levels, which is %d", level, d.PriorityLevels)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(policies)) {
		p := policies[name]
		if !slices.Contains([]string{"", "REJECT", "DELAY"}, p.TimeoutAction) {
			fail("%s.timeout_action: got %q, want REJECT or DELAY", name, p.TimeoutAction)
		}
		if p.DefaultTimeoutMicroseconds < 0 || p.MaxQueueSize < 0 {
			fail("%s: a timeout of %d µs and %d requests have to be 0 or more", name, p.DefaultTimeoutMicroseconds, p.MaxQueueSize)
		}
		if p.AllowTimeoutOverride && p.DefaultTimeoutMicroseconds == 0 {
			fail("%s.allow_timeout_override: requests can only shorten default_timeout_microseconds: give one", name)
		}
	}
	return errors.Join(errs...)
}

// ensembleOnly says whether the settings are among those that an ensemble itself can have.
func (s Settings) ensembleOnly() error {
	if s.MaxBatchSize != 0 || s.DynamicBatching != nil || s.GraphLevel != 0 || s.GPUAccelerators != nil || s.CPUAccelerators != nil ||
		s.Parameters != nil || s.Warmup || s.Checksums || s.InstanceGroup.Kind != "" || s.InstanceGroup.Count != 0 {
		return errors.New("an ensemble has response_cache and metric_tags alone; give the rest to its stages")
	}
	return nil
}

// model is a stage with its settings.
type model struct {
	stage    Stage
	settings Settings
}

// models fuses the ensemble and gives each of its models settings.
func (e Ensemble) models(o Options) ([]model, error) {
	if o.Profile == ProfileTensorRT {
		if err := e.Validate(); err != nil {
			return nil, err
		}
		var err error
		if e, err = e.cutDense(o.Fuse); err != nil {
			return nil, err
		}
	}
	fused, err := e.Fuse(o.Fuse)
	if err != nil {
		return nil, err
	}
	models := make([]model, len(fused))
	for i, s := range fused {
		if s.Folder != nil {
			models[i] = model{stage: s} // its settings are in its own configuration
			continue
		}
		if _, _, err := interfaceOf(s.Graph); err != nil {
			return nil, fmt.Errorf("stage %q: %w", s.Name, err)
		}
		m := model{stage: s}
		if m.settings, err = o.Profile.settings(s, e.Name); err == nil && o.Configure != nil {
			err = o.Configure(append(slices.Clone(s.within), s.Name), &m.settings)
		}
		if err != nil {
			return nil, fmt.Errorf("stage %q: %w", s.Name, err)
		}
		models[i] = m
	}
	return models, nil
}

// batch is the model's max_batch_size in an ensemble of the given one.
func (m model) batch(ensemble int) int { return max(m.settings.MaxBatchSize, ensemble) }

// config is the configuration for all versions.
func (m model) config(name string, ensembleBatch int) (*Config, error) {
	inputs, outputs, err := interfaceOf(m.stage.Graph)
	if err != nil {
		return nil, err
	}
	s := m.settings
	if err := s.validate(ensembleBatch); err != nil {
		return nil, err
	}
	level, batch := s.GraphLevel, m.batch(ensembleBatch)
	c := &Config{
		Name: name, Backend: BackendONNX, MaxBatchSize: batch, Inputs: inputs, Outputs: outputs,
		DynamicBatching: s.DynamicBatching,
		InstanceGroups:  []InstanceGroup{s.InstanceGroup},
		Optimization:    &Optimization{GraphLevel: &level, CPUAccelerators: s.CPUAccelerators},
		Parameters:      s.Parameters,
		ResponseCache:   s.ResponseCache,
		MetricTags:      s.MetricTags,
	}
	for _, a := range s.GPUAccelerators {
		if a.Name == acceleratorTensorRT {
			a.Parameters = tensorRTDefaults(a.Parameters, inputs, batch)
		}
		c.Optimization.GPUAccelerators = append(c.Optimization.GPUAccelerators, a)
	}
	if s.Warmup {
		c.Warmup = warmups(inputs, batch)
	}
	return c, nil
}

// TensorRTCache is the folder of TensorRT's engines and timings unless a parameter names another: a volume should keep it.
const TensorRTCache = "/models-cache"

// tensorRTDefaults adds what is not given. Without profiles TensorRT builds an engine anew for each shape beyond those that it has
// seen, and without a cache at each start.
func tensorRTDefaults(given map[string]string, inputs []TensorConfig, batch int) map[string]string {
	shapes := func(b int) string {
		list := make([]string, len(inputs))
		for i, in := range inputs {
			list[i] = fmt.Sprintf("%s:%d", in.Name, b)
			for _, d := range in.ModelDims() {
				list[i] += fmt.Sprintf("x%d", d)
			}
		}
		return strings.Join(list, ",")
	}
	out := map[string]string{
		"precision_mode":          "FP32",
		"trt_engine_cache_enable": "1", "trt_engine_cache_path": TensorRTCache,
		"trt_timing_cache_enable": "1", "trt_timing_cache_path": TensorRTCache,
		"trt_profile_min_shapes": shapes(1), "trt_profile_opt_shapes": shapes(max(1, batch/4)), "trt_profile_max_shapes": shapes(batch),
	}
	maps.Copy(out, given)
	return out
}

// warmups are requests of zeros for one user and for a full batch: ids 0 are padding, which every table has. Random ids
// would be beyond a table and end the server.
func warmups(inputs []TensorConfig, maxBatch int) []Warmup {
	zeros := make([]WarmupInput, len(inputs))
	for i, in := range inputs {
		zeros[i] = WarmupInput{Name: in.Name, DType: in.DType, Dims: in.Dims, Zero: true}
	}
	list := []Warmup{{Name: "zero_1", BatchSize: 1, Count: 1, Inputs: zeros}}
	if maxBatch > 1 {
		list = append(list, Warmup{Name: fmt.Sprintf("zero_%d", maxBatch), BatchSize: maxBatch, Count: 1, Inputs: zeros})
	}
	return list
}

// StageConfig describes a stage as a model of its own, with the default batch size and profile: what conformance tests go by.
func StageConfig(s Stage) (*Config, error) {
	settings, err := ProfileAuto.settings(s, "")
	if err != nil {
		return nil, err
	}
	return model{s, settings}.config(s.Name, DefaultMaxBatch)
}
