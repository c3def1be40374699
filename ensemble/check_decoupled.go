package ensemble

import (
	"fmt"
	"slices"
)

// decoupled checks that tensors of a decoupled model, which answers a request any number of times, are joined with no others, the
// ensemble's inputs among them: which of its answers would belong to which of theirs? The order is one in which the steps can run.
func (c *checker) decoupled(r *Repository, order []int) {
	const remedy = "let the decoupled model put out all that is needed beside its tensors, or answer once"
	source := map[string]string{} // of a tensor: the decoupled step that it comes from, or "" for the ensemble's inputs
	for _, in := range c.model.Config.Inputs {
		source[in.Name] = ""
	}
	// joined returns the source of tensors. Those that nothing makes are reported elsewhere.
	joined := func(field string, names []string) string {
		var all []string
		for _, name := range names {
			if s, ok := source[name]; ok {
				all = append(all, s)
			}
		}
		slices.Sort(all)
		if all = slices.Compact(all); len(all) == 0 {
			return ""
		}
		last := all[len(all)-1]
		if len(all) > 1 {
			c.add(RuleDecoupled, field, remedy, "joins tensors of %s, which is decoupled, with others", last)
		}
		return last
	}
	for _, i := range order {
		s := c.model.Config.Steps[i]
		field := fmt.Sprintf("step[%d] %q", i, s.Model)
		names := make([]string, len(s.Inputs))
		for i, x := range s.Inputs {
			names[i] = x.Ensemble
		}
		from := joined(field+".input_map", names)
		if m := r.Models[s.Model]; m != nil && m.Config.Decoupled {
			from = field
		}
		for _, x := range s.Outputs {
			source[x.Ensemble] = from
		}
	}
	outputs := make([]string, len(c.model.Config.Outputs))
	for i, out := range c.model.Config.Outputs {
		outputs[i] = out.Name
	}
	joined("output", outputs)
}
