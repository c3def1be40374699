package pipeline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"recsys/internal/nearest"
)

// Block is one thing a pipeline uses by name, an operator or a model, with its settings:
//
//   - two_tower: {dim: 64}
type Block struct {
	Name string
	// Line is where the block stands in recsys.yaml, 0 when it was made by code.
	Line     int
	settings []byte // JSON
}

// NewBlock makes a block from a settings value that marshals to a JSON object.
func NewBlock(name string, settings any) (Block, error) {
	text, err := json.Marshal(settings)
	return Block{Name: name, settings: text}, err
}

// UnmarshalYAML reads a map with one key, or a bare name for default settings.
func (b *Block) UnmarshalYAML(node ast.Node) error {
	b.Line = node.GetToken().Position.Line
	var value any
	if err := yaml.NodeToValue(node, &value); err != nil {
		return err
	}
	switch v := value.(type) {
	case string:
		b.Name, b.settings = v, []byte("{}")
		return nil
	case map[string]any:
		if len(v) != 1 {
			return fmt.Errorf("line %d: one name with its settings is wanted, got %d keys", b.Line, len(v))
		}
		for name, settings := range v {
			if settings == nil {
				settings = map[string]any{}
			}
			text, err := json.Marshal(settings)
			if err != nil {
				return fmt.Errorf("line %d: %s: %w", b.Line, name, err)
			}
			b.Name, b.settings = name, text
		}
		return nil
	}
	return fmt.Errorf("line %d: a name with its settings is wanted, got %T", b.Line, value)
}

// Decode writes the settings into a pointer to a settings struct. A field that the struct lacks is an error that
// names the block and its line.
func (b Block) Decode(into any) error {
	d := json.NewDecoder(bytes.NewReader(b.settings))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return b.at(wordJSON(err, reflect.TypeOf(into)))
	}
	return nil
}

// cut returns a block of the settings that are not named, and one of those that are.
func (b Block) cut(names ...string) (others, named Block, err error) {
	all := map[string]json.RawMessage{}
	if err := json.Unmarshal(b.settings, &all); err != nil {
		return b, b, b.at(wordJSON(err, reflect.TypeFor[struct{}]()))
	}
	picked := map[string]json.RawMessage{}
	for _, name := range names {
		if value, ok := all[name]; ok {
			picked[name] = value
			delete(all, name)
		}
	}
	others, named = b, b
	if others.settings, err = json.Marshal(all); err != nil {
		return b, b, b.at(err)
	}
	if named.settings, err = json.Marshal(picked); err != nil {
		return b, b, b.at(err)
	}
	return others, named, nil
}

// at adds to an error where the block stands.
func (b Block) at(err error) error {
	if b.Line > 0 {
		return fmt.Errorf("line %d: %s: %w", b.Line, b.Name, err)
	}
	return fmt.Errorf("%s: %w", b.Name, err)
}

// wordJSON words what encoding/json says about Go for people who write YAML, who were to write settings of a type.
func wordJSON(err error, settings reflect.Type) error {
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		got := map[string]string{"array": "a list", "object": "settings in braces", "string": "text"}[wrong.Value]
		if got == "" {
			got = wrong.Value
		}
		fault := fmt.Errorf("got %s, want %s", got, yamlType(wrong.Type))
		if field := wrong.Field[strings.LastIndexByte(wrong.Field, '.')+1:]; field != "" {
			fault = fmt.Errorf("%s: %w", field, fault)
		}
		return fault
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("unknown setting %s%s", field, nearest.Hint(strings.Trim(field, `"`), settingNames(settings)))
	}
	return err
}

// settingNames lists the names of a type's settings, and of those within them.
func settingNames(t reflect.Type) []string {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return settingNames(t.Elem())
	case reflect.Struct:
	default:
		return nil
	}
	var names []string
	for f := range t.Fields() {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); name != "" {
			names = append(names, name)
		}
		names = append(names, settingNames(f.Type)...)
	}
	return names
}

// yamlType is what YAML calls values of a Go type.
func yamlType(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return "a whole number"
	case reflect.Float32, reflect.Float64:
		return "a number, such as 0.001 or 1.0e-3"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "text"
	case reflect.Slice:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "settings in braces"
	default:
		return t.String()
	}
}

// unknown is the error for a block whose name nothing answers to.
func (b Block) unknown(what string, known []string) error {
	slices.Sort(known)
	return fmt.Errorf("line %d: unknown %s %q; there are: %s%s", b.Line, what, b.Name, strings.Join(known, ", "), nearest.Hint(b.Name, known))
}
