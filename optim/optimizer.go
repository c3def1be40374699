package optim

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"recsys/graph/kernel"
	"recsys/tensor"
)

// Config are the settings of an optimiser.
type Config struct {
	Rule Rule
	Rate Schedule
	// ClipNorm scales the gradients of a step down to this Euclidean norm over all parameters when theirs is greater
	// (Pascanu, Mikolov and Bengio 2013, algorithm 1); 0 means never.
	ClipNorm float64
	// ClipValue brings every element of a gradient into [-ClipValue,ClipValue], before the norm is taken; 0 means never.
	ClipValue float64
	// L2 adds L2·w to the gradient (torch.optim's weight_decay). Decay multiplies w by 1-rate·Decay before the update
	// (Loshchilov and Hutter 2019, algorithm 2). Both reach only the touched rows of row-sparse gradients.
	L2, Decay float64
	// Groups override settings for parameters by path; the first match counts.
	Groups []Group
	// Workers is the number of goroutines of a step; 0 means 1. It does not change results.
	Workers int
}

// Group are settings for the parameters whose path begins with Prefix.
type Group struct {
	Prefix string
	// Scale multiplies the learning rate; 0 means 1.
	Scale float64
	// L2 and Decay replace those of the Config.
	L2, Decay float64
}

// Validate reports settings out of range.
func (c Config) Validate() error {
	if c.Rule == nil || c.Rate == nil {
		return errors.New("optimiser: Rule and Rate have to be set")
	}
	faults := []error{
		c.Rule.Validate(), c.Rate.Validate(), inRange("optimiser: ClipNorm", c.ClipNorm, 1e30),
		inRange("optimiser: ClipValue", c.ClipValue, 1e30),
		inRange("optimiser: L2", c.L2, 1e30), inRange("optimiser: Decay", c.Decay, 1e30),
	}
	for _, g := range c.Groups {
		name := fmt.Sprintf("optimiser: group %q: ", g.Prefix)
		faults = append(faults, inRange(name+"Scale", g.Scale, 1e30), inRange(name+"L2", g.L2, 1e30),
			inRange(name+"Decay", g.Decay, 1e30))
	}
	return errors.Join(faults...)
}

// Gradients are what one training step found out. A parameter has a dense gradient, a sparse one or none, and then
// does not change.
type Gradients struct {
	// Dense holds gradients of the parameters' shapes by path.
	Dense tensor.Map
	// Sparse holds the gradients of touched rows of parameters [V,D] by path.
	Sparse map[string]Rows
}

// Rows are the gradients of some rows of a table [V,D]: row IDs[i] has the gradient Rows[i·D:(i+1)·D]. A step takes
// ascending ids without repetition.
type Rows struct {
	IDs  []int64
	Rows []float32
}

// Optimizer changes parameters in place. It is not safe for concurrent use.
type Optimizer struct {
	config  Config
	kernels *kernel.Set
	paths   []string
	params  map[string]*param
	step    int64
	tasks   []task
	cores   []worker
}

type param struct {
	path   string
	tensor *tensor.Tensor
	w      []float32
	slots  [maxSlots][]float32
	group  Group
	width  int // elements of a row
	c      coefficients
	shrink float32 // 1 - rate·decay
	l2     float32
}

// New makes an optimiser for float32 parameters, whose tensors it keeps.
func New(params tensor.Map, config Config) (*Optimizer, error) {
	if err := config.Validate(); err != nil {
		return nil, err
	}
	config.Workers = max(config.Workers, 1)
	o := &Optimizer{config: config, kernels: kernel.Best(), paths: params.Names(), params: map[string]*param{}, cores: make([]worker, config.Workers)}
	for _, path := range o.paths {
		t := params[path]
		if t == nil || t.DType() != tensor.Float32 {
			return nil, fmt.Errorf("optimiser: parameter %q has to be float32, got %v", path, t)
		}
		p := &param{path: path, tensor: t, w: tensor.MustData[float32](t), group: config.group(path), width: 1}
		for i, d := range t.Shape() {
			if i > 0 {
				p.width *= d
			}
		}
		for i, s := range config.Rule.slots() {
			p.slots[i] = make([]float32, elements(s.shape(t)))
			for k := range p.slots[i] {
				p.slots[i][k] = s.initial
			}
		}
		o.params[path] = p
	}
	return o, nil
}

// group returns the settings for a path.
func (c Config) group(path string) Group {
	i := slices.IndexFunc(c.Groups, func(g Group) bool { return strings.HasPrefix(path, g.Prefix) })
	if i < 0 {
		return Group{Scale: 1, L2: c.L2, Decay: c.Decay}
	}
	g := c.Groups[i]
	if g.Scale == 0 {
		g.Scale = 1
	}
	return g
}

// Steps returns the number of steps made.
func (o *Optimizer) Steps() int64 { return o.step }

// Rate returns the learning rate of the next step.
func (o *Optimizer) Rate() float64 { return o.config.Rate.Rate(o.step + 1) }

// Step changes the parameters that have gradients, which it reads but does not keep. It fails, having changed
// nothing, for a path or shape that is not the optimiser's, for ids that are out of range or not ascending, and, with
// ClipNorm, for gradients whose norm is not finite.
func (o *Optimizer) Step(g Gradients) error {
	if err := o.check(g); err != nil {
		return fmt.Errorf("optimiser step %d: %w", o.step+1, err)
	}
	scale, err := o.clip(g)
	if err != nil {
		return fmt.Errorf("optimiser step %d: %w", o.step+1, err)
	}
	o.step++
	rate := o.config.Rate.Rate(o.step)
	o.tasks = o.tasks[:0]
	for _, path := range o.paths {
		p := o.params[path]
		dense, isDense := g.Dense[path]
		rows, isSparse := g.Sparse[path]
		if !isDense && !isSparse {
			continue
		}
		own := rate * p.group.Scale
		p.c = o.config.Rule.begin(o.step, own)
		p.shrink, p.l2 = float32(1-float64(own*p.group.Decay)), float32(p.group.L2)
		if isDense {
			o.addDense(p, tensor.MustData[float32](dense))
		} else {
			o.addSparse(p, rows)
		}
	}
	o.run(scale)
	return nil
}

func (o *Optimizer) check(g Gradients) error {
	for _, path := range g.Dense.Names() {
		p, t := o.params[path], g.Dense[path]
		if p == nil {
			return fmt.Errorf("gradient of %q: no such parameter", path)
		}
		if t == nil || t.DType() != tensor.Float32 || !slices.Equal(t.Shape(), p.tensor.Shape()) {
			return fmt.Errorf("gradient of %q has to be %s, got %v", path, p.tensor, t)
		}
		if _, both := g.Sparse[path]; both {
			return fmt.Errorf("gradient of %q is both dense and sparse", path)
		}
	}
	for path, rows := range g.Sparse {
		p := o.params[path]
		if p == nil {
			return fmt.Errorf("gradient of %q: no such parameter", path)
		}
		if err := rows.check(p); err != nil {
			return fmt.Errorf("gradient of %q: %w", path, err)
		}
	}
	return nil
}

func (r Rows) check(p *param) error {
	if p.tensor.Rank() != 2 {
		return fmt.Errorf("rows are for parameters of rank 2, this is %s", p.tensor)
	}
	if len(r.Rows) != len(r.IDs)*p.width {
		return fmt.Errorf("%d ids with rows of %d need %d elements, got %d", len(r.IDs), p.width, len(r.IDs)*p.width, len(r.Rows))
	}
	last := int64(-1)
	for _, id := range r.IDs {
		if id <= last || id >= int64(p.tensor.Dim(0)) {
			return fmt.Errorf("row %d behind row %d of %d: ids have to ascend in [0,%d)", id, last, len(r.IDs), p.tensor.Dim(0))
		}
		last = id
	}
	return nil
}
