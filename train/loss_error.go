package train

import (
	"fmt"
	"math"

	"recsys/tensor"
)

// LossError tells that training ran away. Checkpoints that were handed out before are good: their parameters are finite.
type LossError struct {
	// Step is the optimiser step whose loss it is, from 1, and Loss the mean over its rows.
	Step int
	Loss float64
	// Parameter is the path of a parameter that is not finite or, where all are, of the one that holds the greatest
	// magnitude, Value.
	Parameter string
	Value     float64
	// Input is the graph's input that holds values that are not finite; "" for none.
	Input string
}

func (e *LossError) Error() string {
	text := fmt.Sprintf("step %d: the loss is %g", e.Step, e.Loss)
	switch {
	case e.Input != "":
		return fmt.Sprintf("%s: the input %q holds values that are not finite; look for NaN and huge values in continuous columns "+
			"(fill_missing, normalize them)", text, e.Input)
	case finite(e.Value):
		text += fmt.Sprintf("; of the parameters %q reaches furthest, to %g", e.Parameter, e.Value)
	default:
		text += fmt.Sprintf("; the parameter %q holds %g", e.Parameter, e.Value)
	}
	return text + ": lower the learning rate, set clip_norm, or look for NaN and huge values in continuous columns (normalize them)"
}

// lossError says what it can about the loss of the current step, of which wave was computed last.
func (tr *trainer) lossError(loss float64, wave []*worker) error {
	e := &LossError{Step: tr.steps + 1, Loss: loss}
	e.Parameter, e.Value = greatest(tr.course.result.State)
	for _, w := range wave {
		if name, x := greatest(w.shard.inputs().in); !finite(x) {
			e.Input = name
			break
		}
	}
	return e
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// greatest returns the first element that is not finite of the float32 tensors of m, in the order of names, or else the
// greatest magnitude, and the name of its tensor.
func greatest(m tensor.Map) (name string, x float64) {
	for _, n := range m.Names() {
		elements, ok := m[n].Any().([]float32)
		if !ok {
			continue
		}
		for _, v := range elements {
			if v := float64(v); !finite(v) {
				return n, v
			} else if name == "" || math.Abs(v) > x {
				name, x = n, math.Abs(v)
			}
		}
	}
	return name, x
}
