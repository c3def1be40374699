package ensemble

import (
	"fmt"
	"maps"
	"slices"

	"recsys/internal/pbtxt"
	"recsys/tensor"
)

// wire is an ensemble's tensor as one of its ends has it.
type wire struct {
	dtype   tensor.DType
	dims    []int64 // without the batch axis
	batched bool    // there is one
	maker   string
}

// shape are the dims with the batch axis.
func (w wire) shape() []int64 {
	if w.batched {
		return append([]int64{-1}, w.dims...)
	}
	return w.dims
}

func newWire(t TensorConfig, maxBatch int, maker string) wire {
	return wire{t.DType, t.Dims, maxBatch > 0, maker}
}

// own is an input or output of the ensemble, which Triton takes in the shape that a model behind it would get.
func (c *checker) own(t TensorConfig, maker string) wire {
	t.Dims = t.ModelDims()
	return newWire(t, c.model.Config.MaxBatchSize, maker)
}

// ensemble applies the rules of Triton's ensemble_utils.cc.
func (c *checker) ensemble(r *Repository) {
	cfg := c.model.Config
	if len(cfg.Steps) == 0 {
		c.add(RuleEnsemble, "ensemble_scheduling", "add a step for each stage", "the ensemble has no steps")
	}
	if cfg.Backend != "" || cfg.DynamicBatching != nil || cfg.InstanceGroups != nil || cfg.Warmup != nil || cfg.Optimization != nil {
		c.add(RuleEnsemble, "platform", "move them to the stages",
			"an ensemble has no backend, batching, instances, optimization or warm-up of its own")
	}
	wires := map[string]wire{}
	for _, in := range cfg.Inputs {
		wires[in.Name] = c.own(in, "the ensemble's inputs")
	}
	for i, s := range cfg.Steps {
		field := fmt.Sprintf("step[%d] %q", i, s.Model)
		if m := c.step(r, field, s); m != nil {
			c.produce(wires, field, s, m)
		}
	}
	used := map[string]bool{}
	for i, s := range cfg.Steps {
		if m := r.Models[s.Model]; m != nil && m != c.model {
			c.consume(wires, used, fmt.Sprintf("step[%d] %q", i, s.Model), s, m)
		}
	}
	for _, out := range cfg.Outputs {
		w, ok := wires[out.Name]
		if !ok {
			c.add(RuleProducer, fmt.Sprintf("output %q", out.Name), "map a step's output to it or remove it", "no step makes it")
			continue
		}
		if used[out.Name] {
			c.add(RuleOutput, fmt.Sprintf("output %q", out.Name), "let the step put out a copy under another name for the ensemble",
				"a step reads it too: requests that name their outputs fail with \"unexpected deadlock\"")
		}
		c.compare(fmt.Sprintf("output %q", out.Name), c.own(out, "the ensemble's outputs"), w)
	}
	for _, in := range cfg.Inputs {
		if !used[in.Name] {
			c.add(RuleMapping, fmt.Sprintf("input %q", in.Name), "map it to a step's input or remove it", "no step uses it")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(wires)) {
		named := func(t TensorConfig) bool { return t.Name == name }
		if !used[name] && !slices.ContainsFunc(cfg.Inputs, named) && !slices.ContainsFunc(cfg.Outputs, named) {
			c.add(RuleMapping, fmt.Sprintf("tensor %q", name), "remove its output_map or make it an output of the ensemble",
				"%s makes it, but no step reads it and it is no output", wires[name].maker)
		}
	}
	c.decoupled(r, c.order(wires))
}

// step checks that the step's model can be used and returns it, or nil.
func (c *checker) step(r *Repository, field string, s Step) *Model {
	m := r.Models[s.Model]
	switch m {
	case nil:
		c.add(RuleStep, field, "export the ensemble again or remove the step", "the repository has no readable model %q", s.Model)
		return nil
	case c.model:
		c.add(RuleStep, field, "name the ensemble's stages", "is the ensemble itself")
		return nil
	}
	if m.Config.IsEnsemble() {
		c.add(RuleNested, field, "name its stages instead", "is an ensemble itself, which the embedded engine and publishing do not have as a step")
	}
	switch {
	case s.Version == -1:
		c.add(RuleUnpinned, field, "pin the generation's version", "model_version is -1: generations could mix in one answer")
	case !slices.Contains(m.Served(), s.Version):
		c.add(RulePin, field, "add the version folder and the number to version_policy of "+m.Name,
			"version %d of %q is not served: its policy serves %s", s.Version, m.Name, formatVersions(m.Served()))
	}
	if b := m.Config.MaxBatchSize; b != 0 && b < c.model.Config.MaxBatchSize {
		c.add(RuleMaxBatchSize, field, "raise the stage's or lower the ensemble's",
			"max_batch_size %d is below the ensemble's %d", b, c.model.Config.MaxBatchSize)
	}
	return m
}

// produce notes the tensors that a step makes.
func (c *checker) produce(wires map[string]wire, field string, s Step, m *Model) {
	for _, x := range s.Outputs {
		i := slices.IndexFunc(m.Config.Outputs, func(t TensorConfig) bool { return t.Name == x.Model })
		if i < 0 {
			if m.incomplete() {
				wires[x.Ensemble] = wire{maker: field} // what the backend makes is not known here
				continue
			}
			c.add(RuleMapping, field+".output_map", "map one of the model's outputs", "model %q has no output %q", s.Model, x.Model)
			continue
		}
		if w, ok := wires[x.Ensemble]; ok {
			c.add(RuleProducer, field+".output_map", "give the tensors different names", "tensor %q is made by %s already", x.Ensemble, w.maker)
			continue
		}
		wires[x.Ensemble] = newWire(m.Config.Outputs[i], m.Config.MaxBatchSize, field)
	}
}

// consume checks what a step reads.
func (c *checker) consume(wires map[string]wire, used map[string]bool, field string, s Step, m *Model) {
	field += ".input_map"
	mapped := map[string]bool{}
	for _, x := range s.Inputs {
		mapped[x.Model] = true
		used[x.Ensemble] = true
		i := slices.IndexFunc(m.Config.Inputs, func(t TensorConfig) bool { return t.Name == x.Model })
		if i < 0 && m.incomplete() {
			continue
		}
		if i < 0 {
			c.add(RuleMapping, field, "map the model's inputs only", "model %q has no input %q", s.Model, x.Model)
			continue
		}
		w, ok := wires[x.Ensemble]
		if !ok {
			c.add(RuleProducer, field, "map a step's output to it or make it an input of the ensemble", "tensor %q is made by no step", x.Ensemble)
			continue
		}
		c.compare(fmt.Sprintf("%s %q", field, x.Model), newWire(m.Config.Inputs[i], m.Config.MaxBatchSize, s.Model), w)
	}
	optional := m.optional()
	for _, in := range m.Config.Inputs {
		if !mapped[in.Name] && !optional[in.Name] {
			c.add(RuleMapping, field, "map every input of the model", "input %q of model %q is not mapped", in.Name, s.Model)
		}
	}
}

// optional returns the inputs that need not be given.
func (m *Model) optional() map[string]bool {
	names := map[string]bool{}
	for i, f := range m.text().At("input") {
		if f.Kind == pbtxt.Block && i < len(m.Config.Inputs) && set(f.Block, "optional") {
			names[m.Config.Inputs[i].Name] = true
		}
	}
	return names
}

func (c *checker) compare(field string, reader, maker wire) {
	if maker.dtype == tensor.Invalid {
		return
	}
	if reader.dtype != maker.dtype {
		c.add(RuleDType, field, "export both stages again from one run", "is %s, but %s makes %s",
			reader.dtype.Config(), maker.maker, maker.dtype.Config())
	}
	switch {
	case compatible(reader.shape(), maker.shape()):
	case compatible(reader.dims, maker.dims):
		c.add(RuleBatchAxis, field, "give both a max_batch_size, or dims with an axis of -1 in front to the one that has none",
			"has shape %v, but %s makes %v: requests of one user pass, those of more fail", reader.shape(), maker.maker, maker.shape())
	default:
		c.add(RuleDims, field, "export both stages again from one run", "has shape %v, but %s makes %v", reader.shape(), maker.maker, maker.shape())
	}
}

// order returns the steps in an order in which each stands behind those that make its inputs. It reports steps that cannot run because they
// wait for each other.
func (c *checker) order(wires map[string]wire) []int {
	ready := map[string]bool{}
	for _, in := range c.model.Config.Inputs {
		ready[in.Name] = true
	}
	var order, waiting []int
	for i := range c.model.Config.Steps {
		waiting = append(waiting, i)
	}
	for {
		before := len(waiting)
		waiting = slices.DeleteFunc(waiting, func(i int) bool {
			s := c.model.Config.Steps[i]
			for _, x := range s.Inputs {
				if _, made := wires[x.Ensemble]; made && !ready[x.Ensemble] {
					return false // a tensor that nothing makes is reported elsewhere
				}
			}
			for _, x := range s.Outputs {
				ready[x.Ensemble] = true
			}
			order = append(order, i)
			return true
		})
		if len(waiting) == before {
			break
		}
	}
	names := map[string]bool{}
	for _, i := range waiting {
		names[c.model.Config.Steps[i].Model] = true
	}
	if len(names) > 0 {
		c.add(RuleProducer, "ensemble_scheduling", "remove one of the mappings", "steps %q wait for each other",
			slices.Sorted(maps.Keys(names)))
	}
	return order
}
