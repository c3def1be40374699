package featurestore

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"os"
)

// errRows marks a row file that is not what WriteRows writes.
var errRows = errors.New("damaged row file")

// ReadRows opens a row file, checks its header, and returns its records as a stream, which opens the file anew
// each time it is ranged over. Records belong to the receiver. The stream ends with an error where the file is
// truncated, changed or followed by other data; records before the damage have been yielded by then. A file of
// another version gives an error that wraps ErrRowsVersion.
func ReadRows(path string) (RowsHeader, iter.Seq2[Record, error], error) {
	f, err := os.Open(path)
	if err != nil {
		return RowsHeader{}, nil, fmt.Errorf("read rows: %w", err)
	}
	header, err := readRowsHeader(bufio.NewReader(f))
	if err = errors.Join(err, f.Close()); err != nil {
		return RowsHeader{}, nil, fmt.Errorf("read rows %s: %w", path, err)
	}
	return header, func(yield func(Record, error) bool) {
		f, err := os.Open(path)
		if err != nil {
			yield(Record{}, fmt.Errorf("read rows: %w", err))
			return
		}
		defer f.Close() //nolint:errcheck // Nothing was written.
		for r, err := range DecodeRows(f) {
			if err != nil {
				yield(Record{}, fmt.Errorf("read rows %s: %w", path, err))
				return
			}
			if !yield(r, nil) {
				return
			}
		}
	}, nil
}

// DecodeRows streams the records of a row file from a reader, once. It is ReadRows for what is not a file.
func DecodeRows(r io.Reader) iter.Seq2[Record, error] {
	return func(yield func(Record, error) bool) {
		br := bufio.NewReaderSize(r, 1<<16)
		if _, err := readRowsHeader(br); err != nil {
			yield(Record{}, err)
			return
		}
		var n uint64
		var sum uint32
		for {
			payload, crc, err := readPayload(br)
			if err != nil {
				yield(Record{}, fmt.Errorf("record %d: %w", n, err))
				return
			}
			if payload == nil {
				break
			}
			sum = crc32.Update(sum, castagnoli(), crc)
			record, err := parseRecord(payload)
			if err != nil {
				yield(Record{}, fmt.Errorf("record %d: %w", n, err))
				return
			}
			n++
			if !yield(record, nil) {
				return
			}
		}
		if err := readTrailer(br, n, sum); err != nil {
			yield(Record{}, err)
		}
	}
}

func readRowsHeader(r io.Reader) (RowsHeader, error) {
	var head [len(rowsMagic) + 2 + 4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil || string(head[:len(rowsMagic)]) != rowsMagic {
		return RowsHeader{}, fmt.Errorf("%w: no %s at the start", errRows, rowsMagic)
	}
	if v := binary.LittleEndian.Uint16(head[len(rowsMagic):]); v != rowsVersion {
		return RowsHeader{}, fmt.Errorf("%w %d, this version reads %d: export again or use the recsys that wrote it",
			ErrRowsVersion, v, rowsVersion)
	}
	size := binary.LittleEndian.Uint32(head[len(rowsMagic)+2:])
	if size > maxRowsHeader {
		return RowsHeader{}, fmt.Errorf("%w: header of %d bytes", errRows, size)
	}
	text := make([]byte, size+4)
	if _, err := io.ReadFull(r, text); err != nil {
		return RowsHeader{}, fmt.Errorf("%w: truncated in the header", errRows)
	}
	text, crc := text[:size], text[size:]
	if checksum(text) != binary.LittleEndian.Uint32(crc) {
		return RowsHeader{}, fmt.Errorf("%w: checksum of the header", errRows)
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	var h RowsHeader
	if err := dec.Decode(&h); err != nil {
		return RowsHeader{}, fmt.Errorf("%w: header: %w", errRows, err)
	}
	if err := h.Validate(); err != nil {
		return RowsHeader{}, fmt.Errorf("%w: header: %w", errRows, err)
	}
	return h, nil
}

// readPayload returns a record's payload and the four bytes of its checksum; no payload at the trailer.
func readPayload(r io.Reader) (payload, crc []byte, err error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:4]); err != nil {
		return nil, nil, fmt.Errorf("%w: truncated", errRows)
	}
	size := binary.LittleEndian.Uint32(head[:4])
	if size == 0 {
		return nil, nil, nil
	}
	if size > maxRowsPayload {
		return nil, nil, fmt.Errorf("%w: %d bytes, more than %d", errRows, size, maxRowsPayload)
	}
	if _, err := io.ReadFull(r, head[4:]); err != nil {
		return nil, nil, fmt.Errorf("%w: truncated", errRows)
	}
	payload = make([]byte, size)
	if _, err := io.ReadFull(r, payload); err != nil {
		return nil, nil, fmt.Errorf("%w: truncated", errRows)
	}
	if checksum(payload) != binary.LittleEndian.Uint32(head[4:]) {
		return nil, nil, fmt.Errorf("%w: checksum", errRows)
	}
	return payload, head[4:], nil
}

func readTrailer(r *bufio.Reader, n uint64, sum uint32) error {
	var tail [12]byte
	if _, err := io.ReadFull(r, tail[:]); err != nil {
		return fmt.Errorf("%w: truncated after %d records", errRows, n)
	}
	if got := binary.LittleEndian.Uint64(tail[:]); got != n || binary.LittleEndian.Uint32(tail[8:]) != sum {
		return fmt.Errorf("%w: %d records, %d announced, or another checksum", errRows, n, got)
	}
	if _, err := r.ReadByte(); err == nil {
		return fmt.Errorf("%w: data after the end", errRows)
	}
	return nil
}

// parseRecord reads a payload. The record's row is a part of payload; its strings share one copy of it.
func parseRecord(payload []byte) (Record, error) {
	p := payloadReader{bytes: payload, text: string(payload)}
	r := Record{UserID: p.str()}
	from, n := p.span()
	if n > 0 {
		r.Row = payload[from : from+n : from+n]
	}
	r.AsOf = p.varint()
	r.History = p.strs()
	r.Seen = p.strs()
	if p.bad || p.at != len(payload) || r.UserID == "" {
		return Record{}, fmt.Errorf("%w: malformed record", errRows)
	}
	return r, nil
}

// payloadReader walks over a payload; after a fault, bad is set and everything reads as zero.
type payloadReader struct {
	bytes []byte
	text  string
	at    int
	bad   bool
}

func (p *payloadReader) uvarint() uint64 {
	v, n := binary.Uvarint(p.bytes[p.at:])
	if n <= 0 {
		p.bad = true
	}
	if p.bad {
		return 0
	}
	p.at += n
	return v
}

func (p *payloadReader) varint() int64 {
	v, n := binary.Varint(p.bytes[p.at:])
	if n <= 0 {
		p.bad = true
	}
	if p.bad {
		return 0
	}
	p.at += n
	return v
}

// span takes a length and that many bytes, and returns where they are.
func (p *payloadReader) span() (from, n int) {
	v := p.uvarint()
	if p.bad || v > uint64(len(p.bytes)-p.at) {
		p.bad = true
		return p.at, 0
	}
	from, n = p.at, int(v)
	p.at += n
	return from, n
}

func (p *payloadReader) str() string {
	from, n := p.span()
	return p.text[from : from+n]
}

func (p *payloadReader) strs() []string {
	n := p.uvarint()
	if p.bad || n > uint64(len(p.bytes)-p.at) {
		p.bad = true // A string takes a byte at least.
		return nil
	}
	if n == 0 {
		return nil
	}
	out := make([]string, n)
	for i := range out {
		out[i] = p.str()
	}
	return out
}
