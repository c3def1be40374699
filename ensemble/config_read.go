package ensemble

import (
	_ "embed"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"recsys/internal/pbtxt"
	"recsys/tensor"
)

// maxConfigBytes bounds what ReadConfig reads.
const maxConfigBytes = 4 << 20

// ReadConfig reads a config.pbtxt. A missing file gives fs.ErrNotExist.
func ReadConfig(path string) (*Config, error) {
	text, err := readConfig(path)
	if err != nil {
		return nil, err
	}
	return ParseConfig(path, text)
}

func readConfig(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer f.Close() //nolint:errcheck // Nothing was written.
	text, err := io.ReadAll(io.LimitReader(f, maxConfigBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	if len(text) > maxConfigBytes {
		return nil, fmt.Errorf("read configuration %s: larger than %d bytes", path, maxConfigBytes)
	}
	return text, nil
}

// ParseConfig reads config.pbtxt text. It takes every field that Triton knows; those that Config does not hold are named in Unread. What
// Triton does not know is an error, as there; errors begin with "file:line:column:".
func ParseConfig(file string, text []byte) (*Config, error) {
	c, _, err := parseConfig(file, text)
	return c, err
}

// parseConfig returns the text's tree too.
func parseConfig(file string, text []byte) (*Config, *pbtxt.Message, error) {
	m, err := pbtxt.Parse(text)
	if err != nil {
		return nil, nil, fmt.Errorf("%s:%w", file, err)
	}
	schema, err := pbtxt.ParseSchema(modelConfig)
	if err != nil {
		return nil, nil, err
	}
	if err := schema.Check("ModelConfig", m); err != nil {
		return nil, nil, fmt.Errorf("%s:%w", file, err)
	}
	c := &Config{}
	if err := c.fields().read(m); err != nil {
		return nil, nil, fmt.Errorf("%s:%w", file, err)
	}
	held := map[string]bool{}
	for _, path := range leaves(c.tree()) {
		for ; path != ""; path, _ = cutLast(path) {
			held[path] = true
		}
	}
	for _, path := range leaves(m) {
		if held[path] {
			continue
		}
		for up, ok := cutLast(path); ok && !held[up]; up, ok = cutLast(up) {
			path = up
		}
		c.Unread = append(c.Unread, path)
	}
	c.Unread = slices.Compact(c.Unread)
	return c, m, nil
}

// cutLast returns the path of the message that has the field at path, and whether there is one.
func cutLast(path string) (string, bool) {
	i := max(0, strings.LastIndexByte(path, '.'))
	return path[:i], i > 0
}

// leaves returns the paths of what a tree says, ascending: fields with values other than those that absent fields have, and empty messages.
func leaves(m *pbtxt.Message) []string {
	var list []string
	for f := range m.All() {
		switch {
		case f.Kind == pbtxt.Block && len(f.Block.Fields) > 0:
			for _, path := range leaves(f.Block) {
				list = append(list, f.Name+"."+path)
			}
		case f.Kind == pbtxt.Block, !absent(f.Value):
			list = append(list, f.Name)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// absent reports whether a value is what a field has that is not given.
func absent(v pbtxt.Value) bool {
	switch v.Text {
	case "", "0", "false", "False", "f", "0.0", "TYPE_INVALID", "FORMAT_NONE", "PRIORITY_DEFAULT", "REJECT":
		return true
	}
	return false
}

//go:embed model_config.txt
var modelConfig string

// reader takes one field of a message.
type reader func(pbtxt.Field) error

// fields are the known fields of a message by name.
type fields map[string]reader

func (fs fields) read(m *pbtxt.Message) error {
	for f := range m.All() {
		r, ok := fs[f.Name]
		if !ok {
			continue // see Config.Unread
		}
		if err := r(f); err != nil {
			return err
		}
	}
	return nil
}

// one and many are for fields that stand once, or as often as they like. The schema has seen to that.
func one(take reader) reader  { return take }
func many(take reader) reader { return take }

func text(to *string) reader {
	return one(func(f pbtxt.Field) (err error) { *to, err = f.AsString(); return err })
}

func ident(to *string) reader {
	return one(func(f pbtxt.Field) (err error) { *to, err = f.AsIdent(); return err })
}

func flag(to *bool) reader {
	return one(func(f pbtxt.Field) (err error) { *to, err = f.AsBool(); return err })
}

func number(to *int) reader {
	return one(func(f pbtxt.Field) (err error) { *to, err = f.AsInt32(); return err })
}

func long(to *int64) reader {
	return one(func(f pbtxt.Field) (err error) { *to, err = f.AsInt(); return err })
}

func longs(to *[]int64) reader {
	return many(func(f pbtxt.Field) error {
		i, err := f.AsInt()
		*to = append(*to, i)
		return err
	})
}

func dtype(to *tensor.DType) reader {
	return one(func(f pbtxt.Field) error {
		name, err := f.AsIdent()
		if err != nil {
			return err
		}
		if name == "TYPE_INVALID" {
			*to = tensor.Invalid
			return nil
		}
		d, err := tensor.ParseDType(name)
		if err != nil || d.Config() != name {
			return f.Errorf("unknown data type %s", name)
		}
		*to = d
		return nil
	})
}

// block reads a nested message, whose type's name is for those who read this, with the fields that begin makes for it.
func block(_ string, begin func() fields) reader {
	return func(f pbtxt.Field) error {
		m, err := f.AsBlock()
		if err != nil {
			return err
		}
		return begin().read(m)
	}
}

// list reads a repeated message into a slice.
func list[T any](message string, to *[]T, of func(*T) fields) reader {
	return many(block(message, func() fields {
		*to = append(*to, *new(T))
		return of(&(*to)[len(*to)-1])
	}))
}

// stringMap reads a map field's entries; value gives the reader of a value into a string. Of two with one key the last one counts.
func stringMap(message string, to *map[string]string, value func(*string) reader) reader {
	return many(func(f pbtxt.Field) error {
		var key, v string
		entry := fields{"key": text(&key), "value": value(&v)}
		if err := block(message, func() fields { return entry })(f); err != nil {
			return err
		}
		if *to == nil {
			*to = map[string]string{}
		}
		(*to)[key] = v
		return nil
	})
}
