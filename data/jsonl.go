package data

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"recsys/tensor"
)

// jsonFormat is a JSON object a line, one for each row: its names are the columns, in the order in which they are met.
type jsonFormat struct{}

// jsonLines reads the objects of a file.
type jsonLines struct {
	*scanner
	path  string
	close func() error
}

func openJSON(path string) (*jsonLines, error) {
	in, err := openFile(path)
	if err != nil {
		return nil, err
	}
	j := &jsonLines{path: path, scanner: newScanner(in, "", false), close: in.Close}
	start, _ := j.in.Peek(4) // An error shows at the next read.
	if err := misnamed(path, start); err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return j, nil
}

func (j *jsonLines) fault(err error) error {
	return fmt.Errorf("%s:%d: %w", j.path, max(1, j.lines), err)
}

// object calls f with the names and values of the next line that is not empty; io.EOF at the end.
func (j *jsonLines) object(f func(name, value []byte) error) error {
	var line []byte
	for len(line) == 0 {
		var err error
		if line, err = j.readLine(); err != nil {
			if errors.Is(err, io.EOF) {
				return io.EOF
			}
			return j.fault(err)
		}
		line = bytes.TrimSpace(bytes.TrimPrefix(line, []byte("\xef\xbb\xbf")))
	}
	if line[0] != '{' || !json.Valid(line) {
		return rowError{j.fault(fmt.Errorf("%s is not a JSON object: write one a line, such as {\"user\": 1, \"item\": 2}", show(line)))}
	}
	err := jsonParts(line, func(part []byte) error {
		end := 1
		for ; part[end] != '"'; end++ {
			if part[end] == '\\' {
				end++
			}
		}
		name, err := jsonText(part[:end+1])
		if err != nil {
			return err
		}
		value := bytes.TrimSpace(part[end+1:])
		return f(name, bytes.TrimSpace(value[1:]))
	})
	if err != nil {
		return rowError{j.fault(err)}
	}
	return nil
}

// jsonParts calls f with what stands between the commas of a valid object or array.
func jsonParts(text []byte, f func([]byte) error) error {
	text = bytes.TrimSpace(text[1 : len(text)-1])
	depth, from, quoted := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		case c == ',' && depth == 0:
			if err := f(bytes.TrimSpace(text[from:i])); err != nil {
				return err
			}
			from = i + 1
		}
	}
	if len(text) == 0 {
		return nil
	}
	return f(bytes.TrimSpace(text[from:]))
}

// jsonText returns the text of a valid JSON string.
func jsonText(quoted []byte) ([]byte, error) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return quoted[1 : len(quoted)-1], nil
	}
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		return nil, err
	}
	return []byte(s), nil
}

// jsonCell returns a value, not an array or object, as it would stand in a cell of CSV: nothing for null; true and false
// are 1 and 0 but in a column of text.
func jsonCell(value []byte, dtype tensor.DType) ([]byte, error) {
	switch value[0] {
	case 'n':
		return nil, nil
	case '"':
		return jsonText(value)
	case 't', 'f':
		if dtype == tensor.String {
			return value, nil
		}
		if value[0] == 't' {
			return []byte{'1'}, nil
		}
		return []byte{'0'}, nil
	case '[', '{':
		return nil, fmt.Errorf("%s is nested: write a value, or a list of values", show(value))
	}
	return value, nil
}

// The kinds of values of a column.
const (
	jsonNumber = iota
	jsonString
	jsonBool
	jsonObject
	jsonKinds
)

// jsonGuess is what is known of a column.
type jsonGuess struct {
	name   string
	kinds  [jsonKinds]int // the first line of each kind, 0 where there is none
	list   int            // the first line with a list
	scalar int            // the first line with a value that is not a list
	fit    guess          // of numbers, and of text that is split
	long   int
	row    int // the last one that names it
}

func (g *jsonGuess) add(value []byte, line int) error {
	switch {
	case value[0] == 'n':
		return nil
	case value[0] == '[':
		if g.list == 0 {
			g.list = line
		}
		n := 0
		err := jsonParts(value, func(element []byte) error {
			if element[0] == '[' {
				element = []byte("{}")
			}
			n++
			return g.element(element, line)
		})
		g.long = max(g.long, n)
		return err
	case g.scalar == 0:
		g.scalar = line
	}
	return g.element(value, line)
}

func (g *jsonGuess) element(value []byte, line int) error {
	kind := jsonNumber
	switch value[0] {
	case 'n':
		return nil
	case '"':
		kind = jsonString
	case 't', 'f':
		kind = jsonBool
	case '{':
		kind = jsonObject
	}
	if g.kinds[kind] == 0 {
		g.kinds[kind] = line
	}
	cell := value
	switch {
	case kind == jsonString && g.fit.sep != nil:
		var err error
		if cell, err = jsonText(value); err != nil {
			return err
		}
		g.long = max(g.long, 1+bytes.Count(cell, g.fit.sep))
	case kind != jsonNumber:
		return nil
	}
	g.fit.add(cell, line)
	return nil
}

// dtype returns the type of the column.
func (g *jsonGuess) dtype(declared tensor.DType) (tensor.DType, error) {
	if g.list > 0 && g.scalar > 0 {
		return declared, fmt.Errorf("a list in line %d and a value in line %d: write lists everywhere", g.list, g.scalar)
	}
	names := [jsonKinds]string{"a number", "text", "true or false", "an object"}
	kind, kinds := jsonString, []string(nil)
	for k, line := range g.kinds {
		if line > 0 {
			kind = k
			kinds = append(kinds, fmt.Sprintf("%s in line %d", names[k], line))
		}
	}
	switch {
	case g.kinds[jsonObject] > 0 && len(kinds) > 1, len(kinds) > 1 && declared == tensor.Invalid:
		return declared, fmt.Errorf("%s: write one type, or declare the column's under columns", strings.Join(kinds, ", "))
	case declared != tensor.Invalid:
		return declared, nil
	case g.fit.sep != nil && kind == jsonString:
		return g.fit.dtype(), g.fit.slip()
	case kind == jsonNumber && g.fit.texts > 0:
		return declared, fmt.Errorf("%s in line %d is not a finite number of 32 bits: correct it, or declare the column as string", g.fit.first, g.fit.line)
	case kind == jsonNumber:
		return g.fit.dtype(), nil
	case kind == jsonBool:
		return tensor.Int64, nil
	}
	return tensor.String, nil
}

// survey infers the types of undeclared columns from all values.
func (jsonFormat) survey(ctx context.Context, f *File) (err error) {
	j, err := openJSON(f.spec.Path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, j.close()) }()
	guesses, at := []*jsonGuess(nil), map[string]*jsonGuess{}
	bad := faults{path: f.spec.Path}
	for {
		if f.rows%(1<<14) == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		err := j.object(func(name, value []byte) error {
			g := at[string(name)]
			if g == nil {
				g = &jsonGuess{name: string(name)}
				if sep := f.spec.Lists[g.name]; sep != "" {
					g.fit.sep = []byte(sep)
				}
				at[g.name], guesses = g, append(guesses, g)
			}
			if g.row == f.rows+1 {
				return fmt.Errorf("column %q stands twice: remove one of them", name)
			}
			g.row = f.rows + 1
			return g.add(value, j.lines)
		})
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil && !bad.takes(err) {
			return errors.Join(bad.err(), err)
		}
		f.rows++
	}
	if err := bad.err(); err != nil {
		return err
	}
	if f.rows == 0 || len(guesses) == 0 {
		return fmt.Errorf("%s: no rows with columns: write a JSON object a line", f.spec.Path)
	}
	return f.settle(guesses)
}

// settle takes the columns that guesses found.
func (f *File) settle(guesses []*jsonGuess) error {
	f.unread = map[string]string{}
	var errs []error
	for _, g := range guesses {
		dtype, err := g.dtype(f.spec.Columns[g.name])
		if g.name == "" {
			err = errors.New("a column has to have a name")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: column %q: %w", f.spec.Path, g.name, err))
			continue
		}
		if g.kinds[jsonObject] > 0 {
			f.unread[g.name] = "nested"
			continue
		}
		list := g.list > 0 || g.fit.sep != nil
		if list {
			g.long = max(1, g.long)
		}
		_, declared := f.spec.Columns[g.name]
		f.blank = append(f.blank, !declared && g.kinds == [jsonKinds]int{} && !list)
		f.header, f.types, f.lists, f.longs = append(f.header, g.name), append(f.types, dtype), append(f.lists, list), append(f.longs, g.long)
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if err := f.spec.check(f.header, f.unread); err != nil {
		return fmt.Errorf("%s: %w", f.spec.Path, err)
	}
	if len(f.header) == 0 {
		return fmt.Errorf("%s: no column of values or lists of them", f.spec.Path)
	}
	return nil
}

func (jsonFormat) open(f *File) (rows, error) {
	j, err := openJSON(f.spec.Path)
	if err != nil {
		return nil, err
	}
	r := jsonRows{jsonLines: j, places: map[string]int{}, values: make([][]byte, len(f.keep))}
	for k, i := range f.keep {
		r.places[f.header[i]] = k
	}
	return r, nil
}

// jsonRows reads the rows of a file.
type jsonRows struct {
	*jsonLines
	places map[string]int // of columns among the builders
	values [][]byte       // of a row by column, nil where it has none
}

func (r jsonRows) close() error { return r.jsonLines.close() }

func (r jsonRows) read(ctx context.Context, into []*builder, n int) (int, error) {
	for i := range n {
		if i%(1<<14) == 0 && ctx.Err() != nil {
			return i, ctx.Err()
		}
		clear(r.values)
		err := r.object(func(name, value []byte) error {
			if k, ok := r.places[string(name)]; ok {
				r.values[k] = value
			}
			return nil
		})
		if errors.Is(err, io.EOF) {
			return i, nil
		}
		if err != nil {
			return i, err
		}
		for k, b := range into {
			if err := b.addJSON(r.values[k]); err != nil {
				return i, r.fault(fmt.Errorf("column %q: %w", b.name, err))
			}
		}
	}
	return n, nil
}

// addJSON appends the value of the next row, nil where it has none.
func (b *builder) addJSON(value []byte) error {
	if value == nil {
		value = []byte("null")
	}
	if !b.list || value[0] != '[' {
		cell, err := jsonCell(value, b.dtype)
		if err != nil {
			return err
		}
		if b.list && b.sep == nil && len(cell) > 0 {
			return errors.New("it was a list: the file changed while it was read")
		}
		return b.add(cell)
	}
	err := jsonParts(value, func(element []byte) error {
		cell, err := jsonCell(element, b.dtype)
		if err != nil || len(cell) == 0 {
			return err
		}
		return b.value(cell)
	})
	b.endList()
	return err
}
