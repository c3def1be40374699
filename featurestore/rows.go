package featurestore

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"

	"recsys/internal/atomicfile"
	"recsys/schema"
)

// A row file, little-endian, checksums CRC-32C:
//
//	"RSROWS", version u16 (1), header length u32, header as JSON, checksum of the header u32
//	any number of: payload length u32 (from 1), checksum of the payload u32, payload
//	0 u32, number of records u64, checksum of all record checksums u32
//
// A payload is the key, the row, the AsOf time (varint), the history and the seen items; bytes and strings
// have a uvarint length before them, lists a uvarint count.
const (
	rowsMagic      = "RSROWS"
	rowsVersion    = 1
	maxRowsHeader  = 1 << 20
	maxRowsPayload = 16 << 20
)

// ErrRowsVersion is wrapped by the error for a row file of another version than this package writes.
var ErrRowsVersion = errors.New("unknown row file version")

// RowsHeader says what a row file holds.
type RowsHeader struct {
	// Entity is schema.User or schema.Item.
	Entity schema.Tag `json:"entity"`
	// Key is the entity's key column, Schema the columns of the packed rows.
	Key    schema.Column `json:"key"`
	Schema schema.Schema `json:"schema"`
}

// Validate checks the header by itself.
func (h RowsHeader) Validate() error {
	if h.Entity != schema.User && h.Entity != schema.Item {
		return fmt.Errorf("entity %q: want %q or %q", h.Entity, schema.User, schema.Item)
	}
	if err := h.Key.Validate(); err != nil {
		return fmt.Errorf("key: %w", err)
	}
	return h.Schema.Validate()
}

// WriteRows streams records into a row file, by way of a temporary sibling that is renamed to path at the end,
// and returns their number. After an error nothing is left. The same records always give the same bytes.
func WriteRows(path string, header RowsHeader, records iter.Seq2[Record, error]) (n int64, err error) {
	if err := header.Validate(); err != nil {
		return 0, fmt.Errorf("write rows %s: %w", path, err)
	}
	err = atomicfile.Write(path, func(w io.Writer) error {
		n, err = writeRows(w, header, records)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("write rows %s: %w", path, err)
	}
	return n, nil
}

func writeRows(f io.Writer, header RowsHeader, records iter.Seq2[Record, error]) (int64, error) {
	w := bufio.NewWriterSize(f, 1<<16)
	if err := writeRowsHeader(w, header); err != nil {
		return 0, err
	}
	var n int64
	var sum uint32
	var payload, head []byte
	for r, err := range records {
		if err != nil {
			return n, err
		}
		if payload, err = appendRecord(payload[:0], r); err != nil {
			return n, fmt.Errorf("record %d: %w", n, err)
		}
		head = binary.LittleEndian.AppendUint32(head[:0], uint32(len(payload)))
		head = binary.LittleEndian.AppendUint32(head, checksum(payload))
		sum = crc32.Update(sum, castagnoli(), head[4:])
		if _, err := w.Write(head); err != nil {
			return n, err
		}
		if _, err := w.Write(payload); err != nil {
			return n, err
		}
		n++
	}
	head = binary.LittleEndian.AppendUint32(head[:0], 0)
	head = binary.LittleEndian.AppendUint64(head, uint64(n))
	head = binary.LittleEndian.AppendUint32(head, sum)
	if _, err := w.Write(head); err != nil {
		return n, err
	}
	return n, w.Flush()
}

func writeRowsHeader(w io.Writer, header RowsHeader) error {
	text, err := json.Marshal(header)
	if err != nil {
		return err
	}
	if len(text) > maxRowsHeader {
		return fmt.Errorf("header of %d bytes, more than %d", len(text), maxRowsHeader)
	}
	b := []byte(rowsMagic)
	b = binary.LittleEndian.AppendUint16(b, rowsVersion)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(text)))
	b = append(b, text...)
	b = binary.LittleEndian.AppendUint32(b, checksum(text))
	_, err = w.Write(b)
	return err
}

func appendRecord(b []byte, r Record) ([]byte, error) {
	if err := r.Validate(); err != nil {
		return nil, err
	}
	b = appendText(b, r.UserID)
	b = binary.AppendUvarint(b, uint64(len(r.Row)))
	b = append(b, r.Row...)
	b = binary.AppendVarint(b, r.AsOf)
	for _, list := range [][]string{r.History, r.Seen} {
		b = binary.AppendUvarint(b, uint64(len(list)))
		for _, s := range list {
			b = appendText(b, s)
		}
	}
	if len(b) > maxRowsPayload {
		return nil, fmt.Errorf("a record of %d bytes, more than %d", len(b), maxRowsPayload)
	}
	return b, nil
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func checksum(b []byte) uint32 { return crc32.Checksum(b, castagnoli()) }
