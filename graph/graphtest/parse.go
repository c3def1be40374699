package graphtest

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"recsys/graph"
	"recsys/tensor"
)

// DefaultTolerance is that of a case that names none: some units in the last place of a float32 near 1, for functions
// that ONNX Runtime rounds otherwise.
const DefaultTolerance = 1e-6

// File is a data file: cases, and the lines they were read from.
type File struct {
	Path  string
	Cases []Case
	lines []string
	spans []span // by case
}

// span is where the expected part of a case stands: lines [from, to).
type span struct{ from, to int }

// Read parses the file at path.
func Read(path string) (*File, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Parse(path, string(data))
}

// Parse reads the text of a data file. Errors name path and line.
func Parse(path, text string) (*File, error) {
	f := &File{Path: path, lines: strings.Split(text, "\n")}
	p := &parser{file: f}
	for i, line := range f.lines {
		if err := p.line(i, strings.TrimSpace(line)); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", path, i+1, err)
		}
	}
	if err := p.end(len(f.lines)); err != nil {
		return nil, fmt.Errorf("%s:%d: %w", path, len(f.lines), err)
	}
	return f, nil
}

type parser struct {
	file *File
	c    *Case // the current one
	from int   // the line below its dashes, 0 above them
}

func (p *parser) line(i int, line string) error {
	word, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	switch {
	case line == "":
		return p.end(i)
	case strings.HasPrefix(line, "#"):
		return nil
	case word == "case":
		if err := p.end(i); err != nil {
			return err
		}
		p.c = &Case{Name: rest, Attrs: graph.Attrs{}, Tolerance: DefaultTolerance, Skip: map[string]string{}}
		return nil
	case p.c == nil:
		return fmt.Errorf("%q stands outside a case", word)
	case line == "----":
		p.from = i + 1
		return nil
	case p.from > 0:
		return p.output(word, rest)
	}
	return p.input(word, rest)
}

// end closes the current case in front of line i.
func (p *parser) end(i int) error {
	if p.c == nil {
		return nil
	}
	if p.from == 0 {
		return fmt.Errorf("case %q ends without a line ----", p.c.Name)
	}
	for _, other := range p.file.Cases {
		if other.Name == p.c.Name {
			return fmt.Errorf("case %q stands twice", p.c.Name)
		}
	}
	p.file.Cases = append(p.file.Cases, *p.c)
	p.file.spans = append(p.file.spans, span{p.from, i})
	p.c, p.from = nil, 0
	return nil
}

func (p *parser) input(word, rest string) error {
	switch word {
	case "in", "const":
		t, err := parseTensor(rest)
		if err != nil {
			return err
		}
		p.c.Inputs = append(p.c.Inputs, Input{Data: t, Const: word == "const"})
	case "none":
		p.c.Inputs = append(p.c.Inputs, Input{})
	case "attr":
		return p.attr(rest)
	case "tolerance":
		v, err := strconv.ParseFloat(rest, 64)
		if err != nil || !(v >= 0) {
			return fmt.Errorf("tolerance %q is no number", rest)
		}
		p.c.Tolerance = v
	case "skip":
		check, reason, _ := strings.Cut(rest, " ")
		if reason == "" || check != "gradient" && check != "symbolic" && check != "onnxruntime" {
			return fmt.Errorf("skip takes gradient, symbolic or onnxruntime and a reason, got %q", rest)
		}
		p.c.Skip[check] = reason
	default:
		return fmt.Errorf("unknown line %q", word)
	}
	return nil
}

func (p *parser) output(word, rest string) error {
	switch word {
	case "out":
		t, err := parseTensor(rest)
		if err != nil {
			return err
		}
		p.c.Want = append(p.c.Want, t)
	case "error":
		if rest == "" {
			return errors.New("error takes a part of the message")
		}
		p.c.Error = rest
	default:
		return fmt.Errorf("unknown line %q below the dashes", word)
	}
	return nil
}

// attr parses "name type value…".
func (p *parser) attr(rest string) error {
	name, rest, _ := strings.Cut(rest, " ")
	typ, rest, _ := strings.Cut(rest, " ")
	var kind tensor.DType
	switch typ {
	case "int", "ints":
		kind = tensor.Int64
	case "float", "floats":
		kind = tensor.Float32
	case "string", "strings":
		kind = tensor.String
	case "tensor":
		t, err := parseTensor(rest)
		p.c.Attrs[name] = t
		return err
	default:
		return fmt.Errorf("attribute %q has the unknown type %q", name, typ)
	}
	words, err := words(rest)
	if err != nil {
		return err
	}
	t, err := parseElements(kind, []int{len(words)}, words)
	if err != nil {
		return err
	}
	if !strings.HasSuffix(typ, "s") {
		if len(words) != 1 {
			return fmt.Errorf("attribute %q takes one value, got %d", name, len(words))
		}
		p.c.Attrs[name] = scalarOf(t)
		return nil
	}
	p.c.Attrs[name] = t.Any()
	return nil
}

func scalarOf(t *tensor.Tensor) any {
	switch data := t.Any().(type) {
	case []int64:
		return data[0]
	case []float32:
		return data[0]
	case []string:
		return data[0]
	}
	return nil
}
