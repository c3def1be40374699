package ensemble

import (
	"slices"

	"recsys/internal/pbtxt"
)

func (c *Config) fields() fields {
	return fields{
		"name":                   text(&c.Name),
		"platform":               text(&c.Platform),
		"backend":                text(&c.Backend),
		"default_model_filename": text(&c.DefaultModelFilename),
		"max_batch_size":         number(&c.MaxBatchSize),
		"version_policy":         one(block("ModelVersionPolicy", c.VersionPolicy.fields)),
		"input":                  list("ModelInput", &c.Inputs, (*TensorConfig).fields),
		"output":                 list("ModelOutput", &c.Outputs, (*TensorConfig).fields),
		"ensemble_scheduling": one(block("ModelEnsembling", func() fields {
			return fields{"step": list("Step", &c.Steps, (*Step).fields)}
		})),
		"dynamic_batching": one(block("ModelDynamicBatching", func() fields {
			c.DynamicBatching = &DynamicBatching{}
			return c.DynamicBatching.fields()
		})),
		"instance_group": list("ModelInstanceGroup", &c.InstanceGroups, (*InstanceGroup).fields),
		"optimization": one(block("ModelOptimizationPolicy", func() fields {
			c.Optimization = &Optimization{}
			return c.Optimization.fields()
		})),
		"parameters": stringMap("ModelParameter", &c.Parameters, func(to *string) reader {
			return one(block("ModelParameter", func() fields { return fields{"string_value": text(to)} }))
		}),
		"model_warmup": list("ModelWarmup", &c.Warmup, (*Warmup).fields),
		"response_cache": one(block("ModelResponseCache", func() fields {
			return fields{"enable": flag(&c.ResponseCache)}
		})),
		"metric_tags": stringMap("MetricTags", &c.MetricTags, text),
		"model_transaction_policy": one(block("ModelTransactionPolicy", func() fields {
			return fields{"decoupled": flag(&c.Decoupled)}
		})),
		"model_repository_agents": one(block("ModelRepositoryAgents", func() fields {
			return fields{"agents": list("Agent", &c.Agents, (*Agent).fields)}
		})),
	}
}

func (p *VersionPolicy) fields() fields {
	return fields{
		"latest": one(block("Latest", func() fields {
			p.Latest = 1
			return fields{"num_versions": number(&p.Latest)}
		})),
		"all": one(block("All", func() fields {
			p.All = true
			return fields{}
		})),
		"specific": one(block("Specific", func() fields { return fields{"versions": longs(&p.Specific)} })),
	}
}

func (t *TensorConfig) fields() fields {
	return fields{
		"name":      text(&t.Name),
		"data_type": dtype(&t.DType),
		"dims":      longs(&t.Dims),
		"reshape": one(block("ModelTensorReshape", func() fields {
			t.Reshape = &Reshape{}
			return fields{"shape": longs(&t.Reshape.Shape)}
		})),
	}
}

func (s *Step) fields() fields {
	return fields{
		"model_name":    text(&s.Model),
		"model_version": long(&s.Version),
		"input_map":     mappings(&s.Inputs),
		"output_map":    mappings(&s.Outputs),
	}
}

// mappings reads the entries of a map in their order. Of two with one key the last one counts.
func mappings(to *[]Mapping) reader {
	return many(func(f pbtxt.Field) error {
		var x Mapping
		if err := block("MapEntry", x.fields)(f); err != nil {
			return err
		}
		if i := slices.IndexFunc(*to, func(y Mapping) bool { return y.Model == x.Model }); i >= 0 {
			*to = slices.Delete(*to, i, i+1)
		}
		*to = append(*to, x)
		return nil
	})
}

func (x *Mapping) fields() fields {
	return fields{"key": text(&x.Model), "value": text(&x.Ensemble)}
}

func (d *DynamicBatching) fields() fields {
	return fields{
		"preferred_batch_size":         longs(&d.PreferredBatchSizes),
		"max_queue_delay_microseconds": long(&d.MaxQueueDelayMicroseconds),
		"preserve_ordering":            flag(&d.PreserveOrdering),
		"priority_levels":              long(&d.PriorityLevels),
		"default_priority_level":       long(&d.DefaultPriorityLevel),
		"default_queue_policy":         one(block("ModelQueuePolicy", d.QueuePolicy.fields)),
		"priority_queue_policy":        many(d.priorityPolicy),
	}
}

// priorityPolicy reads an entry of the map from levels to policies.
func (d *DynamicBatching) priorityPolicy(f pbtxt.Field) error {
	var level int64
	var p QueuePolicy
	entry := fields{"key": long(&level), "value": one(block("ModelQueuePolicy", p.fields))}
	if err := block("PriorityQueuePolicyEntry", func() fields { return entry })(f); err != nil {
		return err
	}
	if d.PriorityQueuePolicy == nil {
		d.PriorityQueuePolicy = map[int64]QueuePolicy{}
	}
	d.PriorityQueuePolicy[level] = p
	return nil
}

func (p *QueuePolicy) fields() fields {
	return fields{
		"timeout_action":               ident(&p.TimeoutAction),
		"default_timeout_microseconds": long(&p.DefaultTimeoutMicroseconds),
		"allow_timeout_override":       flag(&p.AllowTimeoutOverride),
		"max_queue_size":               long(&p.MaxQueueSize),
	}
}

func (a *Agent) fields() fields { return namedFields(&a.Name, &a.Parameters) }

func (g *InstanceGroup) fields() fields {
	return fields{
		"name":  text(&g.Name),
		"kind":  ident(&g.Kind),
		"count": number(&g.Count),
		"gpus":  longs(&g.GPUs),
	}
}

func (o *Optimization) fields() fields {
	return fields{
		"graph": one(block("Graph", func() fields {
			o.GraphLevel = new(int)
			return fields{"level": number(o.GraphLevel)}
		})),
		"execution_accelerators": one(block("ExecutionAccelerators", func() fields {
			return fields{
				"gpu_execution_accelerator": list("Accelerator", &o.GPUAccelerators, (*Accelerator).fields),
				"cpu_execution_accelerator": list("Accelerator", &o.CPUAccelerators, (*Accelerator).fields),
			}
		})),
	}
}

func (a *Accelerator) fields() fields { return namedFields(&a.Name, &a.Parameters) }

func namedFields(name *string, parameters *map[string]string) fields {
	return fields{"name": text(name), "parameters": stringMap("ParametersEntry", parameters, text)}
}

func (w *Warmup) fields() fields {
	return fields{
		"name":       text(&w.Name),
		"batch_size": number(&w.BatchSize),
		"count":      number(&w.Count),
		"inputs":     list("InputsEntry", &w.Inputs, (*WarmupInput).fields),
	}
}

func (i *WarmupInput) fields() fields {
	input := fields{
		"data_type":       dtype(&i.DType),
		"dims":            longs(&i.Dims),
		"zero_data":       flag(&i.Zero),
		"random_data":     flag(&i.Random),
		"input_data_file": text(&i.File),
	}
	value := func(f pbtxt.Field) error {
		return block("Input", func() fields { return input })(f)
	}
	return fields{"key": text(&i.Name), "value": one(value)}
}
