package feature

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"recsys/internal/atomicfile"
	"recsys/schema"
	"recsys/tensor"
)

// stateFormat is the version of the whole file; operators have versions of their own.
const stateFormat = 1

type stateFile struct {
	Format       int               `json:"format"`
	Raw          schema.Schema     `json:"raw"`
	Vocabularies []vocabularyState `json:"vocabularies"`
	Operators    []operatorState   `json:"operators"`
}

type vocabularyState struct {
	Name    string       `json:"name"`
	DType   schema.DType `json:"dtype"`
	Buckets int          `json:"oov_buckets"`
	Ints    []int64      `json:"ints,omitempty"`
	Strings []string     `json:"strings,omitempty"`
}

type operatorState struct {
	Name    string          `json:"operator"`
	Version int             `json:"version"`
	State   json.RawMessage `json:"state"`
}

// Write writes the whole workflow, whatever part w is, as readable JSON. The same learned state gives the same bytes.
func (w *FittedWorkflow) Write(to io.Writer) error { return writeState(to, w.allRaw, w.operators) }

func writeState(to io.Writer, raw schema.Schema, operators []Fitted) error {
	file := stateFile{Format: stateFormat, Raw: raw, Vocabularies: vocabularyStates(operators)}
	for _, f := range operators {
		version, state := f.State()
		text, err := encode(state)
		if err != nil {
			return fmt.Errorf("write workflow: operator %s: %w", f.Name(), err)
		}
		file.Operators = append(file.Operators, operatorState{Name: f.Name(), Version: version, State: text})
	}
	text, err := encode(file)
	if err != nil {
		return fmt.Errorf("write workflow: %w", err)
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, text, "", " "); err != nil {
		return fmt.Errorf("write workflow: %w", err)
	}
	_, err = to.Write(indented.Bytes())
	return err
}

// encode is json.Marshal without the escapes for HTML.
func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return out.Bytes(), err
}

// vocabularyStates lists every vocabulary once, by name.
func vocabularyStates(operators []Fitted) []vocabularyState {
	states := []vocabularyState{}
	seen := map[string]bool{}
	for _, f := range operators {
		e, ok := f.(Encoder)
		if !ok {
			continue
		}
		for _, v := range e.Vocabularies() {
			if seen[v.name] {
				continue
			}
			seen[v.name] = true
			states = append(states, vocabularyState{
				Name: v.name, DType: schema.DType{DType: v.DType()}, Buckets: v.oov, Ints: v.ints, Strings: v.strings,
			})
		}
	}
	slices.SortFunc(states, func(a, b vocabularyState) int { return strings.Compare(a.Name, b.Name) })
	return states
}

// Save writes the workflow to a file, which it replaces as a whole or not at all.
func (w *FittedWorkflow) Save(path string) error {
	if err := atomicfile.Write(path, w.Write); err != nil {
		return fmt.Errorf("save workflow: %w", err)
	}
	return nil
}

// Load reads a workflow that [FittedWorkflow.Save] wrote. It refuses other format versions, kinds that registry does
// not know, versions of their state that it does not read, and states that do not fit together.
func Load(registry *Registry, path string) (*FittedWorkflow, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("load workflow: %w", err)
	}
	defer file.Close() //nolint:errcheck // nothing was written
	w, err := Read(registry, file)
	if err != nil {
		return nil, fmt.Errorf("load workflow %s: %w", path, err)
	}
	return w, nil
}

// Read is [Load] from a reader.
func Read(registry *Registry, from io.Reader) (*FittedWorkflow, error) {
	raw, operators, err := readState(registry, from)
	if err != nil {
		return nil, err
	}
	return assemble(raw, operators)
}

func readState(registry *Registry, from io.Reader) (schema.Schema, []Fitted, error) {
	text, err := io.ReadAll(from)
	if err != nil {
		return nil, nil, err
	}
	var file stateFile
	if err := DecodeState(text, &file); err != nil || file.Format != stateFormat {
		return nil, nil, badState(text, err)
	}
	vocabularies, err := readVocabularies(file.Vocabularies)
	if err != nil {
		return nil, nil, err
	}
	operators := make([]Fitted, len(file.Operators))
	for i, o := range file.Operators {
		if operators[i], err = registry.load(o.Name, o.Version, o.State, vocabularies); err != nil {
			return nil, nil, err
		}
	}
	return file.Raw, operators, nil
}

// badState says why a file is not read: another format rather than what that format has and ours has not.
func badState(text []byte, err error) error {
	var version struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(text, &version); err != nil {
		return err
	}
	if version.Format != stateFormat {
		return fmt.Errorf("format %d; this program reads format %d: fit again", version.Format, stateFormat)
	}
	return err
}

func readVocabularies(states []vocabularyState) (Vocabularies, error) {
	byName := make(map[string]*Vocabulary, len(states))
	var names []string
	for _, s := range states {
		var v *Vocabulary
		var err error
		switch {
		case byName[s.Name] != nil:
			return nil, fmt.Errorf("vocabulary %q stands there twice", s.Name)
		case s.DType.DType == tensor.Int64 && len(s.Strings) == 0:
			v, err = NewIntVocabulary(s.Name, s.Buckets, s.Ints)
		case s.DType.DType == tensor.String && len(s.Ints) == 0:
			v, err = NewStringVocabulary(s.Name, s.Buckets, s.Strings)
		default:
			return nil, fmt.Errorf("vocabulary %q has keys that are not %s", s.Name, s.DType)
		}
		if err != nil {
			return nil, err
		}
		byName[s.Name] = v
		names = append(names, s.Name)
	}
	return func(name string) (*Vocabulary, error) {
		if v := byName[name]; v != nil {
			return v, nil
		}
		return nil, fmt.Errorf("no vocabulary %q; the file has %s", name, strings.Join(names, ", "))
	}, nil
}

// DecodeState reads one JSON value and refuses fields that v does not have and text behind the value: a state from a
// newer program is not read in part. It is what a [Kind]'s Load uses.
func DecodeState(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("text behind the JSON value")
	}
	return nil
}
