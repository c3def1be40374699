package pbtxt

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"recsys/internal/nearest"
)

// Schema says which fields messages have. It is read-only: safe for concurrent use.
type Schema struct {
	messages map[string]map[string]schemaField
	enums    map[string]map[string]string // from a value's name to its number
}

type schemaField struct {
	kind     string // a scalar type of protobuf, an enum or a message
	repeated bool
	oneof    string // the group of which a message has one field; empty for none
}

// ParseSchema reads a schema from lines: "message NAME" and "enum NAME" begin one; below them stand "FIELD TYPE", "FIELD TYPE*" of a
// repeated field, "FIELD TYPE ONEOF", and "VALUE NUMBER". A map is a repeated message with the fields key and value. What begins with # is passed over.
func ParseSchema(text string) (*Schema, error) {
	s := &Schema{messages: map[string]map[string]schemaField{}, enums: map[string]map[string]string{}}
	var message map[string]schemaField
	var enum map[string]string
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || strings.HasPrefix(words[0], "#"):
		case words[0] == "message" && len(words) == 2 && line[0] == 'm':
			message, enum = map[string]schemaField{}, nil
			s.messages[words[1]] = message
		case words[0] == "enum" && len(words) == 2 && line[0] == 'e':
			message, enum = nil, map[string]string{}
			s.enums[words[1]] = enum
		case message != nil && (len(words) == 2 || len(words) == 3):
			kind, repeated := strings.CutSuffix(words[1], "*")
			f := schemaField{kind: kind, repeated: repeated}
			if len(words) == 3 {
				f.oneof = words[2]
			}
			message[words[0]] = f
		case enum != nil && len(words) == 2:
			enum[words[0]] = words[1]
		default:
			return nil, fmt.Errorf("line %q of a schema belongs to no message or enum", strings.TrimSpace(line))
		}
	}
	return s, nil
}

// Check returns what protobuf would not read of m as a message of the given name: the first fault in the text's order, an *[Error]. Of a
// field that the message does not have it says which is meant. In m, numbers of enums become names.
func (s *Schema) Check(message string, m *Message) error {
	given := map[string]string{} // fields by name or oneof
	for i := range m.Fields {
		f := &m.Fields[i]
		known, ok := s.messages[message][f.Name]
		if !ok {
			return f.Errorf("message %s has no field %q%s", message, f.Name, s.meant(message, f.Name))
		}
		if known.repeated && f.Kind == List {
			for j := range f.List {
				if err := s.value(known.kind, f.Name, &f.List[j]); err != nil {
					return err
				}
			}
			continue
		}
		if !known.repeated {
			group := f.Name
			if known.oneof != "" {
				group = "oneof " + known.oneof
			}
			switch before, ok := given[group]; {
			case ok && before == f.Name:
				return f.Errorf("field %q of %s is given twice", f.Name, message)
			case ok:
				return f.Errorf("field %q of %s is given beside %q: only one of them can be", f.Name, message, before)
			}
			given[group] = f.Name
		}
		if err := s.value(known.kind, f.Name, &f.Value); err != nil {
			return err
		}
	}
	return nil
}

// value checks one value by its field's type.
func (s *Schema) value(kind, name string, v *Value) error {
	f := Field{Name: name, Value: *v}
	if _, ok := s.messages[kind]; ok {
		m, err := f.AsBlock()
		if err != nil {
			return err
		}
		return s.Check(kind, m)
	}
	if values, ok := s.enums[kind]; ok {
		return enum(kind, values, f, v)
	}
	switch kind {
	case "string":
		text, err := f.AsString()
		if err == nil && !utf8.ValidString(text) {
			err = f.Errorf("field %q is not UTF-8", f.Name)
		}
		return err
	case "bool":
		_, err := f.AsBool()
		return err
	case "int32", "int64", "uint32", "uint64":
		return f.integer(kind)
	case "float", "double":
		if f.Kind != Int && f.Kind != Float && (f.Kind != Ident || !isSpecial(f.Text)) {
			return f.wrong("number")
		}
		return nil
	}
	return f.Errorf("field %q has the type %s, which the schema does not have", f.Name, kind)
}

// enum checks an enum's value and puts its name into v.
func enum(kind string, values map[string]string, f Field, v *Value) error {
	if f.Kind != Int && f.Kind != Ident {
		return f.wrong("name")
	}
	names := slices.Sorted(maps.Keys(values))
	for _, name := range names {
		if f.Kind == Ident && f.Text == name || f.Kind == Int && f.Text == values[name] {
			v.Kind, v.Text = Ident, name
			return nil
		}
	}
	if near := like(f.Text, names); near != "" && f.Kind == Ident {
		return f.Errorf("field %q: %s has no value %s; did you mean %q?", f.Name, kind, f.Text, near)
	}
	return f.Errorf("field %q: %s has no value %s; it has %s", f.Name, kind, f.Text, strings.Join(names, ", "))
}

func (f Field) integer(kind string) error {
	if f.Kind != Int {
		return f.wrong("whole number")
	}
	bits, _ := strconv.Atoi(strings.TrimLeft(kind, "uint"))
	var err error
	if kind[0] == 'u' {
		_, err = strconv.ParseUint(f.Text, 10, bits)
	} else {
		_, err = strconv.ParseInt(f.Text, 10, bits)
	}
	if err != nil {
		return f.Errorf("field %q: %s is beyond %s", f.Name, f.Text, kind)
	}
	return nil
}

// meant says what a field's name may have been meant to be: a like one of the message, or one that other messages have.
func (s *Schema) meant(message, name string) string {
	names := slices.Sorted(maps.Keys(s.messages[message]))
	if near := like(name, names); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	var others []string
	for other, fields := range s.messages {
		if _, ok := fields[name]; ok && !strings.HasSuffix(other, "Entry") { // those of maps
			others = append(others, other)
		}
	}
	slices.Sort(others)
	if len(others) > 0 {
		return "; it belongs into " + strings.Join(others, " or ")
	}
	return "; it has " + strings.Join(names, ", ")
}

// like returns the name that is like the text, or one that has it behind an underscore, as TYPE_FP32 has FP32, or "".
func like(text string, names []string) string {
	for _, name := range names {
		if strings.HasSuffix(strings.ToLower(name), "_"+strings.ToLower(text)) {
			return name
		}
	}
	return nearest.Of(text, names)
}
