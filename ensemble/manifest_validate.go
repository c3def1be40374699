package ensemble

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"regexp"
	"slices"
	"strings"

	"recsys/schema"
	"recsys/tensor"
)

var rowHash = regexp.MustCompile(`^[0-9a-f]{8}$`)

// Validate checks the manifest by itself and reports every fault; whether the ensemble's config agrees with
// it is not looked at.
func (m *Manifest) Validate() error {
	errs := []error{m.validateNames()}
	for _, key := range []struct {
		what   string
		column schema.Column
	}{{"user_key", m.UserKey}, {"item_key", m.ItemKey}} {
		if err := validateKey(key.column); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key.what, err))
		}
	}
	if err := m.RequestColumns().Validate(); err != nil {
		errs = append(errs, fmt.Errorf("inputs and attributes: %w", err))
	}
	errs = append(errs, m.validateRow(), validateDefaults(m.Inputs, m.Defaults), m.validateSpecial(), m.validateBlocked(),
		m.validateOutputs(), m.validateLimits(), m.validateOrdering(), m.validateSources(), m.validateRanking(), m.Precision.validate())
	return errors.Join(errs...)
}

func (m *Manifest) validateNames() error {
	var errs []error
	if m.Format != ManifestFormat {
		errs = append(errs, fmt.Errorf("%w %d, want %d", ErrManifestFormat, m.Format, ManifestFormat))
	}
	if m.Name == "" || strings.ContainsAny(m.Name, "/\\ \t\n") {
		errs = append(errs, fmt.Errorf("name %q: empty or with a slash or space", m.Name))
	}
	if m.Generation < 1 {
		errs = append(errs, fmt.Errorf("generation %d: generations count from 1", m.Generation))
	}
	if !slices.Contains([]string{"none", "groups", "all"}, m.Fuse) {
		errs = append(errs, fmt.Errorf("fuse %q: want none, groups or all", m.Fuse))
	}
	return errors.Join(errs...)
}

func validateKey(c schema.Column) error {
	if err := c.Validate(); err != nil {
		return err
	}
	if c.Length != 0 || c.DType.DType != tensor.Int64 && c.DType.DType != tensor.String {
		return fmt.Errorf("column %q is %s with length %d: a key is a scalar int64 or string", c.Name, c.DType, c.Length)
	}
	return nil
}

func (m *Manifest) validateRow() error {
	var errs []error
	if err := m.UserRow.Validate(); err != nil {
		errs = append(errs, fmt.Errorf("user_row: %w", err))
	}
	if m.RowHash != "" && !rowHash.MatchString(m.RowHash) || m.RowHash == "" && len(m.UserRow) > 0 {
		errs = append(errs, fmt.Errorf("row_hash %q: want the row codec's hash as 8 hexadecimal digits", m.RowHash))
	}
	for _, c := range m.UserRow {
		in, ok := m.Inputs.Column(c.Name)
		if ok && (in.DType != c.DType || in.Length != c.Length) {
			errs = append(errs, fmt.Errorf("column %q is %s with length %d in user_row, but %s with length %d in inputs",
				c.Name, c.DType, c.Length, in.DType, in.Length))
		}
	}
	return errors.Join(errs...)
}

func validateDefaults(columns schema.Schema, defaults map[string]any) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(defaults)) {
		c, ok := columns.Column(name)
		if !ok {
			errs = append(errs, fmt.Errorf("defaults: %q is no input", name))
			continue
		}
		if err := validateDefault(c, defaults[name]); err != nil {
			errs = append(errs, fmt.Errorf("defaults: column %q: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

func validateDefault(c schema.Column, value any) error {
	values, list := value.([]any)
	if list != (c.Length > 0) {
		return fmt.Errorf("%v does not fit a column of length %d", value, c.Length)
	}
	if !list {
		return validateScalar(c.DType.DType, value)
	}
	if len(values) > c.Length {
		return fmt.Errorf("%d values for a list of length %d", len(values), c.Length)
	}
	for _, v := range values {
		if err := validateScalar(c.DType.DType, v); err != nil {
			return err
		}
	}
	return nil
}

func validateScalar(d tensor.DType, value any) error {
	var ok bool
	switch v := value.(type) {
	case bool:
		ok = d == tensor.Bool
	case string:
		ok = d == tensor.String
	case int64:
		ok = d.IsInteger() || d.IsFloat()
	case float64:
		ok = d.IsFloat() && !math.IsNaN(v) && !math.IsInf(v, 0)
	default:
		return fmt.Errorf("default of type %T: want int64, float64, string or bool", value)
	}
	if !ok {
		return fmt.Errorf("default %v (%T) does not fit %s", value, value, d)
	}
	return nil
}

// readDefaults turns the json.Number values of the decoder into int64 or float64, as the column asks.
func readDefaults(columns schema.Schema, defaults map[string]any) error {
	for name, value := range defaults {
		c, _ := columns.Column(name) // Validate refuses unknown names.
		fixed, err := readNumbers(c.DType.DType, value)
		if err != nil {
			return fmt.Errorf("defaults: column %q: %w", name, err)
		}
		defaults[name] = fixed
	}
	return nil
}

func readNumbers(d tensor.DType, value any) (any, error) {
	switch v := value.(type) {
	case json.Number:
		if d.IsFloat() {
			return v.Float64()
		}
		return v.Int64()
	case []any:
		for i := range v {
			fixed, err := readNumbers(d, v[i])
			if err != nil {
				return nil, err
			}
			v[i] = fixed
		}
		return v, nil
	}
	return value, nil
}

func (m *Manifest) validateSpecial() error {
	var errs []error
	if h := m.History; h != nil {
		c, ok := m.Inputs.Column(h.Input)
		switch {
		case !ok:
			errs = append(errs, fmt.Errorf("history: %q is no input", h.Input))
		case h.Length < 1 || c.Length != h.Length:
			errs = append(errs, fmt.Errorf("history: length %d, but input %q has length %d", h.Length, h.Input, c.Length))
		case c.DType != m.ItemKey.DType:
			errs = append(errs, fmt.Errorf("history: input %q is %s, the item key %s", h.Input, c.DType, m.ItemKey.DType))
		}
	}
	if m.Time != "" {
		c, ok := m.Inputs.Column(m.Time)
		if !ok || c.DType.DType != tensor.Int64 || c.Length != 0 {
			errs = append(errs, fmt.Errorf("time: %q is not a scalar int64 input", m.Time))
		}
	}
	return errors.Join(errs...)
}

func (m *Manifest) validateBlocked() error {
	b := m.Blocked
	if b.Input == "" {
		if b.Bytes != 0 {
			return fmt.Errorf("blocked: %d bytes without an input", b.Bytes)
		}
		return nil
	}
	if _, ok := m.Inputs.Column(b.Input); ok {
		return fmt.Errorf("blocked: %q is also a raw column input", b.Input)
	}
	if want := (m.Items.First + m.Items.Count + 7) / 8; b.Bytes != want {
		return fmt.Errorf("blocked: %d bytes, but %d item indices need %d", b.Bytes, m.Items.First+m.Items.Count, want)
	}
	return nil
}

func (m *Manifest) validateOutputs() error {
	names := append([]string{m.Outputs.ItemIDs, m.Outputs.Scores}, m.Outputs.Explain...)
	slices.Sort(names)
	if names[0] == "" {
		return errors.New("outputs: an output without a name")
	}
	if len(slices.Compact(names)) != 2+len(m.Outputs.Explain) {
		return errors.New("outputs: a name appears twice")
	}
	return nil
}

func (m *Manifest) validateOrdering() error {
	if m.Ordering == nil {
		return nil
	}
	if err := m.Ordering.Validate(); err != nil {
		return fmt.Errorf("ordering: %w", err)
	}
	return nil
}

func (m *Manifest) validateLimits() error {
	l := m.Limits
	if l.MaxBatch < 1 || l.Candidates < 1 || l.MaxResults < 1 || l.MaxResults > l.Candidates {
		return fmt.Errorf("limits: max_batch %d, candidates %d, max_results %d: want all at least 1, results within candidates",
			l.MaxBatch, l.Candidates, l.MaxResults)
	}
	const most = 1 << 40 // Keeps sums of item indices far from overflow.
	if i := m.Items; i.First < 0 || i.Count < 1 || i.First > most || i.Count > most {
		return fmt.Errorf("items: first %d, count %d: want first from 0 and at least one item", i.First, i.Count)
	}
	return nil
}

func (m *Manifest) validateSources() error {
	if len(m.Sources) == 0 {
		return nil
	}
	sum := 0
	for i, s := range m.Sources {
		if s.Name == "" || s.Quota < 1 {
			return fmt.Errorf("sources: number %d, %q, has a quota of %d; want a name and 1 or more", i, s.Name, s.Quota)
		}
		sum += s.Quota
	}
	if sum != m.Limits.Candidates {
		return fmt.Errorf("sources: quotas of %d in all, but there are %d candidates", sum, m.Limits.Candidates)
	}
	return nil
}

func (p *ManifestPrecision) validate() error {
	if p == nil {
		return nil
	}
	share := func(x float64) bool { return x >= 0 && x <= 1 }
	if p.ItemMatrix == "" && p.Ranker == "" || p.Users < 1 || !share(p.Overlap) || !share(p.NDCG) || !share(p.NDCGNarrow) {
		return fmt.Errorf("precision: item matrix %q, ranker %q, %d users, overlap %v, ndcg %v and %v: want one of the first two, users, and shares",
			p.ItemMatrix, p.Ranker, p.Users, p.Overlap, p.NDCG, p.NDCGNarrow)
	}
	return nil
}
