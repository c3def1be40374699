package pbtxt

import (
	"strings"
	"unicode/utf8"
)

// width is the length of a line up to which a block stays on one line.
const width = 100

// Marshal writes the message in canonical form; it ends with a newline unless the message is empty.
func (m *Message) Marshal() []byte {
	var b strings.Builder
	m.write(&b, "")
	return []byte(b.String())
}

func (m *Message) write(b *strings.Builder, indent string) {
	for _, f := range m.Fields {
		line := inlineField(f)
		if len(indent)+len(line) <= width || !breakable(f.Value) {
			b.WriteString(indent + line + "\n")
			continue
		}
		if f.Kind == Block {
			b.WriteString(indent + f.Name + " {\n")
			f.Block.write(b, indent+"  ")
			b.WriteString(indent + "}\n")
			continue
		}
		for _, v := range f.List {
			(&Message{Fields: []Field{{Name: f.Name, Value: v}}}).write(b, indent)
		}
	}
}

// breakable reports whether a value may be spread over lines: blocks, and lists of blocks as repeated fields.
func breakable(v Value) bool {
	switch v.Kind {
	case Block:
		return len(v.Block.Fields) > 0
	case List:
		return len(v.List) > 0 && v.List[0].Kind == Block
	case Ident, Int, Float, String:
	}
	return false
}

func inlineField(f Field) string {
	if f.Kind == Block {
		return f.Name + " " + inline(f.Value)
	}
	return f.Name + ": " + inline(f.Value)
}

func inline(v Value) string {
	switch v.Kind {
	case String:
		return Quote(v.Text)
	case Block:
		parts := make([]string, len(v.Block.Fields))
		for i, f := range v.Block.Fields {
			parts[i] = inlineField(f)
		}
		return surround("{", parts, " ", "}")
	case List:
		parts := make([]string, len(v.List))
		for i, e := range v.List {
			parts[i] = inline(e)
		}
		return surround("[", parts, ", ", "]")
	case Ident, Int, Float:
	}
	return v.Text
}

func surround(left string, parts []string, sep, right string) string {
	if len(parts) == 0 {
		return left + " " + right
	}
	return left + " " + strings.Join(parts, sep) + " " + right
}

// Quote writes a string as protobuf does: valid UTF-8 stays readable, everything else becomes an escape.
func Quote(s string) string {
	const digits = "01234567"
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f || (r == utf8.RuneError && n == 1):
			c := s[i]
			b.Write([]byte{'\\', digits[c>>6], digits[c>>3&7], digits[c&7]})
		default:
			b.WriteString(s[i : i+n])
		}
		i += n
	}
	b.WriteByte('"')
	return b.String()
}
