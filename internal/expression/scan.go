package expression

import (
	"errors"
	"strings"
)

// peek returns the next token without taking it, "" at the end.
func (p *parser) peek() string {
	for p.at < len(p.text) && strings.ContainsRune(" \t\n\r", rune(p.text[p.at])) {
		p.at++
	}
	rest := p.text[p.at:]
	if rest == "" {
		return ""
	}
	n := 0
	switch {
	case isLetter(rest[0]):
		for n < len(rest) && (isLetter(rest[n]) || isDigit(rest[n])) {
			n++
		}
	case isDigit(rest[0]) || rest[0] == '.':
		n = numberLength(rest)
	case rest[0] == '`':
		if n = strings.IndexByte(rest[1:], '`') + 2; n == 1 {
			n = len(rest)
		}
	case rest[0] == '\'' || rest[0] == '"':
		n = textLength(rest)
	case len(rest) > 1 && rest[1] == '=' && strings.IndexByte("<>=!", rest[0]) >= 0,
		strings.HasPrefix(rest, "&&"), strings.HasPrefix(rest, "||"):
		n = 2
	default:
		n = 1
	}
	return rest[:n]
}

func isLetter(c byte) bool { return c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }

// numberLength returns how many bytes look like a number: digits, a point, an exponent with its sign.
func numberLength(s string) int {
	n := 0
	for n < len(s) && (isDigit(s[n]) || s[n] == '.' || isLetter(s[n]) ||
		(s[n] == '+' || s[n] == '-') && s[n-1]|0x20 == 'e') {
		n++
	}
	return n
}

// textLength returns how many bytes a text has that begins and ends with the same quote; all of s where it does not end.
func textLength(s string) int {
	for n := 1; n < len(s); n++ {
		switch s[n] {
		case '\\':
			n++
		case s[0]:
			return n + 1
		}
	}
	return len(s)
}

// unquote returns the value of a text in quotes, in which a backslash stands before a quote or another backslash.
func unquote(token string) (string, error) {
	if len(token) < 2 || token[len(token)-1] != token[0] {
		return "", errors.New("the text has no second quote")
	}
	var b strings.Builder
	inner := token[1 : len(token)-1]
	for i := 0; i < len(inner); i++ {
		if inner[i] == '\\' {
			if i++; i == len(inner) {
				return "", errors.New("the text has no second quote")
			}
			if strings.IndexByte("\\'\"", inner[i]) < 0 {
				return "", errors.New("in a text a backslash stands before a quote or a backslash alone")
			}
		}
		b.WriteByte(inner[i])
	}
	return b.String(), nil
}
