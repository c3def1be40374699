package ensemble

import (
	"path/filepath"
	"slices"
)

func (c *checker) warmup(field string, w Warmup) {
	cfg := c.model.Config
	if w.BatchSize > max(1, cfg.MaxBatchSize) {
		c.add(RuleWarmup, field, "choose one from 1 to max_batch_size", "has batch size %d", w.BatchSize)
	}
	given := map[string]int{}
	for _, in := range w.Inputs {
		given[in.Name]++
		i := slices.IndexFunc(cfg.Inputs, func(t TensorConfig) bool { return t.Name == in.Name })
		switch {
		case i < 0:
			c.add(RuleWarmup, field, "remove it", "gives %q, which is no input", in.Name)
		case cfg.Inputs[i].DType != in.DType || !compatible(cfg.Inputs[i].Dims, in.Dims):
			c.add(RuleWarmup, field, "give it the input's type and dims", "input %q is %s%v, the warm-up gives %s%v",
				in.Name, cfg.Inputs[i].DType.Config(), cfg.Inputs[i].Dims, in.DType.Config(), in.Dims)
		case free(in.Dims) > 0:
			c.add(RuleWarmup, field, "give sizes", "input %q has dims %v", in.Name, in.Dims)
		case !in.Zero && !in.Random && in.File == "":
			c.add(RuleWarmup, field, "write zero_data: true", "does not say what input %q is", in.Name)
		case in.Random && in.DType.IsInteger():
			c.add(RuleRandomWarmup, field, "use zero_data: true", "gives random integers to %q; an id beyond a table ends the server", in.Name)
		}
		if in.File != "" {
			c.fileIn(RuleWarmup, field, filepath.Join(c.model.Dir, "warmup"), in.File)
		}
	}
	for _, in := range cfg.Inputs {
		if given[in.Name] != 1 {
			c.add(RuleWarmup, field, "give each input once", "gives input %q %d times", in.Name, given[in.Name])
		}
	}
}
