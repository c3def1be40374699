package op

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"math"
	"runtime"
	"slices"

	"recsys/feature"
	"recsys/internal/parallel"
	"recsys/tensor"
)

// learned is a pointer to what is learned of one column.
type learned[S any] interface {
	*S
	// add learns from a part of the column.
	add(t *tensor.Tensor) error
	merge(other *S)
}

// perColumn is a feature.Partial that learns from each column by itself, on all processors. Exported fields are its binary
// form.
type perColumn[S any, P learned[S]] struct {
	Names  []string
	Rows   []int // seen of each column
	States []S
}

func newPerColumn[S any, P learned[S]](names []string) *perColumn[S, P] {
	return &perColumn[S, P]{Names: names, Rows: make([]int, len(names)), States: make([]S, len(names))}
}

func (p *perColumn[S, P]) Columns() []string { return p.Names }

// fewRows take less time than a goroutine needs to start.
const fewRows = 1 << 11

func (p *perColumn[S, P]) Add(batch tensor.Map) error {
	workers, rows := runtime.GOMAXPROCS(0), 0
	for _, t := range batch {
		rows = max(rows, t.Dim(0))
	}
	if rows < fewRows {
		workers = 1
	}
	return parallel.Do(workers, len(p.Names), func(i int) error {
		t := batch[p.Names[i]]
		if t == nil {
			return nil
		}
		p.Rows[i] += t.Dim(0)
		if err := P(&p.States[i]).add(t); err != nil {
			return fmt.Errorf("column %q: %w", p.Names[i], err)
		}
		return nil
	})
}

func (p *perColumn[S, P]) Merge(other feature.Partial) error {
	o, ok := other.(*perColumn[S, P])
	if !ok || !slices.Equal(o.Names, p.Names) {
		return fmt.Errorf("merge what was learned of %v into that of %v: they are of different operators", other.Columns(), p.Names)
	}
	for i := range p.States {
		P(&p.States[i]).merge(&o.States[i])
		p.Rows[i] += o.Rows[i]
	}
	return nil
}

// of is what an operator learned that learns S of each column, every one of which had rows.
func of[S any, P learned[S]](p feature.Partial) (*perColumn[S, P], error) {
	states, ok := p.(*perColumn[S, P])
	if !ok {
		return nil, fmt.Errorf("what was learned is %T, that of another operator", p)
	}
	return states, states.checkRows()
}

// checkRows verifies that every column had rows.
func (p *perColumn[S, P]) checkRows() error {
	if i := slices.Index(p.Rows, 0); i >= 0 {
		return fmt.Errorf("column %q: %w", p.Names[i], errNoRows)
	}
	return nil
}

func (p *perColumn[S, P]) MarshalBinary() ([]byte, error) {
	type wire perColumn[S, P] // has no MarshalBinary, which gob would call
	return toGob((*wire)(p))
}

func (p *perColumn[S, P]) UnmarshalBinary(text []byte) error {
	type wire perColumn[S, P]
	var w wire
	if err := fromGob(text, &w); err != nil {
		return err
	}
	if len(w.Rows) != len(w.Names) || len(w.States) != len(w.Names) {
		return fmt.Errorf("%d columns, %d of them with rows and %d with states", len(w.Names), len(w.Rows), len(w.States))
	}
	*p = perColumn[S, P](w)
	return nil
}

func toGob(v any) ([]byte, error) {
	var out bytes.Buffer
	err := gob.NewEncoder(&out).Encode(v)
	return out.Bytes(), err
}

func fromGob(text []byte, v any) error { return gob.NewDecoder(bytes.NewReader(text)).Decode(v) }

// eachNumber calls f with every number of t that is not null and its place, in order. Infinite numbers are refused.
func eachNumber(t *tensor.Tensor, f func(i int, x float64)) error {
	switch values := t.Any().(type) {
	case []int64:
		for i, v := range values {
			if v != tensor.NullInt64 {
				f(i, float64(v))
			}
		}
	case []float32:
		for i, v := range values {
			switch {
			case v != v:
			case math.IsInf(float64(v), 0):
				return fmt.Errorf("value %v at element %d of a batch; replace infinite numbers in the data", v, i)
			default:
				f(i, float64(v))
			}
		}
	}
	return nil
}
