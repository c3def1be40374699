package ensemble

import (
	"maps"
	"slices"

	"recsys/internal/pbtxt"
	"recsys/tensor"
)

// Marshal writes the configuration as config.pbtxt text: the same Config is the same bytes everywhere.
func (c *Config) Marshal() []byte { return c.tree().Marshal() }

func (c *Config) tree() *pbtxt.Message {
	m := &pbtxt.Message{}
	m.AppendString("name", c.Name)
	putString(m, "platform", c.Platform)
	putString(m, "backend", c.Backend)
	putString(m, "default_model_filename", c.DefaultModelFilename)
	m.AppendInt("max_batch_size", int64(c.MaxBatchSize))
	c.VersionPolicy.put(m)
	for _, t := range c.Inputs {
		t.put(m.AppendBlock("input"))
	}
	for _, t := range c.Outputs {
		t.put(m.AppendBlock("output"))
	}
	if len(c.Steps) > 0 {
		scheduling := m.AppendBlock("ensemble_scheduling")
		for _, s := range c.Steps {
			s.put(scheduling.AppendBlock("step"))
		}
	}
	if c.DynamicBatching != nil {
		c.DynamicBatching.put(m.AppendBlock("dynamic_batching"))
	}
	for _, g := range c.InstanceGroups {
		g.put(m.AppendBlock("instance_group"))
	}
	if c.Optimization != nil {
		c.Optimization.put(m.AppendBlock("optimization"))
	}
	for _, key := range slices.Sorted(maps.Keys(c.Parameters)) {
		p := m.AppendBlock("parameters")
		p.AppendString("key", key)
		p.AppendBlock("value").AppendString("string_value", c.Parameters[key])
	}
	for _, w := range c.Warmup {
		w.put(m.AppendBlock("model_warmup"))
	}
	if c.ResponseCache {
		m.AppendBlock("response_cache").AppendBool("enable", true)
	}
	putMap(m, "metric_tags", c.MetricTags)
	if c.Decoupled {
		m.AppendBlock("model_transaction_policy").AppendBool("decoupled", true)
	}
	if len(c.Agents) > 0 {
		agents := m.AppendBlock("model_repository_agents")
		for _, a := range c.Agents {
			putNamed(agents.AppendBlock("agents"), a.Name, a.Parameters)
		}
	}
	return m
}

func putString(m *pbtxt.Message, name, s string) {
	if s != "" {
		m.AppendString(name, s)
	}
}

func putInt(m *pbtxt.Message, name string, i int64) {
	if i != 0 {
		m.AppendInt(name, i)
	}
}

func putBool(m *pbtxt.Message, name string, b bool) {
	if b {
		m.AppendBool(name, b)
	}
}

func putDType(m *pbtxt.Message, d tensor.DType) {
	if d != tensor.Invalid {
		m.AppendIdent("data_type", d.Config())
	}
}

func putMap(m *pbtxt.Message, name string, values map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(values)) {
		entry := m.AppendBlock(name)
		entry.AppendString("key", key)
		entry.AppendString("value", values[key])
	}
}

func (p VersionPolicy) put(m *pbtxt.Message) {
	switch {
	case len(p.Specific) > 0:
		m.AppendBlock("version_policy").AppendBlock("specific").AppendInts("versions", p.Specific)
	case p.All:
		m.AppendBlock("version_policy").AppendBlock("all")
	case p.Latest > 0:
		m.AppendBlock("version_policy").AppendBlock("latest").AppendInt("num_versions", int64(p.Latest))
	}
}

func (t TensorConfig) put(m *pbtxt.Message) {
	m.AppendString("name", t.Name)
	putDType(m, t.DType)
	m.AppendInts("dims", t.Dims)
	if t.Reshape != nil {
		m.AppendBlock("reshape").AppendInts("shape", t.Reshape.Shape)
	}
}

func (s Step) put(m *pbtxt.Message) {
	m.AppendString("model_name", s.Model)
	m.AppendInt("model_version", s.Version)
	for _, x := range s.Inputs {
		x.put(m.AppendBlock("input_map"))
	}
	for _, x := range s.Outputs {
		x.put(m.AppendBlock("output_map"))
	}
}

func (x Mapping) put(m *pbtxt.Message) {
	m.AppendString("key", x.Model)
	m.AppendString("value", x.Ensemble)
}

func (d *DynamicBatching) put(m *pbtxt.Message) {
	if len(d.PreferredBatchSizes) > 0 {
		m.AppendInts("preferred_batch_size", d.PreferredBatchSizes)
	}
	putInt(m, "max_queue_delay_microseconds", d.MaxQueueDelayMicroseconds)
	putBool(m, "preserve_ordering", d.PreserveOrdering)
	putInt(m, "priority_levels", d.PriorityLevels)
	putInt(m, "default_priority_level", d.DefaultPriorityLevel)
	if d.QueuePolicy != (QueuePolicy{}) {
		d.QueuePolicy.put(m.AppendBlock("default_queue_policy"))
	}
	for _, level := range slices.Sorted(maps.Keys(d.PriorityQueuePolicy)) {
		entry := m.AppendBlock("priority_queue_policy")
		entry.AppendInt("key", level)
		d.PriorityQueuePolicy[level].put(entry.AppendBlock("value"))
	}
}

func (p QueuePolicy) put(m *pbtxt.Message) {
	if p.TimeoutAction != "" {
		m.AppendIdent("timeout_action", p.TimeoutAction)
	}
	putInt(m, "default_timeout_microseconds", p.DefaultTimeoutMicroseconds)
	putBool(m, "allow_timeout_override", p.AllowTimeoutOverride)
	putInt(m, "max_queue_size", p.MaxQueueSize)
}

func (g InstanceGroup) put(m *pbtxt.Message) {
	putString(m, "name", g.Name)
	putInt(m, "count", int64(g.Count))
	if g.Kind != "" {
		m.AppendIdent("kind", g.Kind)
	}
	if len(g.GPUs) > 0 {
		m.AppendInts("gpus", g.GPUs)
	}
}

func (o *Optimization) put(m *pbtxt.Message) {
	if o.GraphLevel != nil {
		m.AppendBlock("graph").AppendInt("level", int64(*o.GraphLevel))
	}
	if len(o.GPUAccelerators)+len(o.CPUAccelerators) == 0 {
		return
	}
	all := m.AppendBlock("execution_accelerators")
	for _, a := range o.GPUAccelerators {
		putNamed(all.AppendBlock("gpu_execution_accelerator"), a.Name, a.Parameters)
	}
	for _, a := range o.CPUAccelerators {
		putNamed(all.AppendBlock("cpu_execution_accelerator"), a.Name, a.Parameters)
	}
}

func putNamed(m *pbtxt.Message, name string, parameters map[string]string) {
	m.AppendString("name", name)
	putMap(m, "parameters", parameters)
}

func (w Warmup) put(m *pbtxt.Message) {
	m.AppendString("name", w.Name)
	m.AppendInt("batch_size", int64(w.BatchSize))
	putInt(m, "count", int64(w.Count))
	for _, in := range w.Inputs {
		entry := m.AppendBlock("inputs")
		entry.AppendString("key", in.Name)
		value := entry.AppendBlock("value")
		putDType(value, in.DType)
		value.AppendInts("dims", in.Dims)
		putBool(value, "zero_data", in.Zero)
		putBool(value, "random_data", in.Random)
		putString(value, "input_data_file", in.File)
	}
}
