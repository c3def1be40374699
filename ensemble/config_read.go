package ensemble

import (
	"fmt"
	"io"
	"maps"
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
	return ParseConfig(path, text)
}

// ParseConfig reads config.pbtxt text. As in Triton an unknown field is an error; errors begin with
// "file:line:column:".
func ParseConfig(file string, text []byte) (*Config, error) {
	m, err := pbtxt.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s:%w", file, err)
	}
	c := &Config{}
	known := c.fields()
	if foreign(m) {
		known = c.foreignFields()
	}
	if err := known.read("ModelConfig", m); err != nil {
		return nil, fmt.Errorf("%s:%w", file, err)
	}
	return c, nil
}

// reader takes one field of a message.
type reader struct {
	repeated bool
	take     func(pbtxt.Field) error
}

// fields are the known fields of a message by name.
type fields map[string]reader

// others, as a key of fields, lets fields that have no reader pass.
const others = ""

func (fs fields) read(message string, m *pbtxt.Message) error {
	seen := map[string]bool{}
	for f := range m.All() {
		r, ok := fs[f.Name]
		if _, open := fs[others]; !ok && open {
			continue
		}
		if !ok {
			return f.Errorf("message %s has no field %q that this version reads; it reads %s",
				message, f.Name, strings.Join(slices.Sorted(maps.Keys(fs)), ", "))
		}
		if seen[f.Name] && !r.repeated {
			return f.Errorf("field %q of %s is given twice", f.Name, message)
		}
		seen[f.Name] = true
		if err := r.take(f); err != nil {
			return err
		}
	}
	return nil
}

func one(take func(pbtxt.Field) error) reader  { return reader{take: take} }
func many(take func(pbtxt.Field) error) reader { return reader{repeated: true, take: take} }

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
		d, err := tensor.ParseDType(name)
		if err != nil || d.Config() != name {
			return f.Errorf("unknown data type %s", name)
		}
		*to = d
		return nil
	})
}

// block reads a nested message with the fields that begin makes for it.
func block(message string, begin func() fields) func(pbtxt.Field) error {
	return func(f pbtxt.Field) error {
		m, err := f.AsBlock()
		if err != nil {
			return err
		}
		return begin().read(message, m)
	}
}

// list reads a repeated message into a slice.
func list[T any](message string, to *[]T, of func(*T) fields) reader {
	return many(block(message, func() fields {
		*to = append(*to, *new(T))
		return of(&(*to)[len(*to)-1])
	}))
}

// stringMap reads a map field's entries; value gives the reader of a value into a string.
func stringMap(message string, to *map[string]string, value func(*string) reader) reader {
	return many(func(f pbtxt.Field) error {
		var key, v string
		entry := fields{"key": text(&key), "value": value(&v)}
		if err := block(message, func() fields { return entry })(f); err != nil {
			return err
		}
		if _, ok := (*to)[key]; ok {
			return f.Errorf("key %q of %s is given twice", key, message)
		}
		if *to == nil {
			*to = map[string]string{}
		}
		(*to)[key] = v
		return nil
	})
}
