package data

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"math"

	"recsys/internal/atomicfile"
	"recsys/schema"
	"recsys/tensor"
)

// WriteBlocks writes a block file of batches: each has every column of the header, [n] or [n,L], in its type; n may
// differ from batch to batch. It holds one block in memory and returns the number of rows. The file appears whole or
// not at all; the same columns give the same bytes, however they are cut into batches.
func WriteBlocks(path string, h BlocksHeader, batches iter.Seq2[tensor.Map, error]) (rows int, err error) {
	h.BlockRows = h.rows()
	if err := h.Validate(); err != nil {
		return 0, fmt.Errorf("write %s: %w", path, err)
	}
	err = atomicfile.Write(path, func(out io.Writer) error {
		w := &blockWriter{header: h, out: bufio.NewWriterSize(out, 1<<20), segments: make([][]byte, len(h.Columns))}
		rows, err = w.write(batches)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("write %s: %w", path, err)
	}
	return rows, nil
}

// blockWriter collects a block.
type blockWriter struct {
	header   BlocksHeader
	out      *bufio.Writer
	segments [][]byte // of the columns
	n        int      // rows in them
	block    int
}

func (w *blockWriter) write(batches iter.Seq2[tensor.Map, error]) (int, error) {
	sum, err := w.begin()
	if err != nil {
		return 0, err
	}
	rows := 0
	for batch, err := range batches {
		if err != nil {
			return 0, err
		}
		n, err := w.check(batch)
		if err != nil {
			return 0, err
		}
		if rows += n; rows > math.MaxInt32 {
			return 0, errors.New("more than 2^31-1 rows")
		}
		for from := 0; from < n; {
			to := min(n, from+w.header.BlockRows-w.n)
			if err := w.add(batch, from, to); err != nil {
				return 0, err
			}
			from = to
		}
	}
	if err := w.flush(); err != nil {
		return 0, err
	}
	trailer := binary.LittleEndian.AppendUint64(nil, uint64(rows))
	trailer = binary.LittleEndian.AppendUint32(trailer, crc32.Update(sum, crcTable(), trailer))
	if _, err := w.out.Write(trailer); err != nil {
		return 0, err
	}
	return rows, w.out.Flush()
}

// begin writes the header and returns its checksum.
func (w *blockWriter) begin() (uint32, error) {
	text, err := json.Marshal(w.header)
	if err != nil {
		return 0, err
	}
	if len(text) > maxBlocksHeader {
		return 0, fmt.Errorf("header of %d bytes, more than %d", len(text), maxBlocksHeader)
	}
	b := binary.LittleEndian.AppendUint16([]byte(blocksMagic), blocksVersion)
	b = append(binary.LittleEndian.AppendUint32(b, uint32(len(text))), text...)
	sum := crc32.Checksum(b, crcTable())
	_, err = w.out.Write(binary.LittleEndian.AppendUint32(b, sum))
	return sum, err
}

// check returns the number of rows of a batch.
func (w *blockWriter) check(batch tensor.Map) (int, error) {
	rows := -1
	for _, c := range w.header.Columns {
		t := batch[c.Name]
		if t == nil {
			return 0, fmt.Errorf("a batch has no column %q", c.Name)
		}
		list := t.Rank() == 2 && t.Dim(1) == c.Length && c.Length > 0
		if t.DType() != c.DType.DType || !list && (t.Rank() != 1 || c.Length > 0) {
			return 0, fmt.Errorf("column %q is %s in a batch; the header says %s with length %d", c.Name, t, c.DType, c.Length)
		}
		if rows >= 0 && t.Dim(0) != rows {
			return 0, fmt.Errorf("column %q has %d rows in a batch of %d", c.Name, t.Dim(0), rows)
		}
		rows = t.Dim(0)
	}
	return rows, nil
}

// add appends the rows [from,to) of a batch, which the block has room for, and writes the block if that fills it.
func (w *blockWriter) add(batch tensor.Map, from, to int) error {
	for i, c := range w.header.Columns {
		rows := batch[c.Name].Rows(from, to)
		if c.DType.DType == tensor.Float32 {
			for _, v := range tensor.MustData[float32](rows) {
				w.segments[i] = binary.LittleEndian.AppendUint32(w.segments[i], math.Float32bits(v))
			}
			continue
		}
		if err := w.addInts(i, c, tensor.MustData[int64](rows)); err != nil {
			return err
		}
	}
	if w.n += to - from; w.n == w.header.BlockRows {
		return w.flush()
	}
	return nil
}

func (w *blockWriter) addInts(i int, c schema.Column, values []int64) error {
	b := w.segments[i]
	for _, v := range values {
		if !narrow(c) {
			b = binary.LittleEndian.AppendUint64(b, uint64(v))
			continue
		}
		if v < 0 || v >= int64(c.Cardinality) {
			return fmt.Errorf("column %q has the id %d, there are %d", c.Name, v, c.Cardinality)
		}
		b = binary.LittleEndian.AppendUint32(b, uint32(v))
	}
	w.segments[i] = b
	return nil
}

// flush writes the block as it is.
func (w *blockWriter) flush() error {
	if w.n == 0 {
		return nil
	}
	for i, elements := range w.segments {
		sum := segmentSum(w.block, i, elements)
		if _, err := w.out.Write(binary.LittleEndian.AppendUint32(elements, sum)); err != nil {
			return err
		}
		w.segments[i] = elements[:0]
	}
	w.n = 0
	w.block++
	return nil
}
