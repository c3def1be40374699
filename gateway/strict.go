package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"recsys/tensor"
)

// maxFaults bounds the faults that one problem lists.
const maxFaults = 16

// Fault is one field of a request that is wrong.
type Fault struct {
	// Pointer is a JSON Pointer (RFC 6901) into the body, or the name of a parameter after "?".
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

// strictReader reads a JSON document token by token: names match exactly, each once, and every fault has its
// place. After a syntax error everything reads as absent.
type strictReader struct {
	dec    *json.Decoder
	faults []Fault
	syntax error
}

func newStrictReader(body []byte) *strictReader {
	r := &strictReader{dec: json.NewDecoder(bytes.NewReader(body))}
	r.dec.UseNumber()
	if !utf8.Valid(body) {
		r.syntax = errors.New("the body is not UTF-8")
	}
	return r
}

func (r *strictReader) fault(pointer, format string, args ...any) {
	if len(r.faults) < maxFaults {
		r.faults = append(r.faults, Fault{pointer, fmt.Sprintf(format, args...)})
	}
}

// end checks that nothing follows the document, and returns what was wrong with it, as a problem.
func (r *strictReader) end() error {
	if r.syntax == nil {
		if _, err := r.dec.Token(); !errors.Is(err, io.EOF) {
			r.syntax = errors.New("more than one JSON document")
		}
	}
	if r.syntax != nil {
		return &problemError{kind: malformed, detail: r.syntax.Error()}
	}
	return invalidRequest(r.faults)
}

func (r *strictReader) token() json.Token {
	if r.syntax != nil {
		return nil
	}
	tok, err := r.dec.Token()
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		r.syntax = errors.New("the JSON document ends too early")
	case err != nil:
		r.syntax = fmt.Errorf("malformed JSON at byte %d: %w", r.dec.InputOffset(), err)
	}
	return tok
}

// more reports whether the open object or list has another element.
func (r *strictReader) more() bool { return r.syntax == nil && r.dec.More() }

// skip passes over the rest of a value of which tok is the first token.
func (r *strictReader) skip(tok json.Token) {
	depth := 0
	for r.syntax == nil {
		switch tok {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth <= 0 {
			return
		}
		tok = r.token()
	}
}

// wrong records that a value, of which tok is the first token, is not what is wanted, and passes over it.
func (r *strictReader) wrong(pointer string, tok json.Token, want string) {
	if r.syntax == nil {
		r.fault(pointer, "want %s", want)
		r.skip(tok)
	}
}

// object reads an object and calls field for every member, which has to read the value. It reports whether
// there was an object; null is none and no fault where null is allowed.
func (r *strictReader) object(pointer string, null bool, field func(name, pointer string)) bool {
	tok := r.token()
	if tok == nil && null {
		return false
	}
	if tok != json.Delim('{') {
		r.wrong(pointer, tok, "an object")
		return false
	}
	seen := map[string]bool{}
	for r.more() {
		name, ok := r.token().(string)
		if !ok {
			break // A syntax error: names are strings.
		}
		at := pointer + "/" + escapePointer(name)
		if seen[name] {
			r.fault(at, "the name appears twice")
			r.skip(r.token())
			continue
		}
		seen[name] = true
		field(name, at)
	}
	r.token()
	return true
}

// unknown refuses a member.
func (r *strictReader) unknown(pointer string) {
	r.fault(pointer, "unknown field")
	r.skip(r.token())
}

// list reads a list of at most limit elements and calls element for each, which has to read it.
// It reports whether there was a list; null is none and no fault.
func (r *strictReader) list(pointer string, limit int, element func(pointer string)) bool {
	tok := r.token()
	if tok == nil {
		return false
	}
	if tok != json.Delim('[') {
		r.wrong(pointer, tok, "a list")
		return false
	}
	n := 0
	for ; r.more(); n++ {
		if n >= limit {
			r.skip(r.token())
			continue
		}
		element(pointer + "/" + strconv.Itoa(n))
	}
	r.token()
	if n > limit {
		r.fault(pointer, "%d elements, at most %d are allowed", n, limit)
	}
	return true
}

// text reads a string of at most limit bytes; null is "".
func (r *strictReader) text(pointer string, limit int) string {
	tok := r.token()
	if tok == nil {
		return ""
	}
	s, ok := tok.(string)
	if !ok {
		r.wrong(pointer, tok, "a string")
	} else if len(s) > limit {
		r.fault(pointer, "longer than %d bytes", limit)
	}
	return s
}

// id reads an id, a string or an integer, in its canonical form; "" after a fault.
func (r *strictReader) id(pointer string, dtype tensor.DType) string {
	tok := r.token()
	var text string
	switch v := tok.(type) {
	case string:
		text = v
	case json.Number:
		text = v.String()
		if strings.ContainsAny(text, ".eE") {
			n, ok := integral(v)
			if !ok {
				r.fault(pointer, "want an id: a string or an integer")
				return ""
			}
			text = strconv.FormatInt(n, 10)
		}
	default:
		r.wrong(pointer, tok, "an id: a string or an integer")
		return ""
	}
	id, err := canonicalID(text, dtype)
	if err != nil {
		r.fault(pointer, "%v", err)
	}
	return id
}

// ids reads a list of at most limit ids; given is false for null.
func (r *strictReader) ids(pointer string, limit int, dtype tensor.DType) (out []string, given bool) {
	given = r.list(pointer, limit, func(at string) {
		if id := r.id(at, dtype); id != "" {
			out = append(out, id)
		}
	})
	return out, given
}

// integer reads an integer; ok is false for null and after a fault.
func (r *strictReader) integer(pointer string) (n int64, ok bool) {
	tok := r.token()
	if tok == nil {
		return 0, false
	}
	if number, isNumber := tok.(json.Number); isNumber {
		if n, ok := integral(number); ok {
			return n, true
		}
	}
	r.wrong(pointer, tok, "an integer")
	return 0, false
}

// integral returns a number that is an integer, as JSON Schema has it: 12.0 and 1.2e1 are. Those are exact in a float64 up to 2^53.
func integral(number json.Number) (int64, bool) {
	if n, err := number.Int64(); err == nil {
		return n, true
	}
	f, err := number.Float64()
	if err != nil || f != math.Trunc(f) || math.Abs(f) > 1<<53 {
		return 0, false
	}
	return int64(f), true
}

// value reads a scalar, or a list of at most limit scalars as []any.
func (r *strictReader) value(pointer string, limit int) any {
	tok := r.token()
	switch tok {
	case json.Delim('{'):
		r.wrong(pointer, tok, "a string, a number, true, false, null, or a list of them")
		return nil
	case json.Delim('['):
	default:
		return tok
	}
	out := []any{}
	n := 0
	for ; r.more(); n++ {
		element := r.token()
		if _, nested := element.(json.Delim); nested {
			r.wrong(pointer+"/"+strconv.Itoa(n), element, "a string, a number, true, false or null")
			element = nil
		}
		if n < limit {
			out = append(out, element)
		}
	}
	r.token()
	if n > limit {
		r.fault(pointer, "%d elements, at most %d are allowed", n, limit)
	}
	return out
}

func escapePointer(name string) string {
	return strings.ReplaceAll(strings.ReplaceAll(name, "~", "~0"), "/", "~1")
}
