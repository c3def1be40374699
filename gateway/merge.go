package gateway

import (
	"fmt"
	"maps"

	"recsys/ensemble"
	"recsys/featurestore"
	"recsys/schema"
	"recsys/tensor"
)

// merger turns what is known at request time into the ensemble's inputs. It is immutable.
type merger struct {
	manifest *ensemble.Manifest
	codec    *featurestore.Codec
	defaults tensor.Map // Every input in its wire shape; shared by all requests, which only read it.
	row      map[string]bool
}

func newMerger(m *ensemble.Manifest) (*merger, error) {
	codec, err := featurestore.NewCodec(m.UserRow)
	if err != nil {
		return nil, err
	}
	if len(m.UserRow) > 0 && codec.Hash() != m.RowHash {
		return nil, fmt.Errorf("the manifest of %s has row hash %s, its user row's columns have %s: export again",
			m.Name, m.RowHash, codec.Hash())
	}
	g := &merger{manifest: m, codec: codec, defaults: tensor.Map{}, row: map[string]bool{}}
	for _, c := range m.RequestColumns() {
		if g.defaults[c.Name], err = columnTensor(c, m.Defaults[c.Name]); err != nil {
			return nil, fmt.Errorf("default of column %q: %w", c.Name, err)
		}
		_, g.row[c.Name] = m.UserRow.Column(c.Name)
	}
	return g, nil
}

// contextColumn returns the input column that a request may give under a name: every one but the user's key and
// the history, which have fields of their own.
func (g *merger) contextColumn(name string) (schema.Column, bool) {
	if name == g.manifest.UserKey.Name || g.manifest.History != nil && name == g.manifest.History.Input {
		return schema.Column{}, false
	}
	return g.manifest.RequestColumns().Column(name)
}

// facts is everything known about one request.
type facts struct {
	userID  string
	row     []byte
	history []string // Oldest first.
	context tensor.Map
	now     int64 // Unix seconds.
}

// inputs merges, later over earlier: defaults, the user's row, key, history, request time, context. A row that cannot be
// read gives the defaults and rowErr; any other fault gives err. The result has the manifest's attributes too, which the ensemble does not take.
func (g *merger) inputs(f facts) (in tensor.Map, rowErr, err error) {
	in = make(tensor.Map, len(g.defaults)+1)
	maps.Copy(in, g.defaults)
	if len(f.row) > 0 && len(g.manifest.UserRow) > 0 {
		values, err := g.codec.Decode(f.row)
		rowErr = err
		for name, t := range values {
			if !g.row[name] {
				continue
			}
			if in[name], err = toWire(t); err != nil {
				return nil, nil, err
			}
		}
	}
	if c, ok := g.manifest.Inputs.Column(g.manifest.UserKey.Name); ok {
		if in[c.Name], err = wireNull(c); err != nil {
			return nil, nil, err
		}
		if err := setID(in[c.Name], 0, f.userID); err != nil {
			return nil, nil, err
		}
	}
	if h := g.manifest.History; h != nil {
		if in[h.Input], err = g.history(f.history); err != nil {
			return nil, nil, err
		}
	}
	if g.manifest.Time != "" {
		in[g.manifest.Time] = tensor.Of([]int64{f.now}, 1, 1)
	}
	maps.Copy(in, f.context)
	return in, rowErr, nil
}

// history returns [1,L]: the newest L items, oldest first, then padding.
func (g *merger) history(items []string) (*tensor.Tensor, error) {
	h := g.manifest.History
	c, _ := g.manifest.Inputs.Column(h.Input)
	t, err := wireNull(c)
	if err != nil {
		return nil, err
	}
	items = items[max(0, len(items)-h.Length):]
	n := 0
	for _, item := range items {
		// A store may hold keys that cannot be keys of this export; they say nothing to it.
		if setID(t, n, item) == nil {
			n++
		}
	}
	return t, nil
}
