package generation

import (
	"slices"

	"recsys/ensemble"
)

// State says what a generation is for.
type State string

// The states.
const (
	StateServed   State = "served"   // by the ensemble of that name
	StateCanary   State = "canary"   // by another ensemble
	StatePrevious State = "previous" // what a rollback would serve
	StateBefore   State = "before"   // was served earlier
	StateExported State = "exported" // was never served, or not since it was rolled back
)

// Status is one generation of an ensemble.
type Status struct {
	Ensemble   string `json:"ensemble"`
	Generation int64  `json:"generation"`
	State      State  `json:"state"`
	// By is the ensemble that serves the generation; empty for none.
	By string `json:"by,omitempty"`
}

// List returns the generations of every ensemble in the repository at dir, by name and number. A generation that several ensembles
// serve is there once for each.
func List(dir string) ([]Status, error) {
	r, err := ensemble.Open(dir)
	if err != nil {
		return nil, err
	}
	var list []Status
	for _, name := range r.Names() {
		m := r.Models[name]
		if !serves(m.Config, name) {
			continue
		}
		before := slices.DeleteFunc(history(m.Config), func(g int64) bool { return !slices.Contains(m.Versions, g) })
		for _, g := range m.Versions {
			by := servers(r, name, g)
			for _, other := range by {
				state := StateCanary
				if other == name {
					state = StateServed
				}
				list = append(list, Status{name, g, state, other})
			}
			if len(by) > 0 {
				continue
			}
			state := StateExported
			switch i := slices.Index(before, g); {
			case i >= 0 && i == len(before)-1:
				state = StatePrevious
			case i >= 0:
				state = StateBefore
			}
			list = append(list, Status{Ensemble: name, Generation: g, State: state})
		}
	}
	return list, nil
}

// servers returns the ensembles that serve a generation of name, ascending.
func servers(r *ensemble.Repository, name string, generation int64) []string {
	var list []string
	for _, other := range r.Names() {
		c := r.Models[other].Config
		if !isNext(c) && serves(c, name) && served(c) == generation {
			list = append(list, other)
		}
	}
	return list
}
