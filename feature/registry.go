package feature

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Kind is what a [Registry] knows about one kind of operator.
type Kind struct {
	// Name is the operator's name in pipelines and saved states.
	Name string
	// New returns a pointer to zero settings, for a decoder to fill.
	New func() Operator
	// Version is the version of saved state that Load reads, and that fitted operators write.
	Version int
	// Load reads what State returned. vocabularies finds a saved vocabulary by name.
	Load func(state json.RawMessage, vocabularies Vocabularies) (Fitted, error)
}

// Vocabularies finds a vocabulary by its name; the error lists those that exist.
type Vocabularies func(name string) (*Vocabulary, error)

// Registry says what names of operators mean. It is immutable and safe for concurrent use.
type Registry struct{ kinds map[string]Kind }

// NewRegistry makes a registry. Names have to be unique, and no field of a Kind may be empty.
func NewRegistry(kinds ...Kind) (*Registry, error) {
	r := &Registry{kinds: make(map[string]Kind, len(kinds))}
	for _, k := range kinds {
		if k.Name == "" || k.New == nil || k.Load == nil || k.Version < 1 {
			return nil, fmt.Errorf("operator kind %q: it needs a name, New, Load and a version of 1 or more", k.Name)
		}
		if _, ok := r.kinds[k.Name]; ok {
			return nil, fmt.Errorf("operator kind %q is registered twice", k.Name)
		}
		r.kinds[k.Name] = k
	}
	return r, nil
}

// With returns a registry with more kinds. It fails like [NewRegistry].
func (r *Registry) With(kinds ...Kind) (*Registry, error) {
	all := slices.Clone(kinds)
	for _, name := range r.Names() {
		all = append(all, r.kinds[name])
	}
	return NewRegistry(all...)
}

// Names returns the names in ascending order.
func (r *Registry) Names() []string {
	names := make([]string, 0, len(r.kinds))
	for name := range r.kinds {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Decode makes the operator of that name from settings: into fills the pointer it is given, as a YAML or JSON decoder
// does. Field names are those of the json tags. The settings are validated.
func (r *Registry) Decode(name string, into func(settings any) error) (Operator, error) {
	kind, ok := r.kinds[name]
	if !ok {
		return nil, r.unknown(name)
	}
	op := kind.New()
	if err := into(op); err != nil {
		return nil, fmt.Errorf("operator %s: %w", name, err)
	}
	if err := op.Validate(); err != nil {
		return nil, fmt.Errorf("operator %s: %w", name, err)
	}
	return op, nil
}

func (r *Registry) load(name string, version int, state json.RawMessage, vocabularies Vocabularies) (Fitted, error) {
	kind, ok := r.kinds[name]
	switch {
	case !ok:
		return nil, r.unknown(name)
	case version != kind.Version:
		return nil, fmt.Errorf("operator %s: state has version %d and this program reads version %d; fit again",
			name, version, kind.Version)
	case len(state) == 0:
		return nil, fmt.Errorf("operator %s: no state", name)
	}
	fitted, err := kind.Load(state, vocabularies)
	if err != nil {
		return nil, fmt.Errorf("operator %s: %w", name, err)
	}
	return fitted, nil
}

func (r *Registry) unknown(name string) error {
	return fmt.Errorf("operator %q is not known; known are %s", name, strings.Join(r.Names(), ", "))
}
