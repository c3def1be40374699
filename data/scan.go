package data

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
)

// maxRecord bounds the bytes of one record: an unclosed quote would otherwise swallow the rest of the file.
const maxRecord = 1 << 20

// scanner splits a stream into records of fields. It holds one record at a time.
type scanner struct {
	in     *bufio.Reader
	sep    []byte
	quotes bool // fields may be quoted as in RFC 4180
	line   int  // of the record's first line, from 1
	lines  int  // lines read so far
	fields [][]byte
	long   []byte // a line longer than the reader's buffer
	text   []byte // unquoted fields
	ends   []int  // their ends in text
}

func newScanner(r io.Reader, sep string, quotes bool) *scanner {
	return &scanner{in: bufio.NewReaderSize(r, 1<<16), sep: []byte(sep), quotes: quotes}
}

// next returns the fields of the next record, which hold until the following call, or io.EOF. Empty lines are skipped.
func (s *scanner) next() ([][]byte, error) {
	for {
		line, err := s.readLine()
		if err != nil {
			return nil, err
		}
		s.line = s.lines
		if len(line) == 0 {
			continue
		}
		if s.quotes && bytes.IndexByte(line, '"') >= 0 {
			return s.quoted(line)
		}
		s.fields = s.fields[:0]
		for {
			i := bytes.Index(line, s.sep)
			if i < 0 {
				s.fields = append(s.fields, line)
				return s.fields, nil
			}
			s.fields = append(s.fields, line[:i])
			line = line[i+len(s.sep):]
		}
	}
}

// readLine returns a line without its end (\n or \r\n), or io.EOF.
func (s *scanner) readLine() ([]byte, error) {
	s.long = s.long[:0]
	for {
		part, err := s.in.ReadSlice('\n')
		if len(s.long) > 0 || errors.Is(err, bufio.ErrBufferFull) {
			s.long = append(s.long, part...)
			if len(s.long) > maxRecord {
				s.line = s.lines + 1
				return nil, errTooLong
			}
			part = s.long
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err == nil || errors.Is(err, io.EOF) && len(part) > 0:
			s.lines++
			return trimEnd(part), nil
		default:
			s.line = s.lines + 1
			return nil, err
		}
	}
}

func trimEnd(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte{'\n'}), []byte{'\r'})
}

var errTooLong = fmt.Errorf("record longer than %d bytes: is a quote not closed?", maxRecord)

// quoted parses a record with at least one quote; a quoted field may hold separators, doubled quotes and line ends.
func (s *scanner) quoted(line []byte) ([][]byte, error) {
	s.text, s.ends = s.text[:0], s.ends[:0]
	for {
		if len(line) == 0 || line[0] != '"' {
			i := bytes.Index(line, s.sep)
			field := line
			if i >= 0 {
				field = line[:i]
			}
			if bytes.IndexByte(field, '"') >= 0 {
				return nil, errors.New("quote inside a field that does not begin with one: quote the whole field and double the quotes in it")
			}
			s.endField(field)
			if i < 0 {
				break
			}
			line = line[i+len(s.sep):]
			continue
		}
		rest, err := s.quotedField(line[1:])
		if err != nil {
			return nil, err
		}
		if len(rest) == 0 {
			break
		}
		if !bytes.HasPrefix(rest, s.sep) {
			return nil, fmt.Errorf("text after a closing quote: separate fields by %q and double the quotes in a field", s.sep)
		}
		line = rest[len(s.sep):]
	}
	s.fields = s.fields[:0]
	from := 0
	for _, end := range s.ends {
		s.fields = append(s.fields, s.text[from:end])
		from = end
	}
	return s.fields, nil
}

func (s *scanner) endField(field []byte) {
	s.text = append(s.text, field...)
	s.ends = append(s.ends, len(s.text))
}

// quotedField reads up to the closing quote, over more lines if it has to, and returns what follows in the line.
func (s *scanner) quotedField(line []byte) (rest []byte, err error) {
	for {
		i := bytes.IndexByte(line, '"')
		switch {
		case i < 0:
			s.text = append(append(s.text, line...), '\n')
			if len(s.text) > maxRecord {
				return nil, errTooLong
			}
			first := s.line
			line, err = s.readLine()
			s.line = first
			if errors.Is(err, io.EOF) {
				return nil, errors.New("quote that is not closed before the end of the file")
			}
			if err != nil {
				return nil, err
			}
		case i+1 < len(line) && line[i+1] == '"':
			s.text = append(s.text, line[:i+1]...)
			line = line[i+2:]
		default:
			s.endField(line[:i])
			return line[i+1:], nil
		}
	}
}

// names copies the fields of a header.
func names(fields [][]byte) []string {
	out := make([]string, 0, len(fields))
	for i, f := range fields {
		if i == 0 {
			f = bytes.TrimPrefix(f, []byte("\xef\xbb\xbf")) // a byte order mark
		}
		out = append(out, string(f))
	}
	return slices.Clip(out)
}
