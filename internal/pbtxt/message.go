package pbtxt

import (
	"fmt"
	"iter"
	"math"
	"strconv"
	"strings"
)

// Kind says what a value is.
type Kind uint8

// The kinds of values. The zero value is Ident.
const (
	Ident  Kind = iota // an enum name, true, false, inf or nan
	Int                // a whole number
	Float              // a number with a fraction or an exponent, or -inf, or -nan
	String             // a quoted string; Text holds the decoded bytes
	Block              // a nested message
	List               // [ … ]
)

// String returns the name used in errors.
func (k Kind) String() string {
	switch k {
	case Ident:
		return "name"
	case Int:
		return "whole number"
	case Float:
		return "number"
	case String:
		return "string"
	case Block:
		return "block"
	case List:
		return "list"
	}
	return "invalid"
}

// Pos is a place in the parsed text, counted from 1; zero in trees that were built. Columns count bytes.
type Pos struct{ Line, Column int }

// String returns "line:column".
func (p Pos) String() string { return strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column) }

// Error is a fault in the text, with its place.
type Error struct {
	Pos     Pos
	Message string
}

// Error returns "line:column: message".
func (e *Error) Error() string { return e.Pos.String() + ": " + e.Message }

// Value is one value of a field.
type Value struct {
	Kind  Kind
	Text  string   // Ident, Int, Float (canonical digits) and String
	Block *Message // Kind Block
	List  []Value  // Kind List; elements are never lists
	Pos   Pos
}

// Field is a named value.
type Field struct {
	Name string
	Value
}

// Message is an ordered list of fields; a repeated field stands there several times or as a list.
// The zero value is an empty message.
type Message struct{ Fields []Field }

// All yields the fields in order with lists taken apart, so that `dims: [ 1, 2 ]` comes as two fields.
func (m *Message) All() iter.Seq[Field] {
	return func(yield func(Field) bool) {
		for _, f := range m.Fields {
			if f.Kind != List {
				if !yield(f) {
					return
				}
				continue
			}
			for _, v := range f.List {
				if !yield(Field{Name: f.Name, Value: v}) {
					return
				}
			}
		}
	}
}

// At returns the fields at a path of names with dots between, in order, lists taken apart.
func (m *Message) At(path string) []Field {
	name, rest, below := strings.Cut(path, ".")
	var list []Field
	for f := range m.All() {
		switch {
		case f.Name != name:
		case !below:
			list = append(list, f)
		case f.Kind == Block:
			list = append(list, f.Block.At(rest)...)
		}
	}
	return list
}

// Append adds a field.
func (m *Message) Append(name string, v Value) {
	m.Fields = append(m.Fields, Field{Name: name, Value: v})
}

// AppendString adds a string field.
func (m *Message) AppendString(name, s string) { m.Append(name, Value{Kind: String, Text: s}) }

// AppendIdent adds an enum field.
func (m *Message) AppendIdent(name, ident string) { m.Append(name, Value{Kind: Ident, Text: ident}) }

// AppendBool adds a bool field.
func (m *Message) AppendBool(name string, b bool) { m.AppendIdent(name, strconv.FormatBool(b)) }

// AppendInt adds an integer field.
func (m *Message) AppendInt(name string, i int64) { m.Append(name, intValue(i)) }

// AppendInts adds a repeated integer field as one list, also when it is empty.
func (m *Message) AppendInts(name string, list []int64) {
	v := Value{Kind: List, List: make([]Value, len(list))}
	for i, x := range list {
		v.List[i] = intValue(x)
	}
	m.Append(name, v)
}

// AppendBlock adds an empty nested message and returns it to be filled.
func (m *Message) AppendBlock(name string) *Message {
	block := &Message{}
	m.Append(name, Value{Kind: Block, Block: block})
	return block
}

func intValue(i int64) Value { return Value{Kind: Int, Text: strconv.FormatInt(i, 10)} }

// Errorf makes an [Error] at the value's place.
func (v Value) Errorf(format string, args ...any) error {
	return &Error{Pos: v.Pos, Message: fmt.Sprintf(format, args...)}
}

// AsString returns a string field's bytes.
func (f Field) AsString() (string, error) {
	if f.Kind != String {
		return "", f.wrong("string")
	}
	return f.Text, nil
}

// AsIdent returns an enum field's name.
func (f Field) AsIdent() (string, error) {
	if f.Kind != Ident {
		return "", f.wrong("name")
	}
	return f.Text, nil
}

// AsInt returns an integer field's value.
func (f Field) AsInt() (int64, error) {
	if f.Kind != Int {
		return 0, f.wrong("whole number")
	}
	i, err := strconv.ParseInt(f.Text, 10, 64)
	if err != nil {
		return 0, f.Errorf("field %q: %s is beyond int64", f.Name, f.Text)
	}
	return i, nil
}

// AsInt32 is AsInt for fields of 32 bits.
func (f Field) AsInt32() (int, error) {
	i, err := f.AsInt()
	if err == nil && (i < math.MinInt32 || i > math.MaxInt32) {
		err = f.Errorf("field %q: %d is beyond int32", f.Name, i)
	}
	return int(i), err
}

// AsBool returns a bool field's value; as in protobuf, t, f, 0 and 1 count too.
func (f Field) AsBool() (bool, error) {
	if f.Kind == Ident || f.Kind == Int {
		switch f.Text {
		case "true", "True", "t", "1":
			return true, nil
		case "false", "False", "f", "0":
			return false, nil
		}
	}
	return false, f.wrong("bool")
}

// AsBlock returns a nested message.
func (f Field) AsBlock() (*Message, error) {
	if f.Kind != Block {
		return nil, f.wrong("block { … }")
	}
	return f.Block, nil
}

func (f Field) wrong(want string) error {
	return f.Errorf("field %q wants a %s, got a %s", f.Name, want, f.Kind)
}
