package pbtxt

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokenEnd tokenKind = iota
	tokenIdent
	tokenNumber
	tokenString
	tokenPunct
)

type token struct {
	kind tokenKind
	text string // decoded for strings, raw for numbers
	pos  Pos
}

func (t token) String() string {
	switch t.kind {
	case tokenEnd:
		return "the end of the text"
	case tokenString:
		return "a string"
	case tokenIdent, tokenNumber, tokenPunct:
	}
	return strconv.Quote(t.text)
}

type lexer struct {
	src       string
	at        int
	line      int
	lineStart int
}

func (l *lexer) pos() Pos { return Pos{l.line, l.at - l.lineStart + 1} }

func (l *lexer) skip() {
	for l.at < len(l.src) {
		switch l.src[l.at] {
		case '\n':
			l.line++
			l.at++
			l.lineStart = l.at
		case ' ', '\t', '\r', '\f', '\v':
			l.at++
		case '#':
			for l.at < len(l.src) && l.src[l.at] != '\n' {
				l.at++
			}
		default:
			return
		}
	}
}

func (l *lexer) next() (token, error) {
	l.skip()
	pos := l.pos()
	if l.at == len(l.src) {
		return token{pos: pos}, nil
	}
	switch c := l.src[l.at]; {
	case isLetter(c):
		return token{tokenIdent, l.take(func(c byte) bool { return isLetter(c) || isDigit(c) }), pos}, nil
	case isDigit(c) || c == '.':
		return token{tokenNumber, l.number(), pos}, nil
	case c == '"' || c == '\'':
		text, err := l.quoted(c)
		return token{tokenString, text, pos}, err
	case strings.IndexByte("{}<>[]:,;-", c) >= 0:
		l.at++
		return token{tokenPunct, string(c), pos}, nil
	default:
		r, _ := utf8.DecodeRuneInString(l.src[l.at:])
		return token{}, &Error{pos, fmt.Sprintf("unexpected character %q", r)}
	}
}

func isLetter(c byte) bool { return c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }

func (l *lexer) take(ok func(byte) bool) string {
	from := l.at
	for l.at < len(l.src) && ok(l.src[l.at]) {
		l.at++
	}
	return l.src[from:l.at]
}

// number takes everything that may belong to a number; the parser judges it. A sign belongs to it after an exponent.
func (l *lexer) number() string {
	from := l.at
	hex := strings.HasPrefix(l.src[from:], "0x") || strings.HasPrefix(l.src[from:], "0X")
	for l.at < len(l.src) {
		c := l.src[l.at]
		sign := (c == '+' || c == '-') && !hex && l.at > from && l.src[l.at-1]|0x20 == 'e'
		if !isDigit(c) && !isLetter(c) && c != '.' && !sign {
			break
		}
		l.at++
	}
	return l.src[from:l.at]
}

func (l *lexer) quoted(quote byte) (string, error) {
	start := l.pos()
	l.at++
	var b strings.Builder
	for l.at < len(l.src) {
		switch c := l.src[l.at]; c {
		case quote:
			l.at++
			return b.String(), nil
		case '\n':
			return "", &Error{start, "string without an end on its line"}
		case '\\':
			pos := l.pos()
			if err := l.escape(&b); err != nil {
				return "", &Error{pos, err.Error()}
			}
		default:
			b.WriteByte(c)
			l.at++
		}
	}
	return "", &Error{start, "string without an end"}
}

func (l *lexer) escape(b *strings.Builder) error {
	l.at++
	if l.at == len(l.src) {
		return errors.New("escape without an end")
	}
	c := l.src[l.at]
	l.at++
	if i := strings.IndexByte(`abfnrtv\'"?`, c); i >= 0 {
		b.WriteByte("\a\b\f\n\r\t\v\\'\"?"[i])
		return nil
	}
	switch {
	case c >= '0' && c <= '7':
		l.at--
		n, _ := l.digits(8, 1, 3)
		if n > 0xff {
			return errors.New(`octal escape beyond \377`)
		}
		b.WriteByte(byte(n))
	case c == 'x' || c == 'X':
		n, ok := l.digits(16, 1, 2)
		if !ok {
			return errors.New(`\x without a hexadecimal digit`)
		}
		b.WriteByte(byte(n))
	case c == 'u' || c == 'U':
		want := map[byte]int{'u': 4, 'U': 8}[c]
		n, ok := l.digits(16, want, want)
		if !ok || !utf8.ValidRune(rune(n)) || n > utf8.MaxRune {
			return errors.New("escape names no Unicode character")
		}
		b.WriteRune(rune(n))
	default:
		return fmt.Errorf("unknown escape %q", `\`+string(rune(c)))
	}
	return nil
}

func (l *lexer) digits(base, atLeast, atMost int) (uint64, bool) {
	from := l.at
	for l.at < len(l.src) && l.at-from < atMost {
		if _, err := strconv.ParseUint(l.src[l.at:l.at+1], base, 8); err != nil {
			break
		}
		l.at++
	}
	if l.at-from < atLeast {
		return 0, false
	}
	n, err := strconv.ParseUint(l.src[from:l.at], base, 32)
	return n, err == nil
}
