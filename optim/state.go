package optim

import (
	"fmt"
	"slices"

	"recsys/tensor"
)

// stepName is the name of the step counter in a state.
const stepName = "step"

// State returns what a checkpoint has to hold beside the parameters: "step" int64 of rank 0, and for each parameter
// "PATH/SLOT" of the parameter's shape, or of its first axis alone where a rule keeps one number for a row, such as "user/sum". The tensors are shared with the optimiser.
func (o *Optimizer) State() tensor.Map {
	state := tensor.Map{stepName: tensor.Scalar(o.step)}
	for path, p := range o.params {
		for i, s := range o.config.Rule.slots() {
			state[path+"/"+s.name] = tensor.Of(p.slots[i], s.shape(p.tensor)...)
		}
	}
	return state
}

// LoadState copies a state that State returned for the same parameters and rule. It fails, changing nothing, when
// tensors are missing, superfluous or of another type or shape.
func (o *Optimizer) LoadState(state tensor.Map) error {
	want := o.State()
	for _, name := range want.Names() {
		t, w := state[name], want[name]
		if t == nil {
			return fmt.Errorf("load optimiser: no tensor %q; the state is of another rule or model", name)
		}
		if t.DType() != w.DType() || !slices.Equal(t.Shape(), w.Shape()) {
			return fmt.Errorf("load optimiser: tensor %q is %s, want %s", name, t, w)
		}
	}
	for _, name := range state.Names() {
		if want[name] == nil {
			return fmt.Errorf("load optimiser: unknown tensor %q; the state is of another rule or model", name)
		}
	}
	for name, w := range want {
		if err := tensor.Copy(w, state[name]); err != nil {
			return fmt.Errorf("load optimiser: tensor %q: %w", name, err)
		}
	}
	o.step = tensor.MustData[int64](state[stepName])[0]
	return nil
}
