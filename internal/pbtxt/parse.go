package pbtxt

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// The bounds of what Parse reads; beyond them it answers an error.
const (
	MaxBytes = 64 << 20
	MaxDepth = 100
)

// Parse reads a whole text. Errors are *[Error] and name line and column.
func Parse(text []byte) (*Message, error) {
	if len(text) > MaxBytes {
		return nil, &Error{Pos{1, 1}, fmt.Sprintf("text has %d bytes, more than the %d that are read", len(text), MaxBytes)}
	}
	p := &parser{lex: lexer{src: string(text), line: 1}}
	if err := p.advance(); err != nil {
		return nil, err
	}
	return p.message("", 0)
}

type parser struct {
	lex lexer
	tok token
}

func (p *parser) advance() (err error) {
	p.tok, err = p.lex.next()
	return err
}

func (p *parser) punct(text string) bool { return p.tok.kind == tokenPunct && p.tok.text == text }

// accept goes on behind the punctuation if it is there.
func (p *parser) accept(text string) (bool, error) {
	if !p.punct(text) {
		return false, nil
	}
	return true, p.advance()
}

func (p *parser) errorf(format string, args ...any) error {
	return &Error{p.tok.pos, fmt.Sprintf(format, args...)}
}

// message reads fields up to end ("" is the end of the text), which it takes.
func (p *parser) message(end string, depth int) (*Message, error) {
	if depth > MaxDepth {
		return nil, p.errorf("blocks nest deeper than %d", MaxDepth)
	}
	m := &Message{}
	for {
		switch {
		case end == "" && p.tok.kind == tokenEnd:
			return m, nil
		case end != "" && p.punct(end):
			return m, p.advance()
		case p.tok.kind != tokenIdent:
			if end == "" {
				return nil, p.errorf("expected a field name, got %s", p.tok)
			}
			return nil, p.errorf("expected a field name or %q, got %s", end, p.tok)
		}
		f, err := p.field(depth)
		if err != nil {
			return nil, err
		}
		m.Fields = append(m.Fields, f)
		for _, sep := range []string{",", ";"} {
			if ok, err := p.accept(sep); err != nil {
				return nil, err
			} else if ok {
				break
			}
		}
	}
}

func (p *parser) field(depth int) (Field, error) {
	f := Field{Name: p.tok.text}
	pos := p.tok.pos
	if err := p.advance(); err != nil {
		return f, err
	}
	colon, err := p.accept(":")
	if err != nil {
		return f, err
	}
	if !colon && !p.punct("{") && !p.punct("<") && !p.punct("[") {
		return f, p.errorf("expected \":\" or \"{\" after field %q, got %s", f.Name, p.tok)
	}
	if p.punct("[") {
		f.Value, err = p.list(depth, colon)
	} else {
		f.Value, err = p.value(depth)
	}
	f.Pos = pos
	return f, err
}

func (p *parser) list(depth int, colon bool) (Value, error) {
	v := Value{Kind: List, Pos: p.tok.pos}
	if err := p.advance(); err != nil {
		return v, err
	}
	if ok, err := p.accept("]"); ok || err != nil {
		return v, err
	}
	for {
		if !colon && !p.punct("{") && !p.punct("<") {
			return v, p.errorf("a list of scalars needs \":\" before it")
		}
		e, err := p.value(depth)
		if err != nil {
			return v, err
		}
		v.List = append(v.List, e)
		if ok, err := p.accept("]"); ok || err != nil {
			return v, err
		}
		if ok, err := p.accept(","); err != nil {
			return v, err
		} else if !ok {
			return v, p.errorf("expected \",\" or \"]\" in a list, got %s", p.tok)
		}
	}
}

func (p *parser) value(depth int) (Value, error) {
	v := Value{Pos: p.tok.pos}
	switch {
	case p.punct("{") || p.punct("<"):
		end := map[string]string{"{": "}", "<": ">"}[p.tok.text]
		if err := p.advance(); err != nil {
			return v, err
		}
		v.Kind = Block
		var err error
		v.Block, err = p.message(end, depth+1)
		return v, err
	case p.tok.kind == tokenString:
		v.Kind = String
		var b strings.Builder // neighbouring strings are one
		for p.tok.kind == tokenString {
			b.WriteString(p.tok.text)
			if err := p.advance(); err != nil {
				return v, err
			}
		}
		v.Text = b.String()
		return v, nil
	case p.tok.kind == tokenIdent:
		v.Text = p.tok.text
		return v, p.advance()
	case p.tok.kind == tokenNumber || p.punct("-"):
		return p.number(v)
	}
	return v, p.errorf("expected a value, got %s", p.tok)
}

func (p *parser) number(v Value) (Value, error) {
	minus, err := p.accept("-")
	if err != nil {
		return v, err
	}
	sign := ""
	if minus {
		sign = "-"
	}
	text := p.tok.text
	switch {
	case p.tok.kind == tokenIdent && minus && isSpecial(text):
		v.Kind, v.Text = Float, "-"+strings.ToLower(text)[:3]
	case p.tok.kind != tokenNumber:
		return v, p.errorf("expected a number after \"-\", got %s", p.tok)
	default:
		if v.Kind, v.Text, err = canonicalNumber(sign, text); err != nil {
			return v, p.errorf("%v", err)
		}
	}
	return v, p.advance()
}

func isSpecial(s string) bool {
	s = strings.ToLower(s)
	return s == "inf" || s == "infinity" || s == "nan"
}

func canonicalNumber(sign, text string) (Kind, string, error) {
	octal := len(text) > 1 && text[0] == '0' && strings.Trim(text, "01234567") == ""
	hex := strings.HasPrefix(text, "0x") || strings.HasPrefix(text, "0X")
	if octal || hex || strings.Trim(text, "0123456789") == "" {
		n, err := parseUint(text, octal, hex)
		if err != nil || (sign == "-" && n > 1<<63) {
			return Int, "", fmt.Errorf("number %s%s is malformed or beyond 64 bits", sign, text)
		}
		if n == 0 {
			sign = ""
		}
		return Int, sign + strconv.FormatUint(n, 10), nil
	}
	digits := strings.TrimRight(text, "fF")
	if len(text)-len(digits) > 1 || strings.Trim(digits, "0123456789.eE+-") != "" {
		return Float, "", fmt.Errorf("malformed number %s%s", sign, text)
	}
	x, err := strconv.ParseFloat(sign+digits, 64)
	if err != nil || math.IsInf(x, 0) {
		return Float, "", fmt.Errorf("number %s%s is malformed or too large", sign, text)
	}
	out := strconv.FormatFloat(x, 'g', -1, 64)
	if !strings.ContainsAny(out, ".e") {
		out += ".0"
	}
	return Float, out, nil
}

func parseUint(text string, octal, hex bool) (uint64, error) {
	switch {
	case octal:
		return strconv.ParseUint(text[1:], 8, 64)
	case hex:
		return strconv.ParseUint(text[2:], 16, 64)
	}
	return strconv.ParseUint(text, 10, 64)
}
