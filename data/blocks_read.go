package data

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"
	"sync"

	"recsys/schema"
	"recsys/tensor"
)

// Blocks is an open block file. It is safe for concurrent use and holds no rows.
type Blocks struct {
	file    *os.File
	header  BlocksHeader
	rows    int
	first   int64          // where the blocks begin
	offsets []int64        // of the columns in a full block, and its size
	index   map[string]int // of columns by name
	buffers sync.Pool      // of *[]byte
}

// OpenBlocks opens a block file and checks its header and its length, so that a file that was cut is refused with an
// error that is ErrBlocks, and one of another version with ErrBlocksVersion. Blocks are checked when they are read.
func OpenBlocks(path string) (*Blocks, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	b := &Blocks{file: f}
	if err := b.open(); err != nil {
		f.Close() //nolint:errcheck // Nothing was written.
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return b, nil
}

func (b *Blocks) open() error {
	info, err := b.file.Stat()
	if err != nil {
		return err
	}
	sum, err := b.readHeader()
	if err != nil {
		return err
	}
	b.index, b.offsets = map[string]int{}, []int64{0}
	for i, c := range b.header.Columns {
		b.index[c.Name] = i
		b.offsets = append(b.offsets, b.offsets[i]+int64(segmentBytes(c, b.header.BlockRows)))
	}
	var trailer [blocksTrailer]byte
	if _, err := b.file.ReadAt(trailer[:], max(b.first, info.Size()-blocksTrailer)); err != nil {
		return fmt.Errorf("%w: it ends in the header", ErrBlocks)
	}
	rows := binary.LittleEndian.Uint64(trailer[:])
	if crc32.Update(sum, crcTable(), trailer[:8]) != binary.LittleEndian.Uint32(trailer[8:]) || rows > math.MaxInt32 {
		return fmt.Errorf("%w: it does not end as it should", ErrBlocks)
	}
	b.rows = int(rows)
	full, rest := b.rows/b.header.BlockRows, b.rows%b.header.BlockRows
	want := b.first + int64(full)*b.offsets[len(b.offsets)-1] + blocksTrailer
	if rest > 0 {
		for _, c := range b.header.Columns {
			want += int64(segmentBytes(c, rest))
		}
	}
	if info.Size() != want {
		return fmt.Errorf("%w: %d bytes, its %d rows take %d", ErrBlocks, info.Size(), b.rows, want)
	}
	return nil
}

// readHeader reads the header and returns its checksum.
func (b *Blocks) readHeader() (uint32, error) {
	const fixed = len(blocksMagic) + 2 + 4
	var head [fixed]byte
	if _, err := b.file.ReadAt(head[:], 0); err != nil || string(head[:len(blocksMagic)]) != blocksMagic {
		return 0, fmt.Errorf("%w: no %s at the start", ErrBlocks, blocksMagic)
	}
	if v := binary.LittleEndian.Uint16(head[len(blocksMagic):]); v != blocksVersion {
		return 0, fmt.Errorf("%w %d, this version reads %d", ErrBlocksVersion, v, blocksVersion)
	}
	size := binary.LittleEndian.Uint32(head[len(blocksMagic)+2:])
	if size > maxBlocksHeader {
		return 0, fmt.Errorf("%w: header of %d bytes", ErrBlocks, size)
	}
	text := make([]byte, size+4)
	if _, err := io.ReadFull(io.NewSectionReader(b.file, int64(fixed), int64(len(text))), text); err != nil {
		return 0, fmt.Errorf("%w: it ends in the header", ErrBlocks)
	}
	text, stored := text[:size], binary.LittleEndian.Uint32(text[size:])
	sum := crc32.Update(crc32.Checksum(head[:], crcTable()), crcTable(), text)
	if sum != stored {
		return 0, fmt.Errorf("%w: checksum of the header", ErrBlocks)
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&b.header); err != nil {
		return 0, fmt.Errorf("%w: header: %w", ErrBlocks, err)
	}
	if err := b.header.Validate(); err != nil {
		return 0, fmt.Errorf("%w: header: %w", ErrBlocks, err)
	}
	b.header.BlockRows = b.header.rows()
	b.first = int64(fixed) + int64(size) + 4
	return sum, nil
}

// Close closes the file. Nobody may read any more.
func (b *Blocks) Close() error { return b.file.Close() }

// Key is that of the header.
func (b *Blocks) Key() string { return b.header.Key }

// Columns are those of the header. The caller must not change them.
func (b *Blocks) Columns() schema.Schema { return b.header.Columns }

// Rows returns the number of rows.
func (b *Blocks) Rows() int { return b.rows }

// BlockRows returns the number of rows of a block; the last one may have fewer.
func (b *Blocks) BlockRows() int { return b.header.BlockRows }

// ReadBlock reads columns of block i, whose first row is i·BlockRows, into the first rows of tensors with the columns'
// names and types, [n] or [n,L] for n of BlockRows or more. Other columns are not read. It fails with ErrBlocks where
// the file has changed.
func (b *Blocks) ReadBlock(i int, into tensor.Map) error {
	from := i * b.header.BlockRows
	if i < 0 || from >= b.rows {
		return fmt.Errorf("%s: block %d of %d rows in blocks of %d", b.file.Name(), i, b.rows, b.header.BlockRows)
	}
	rows := min(b.header.BlockRows, b.rows-from)
	at := b.first + int64(i)*b.offsets[len(b.offsets)-1]
	for name, t := range into {
		k, ok := b.index[name]
		if !ok {
			return fmt.Errorf("%s: %w", b.file.Name(), missing(name, b.header.Columns.Names()))
		}
		start := at + b.offsets[k]
		if rows < b.header.BlockRows { // The last block is closer.
			start = at
			for _, c := range b.header.Columns[:k] {
				start += int64(segmentBytes(c, rows))
			}
		}
		if err := b.readSegment(i, k, rows, start, t); err != nil {
			return fmt.Errorf("%s: block %d, column %q: %w", b.file.Name(), i, name, err)
		}
	}
	return nil
}

func (b *Blocks) readSegment(block, k, rows int, at int64, into *tensor.Tensor) error {
	c := b.header.Columns[k]
	n := rows * max(1, c.Length)
	if into.DType() != c.DType.DType || into.Len() < n {
		return fmt.Errorf("%d elements of %s do not go into %s", n, c.DType, into)
	}
	buffer, _ := b.buffers.Get().(*[]byte)
	if buffer == nil {
		buffer = &[]byte{}
	}
	defer b.buffers.Put(buffer)
	size := segmentBytes(c, rows)
	if cap(*buffer) < size {
		*buffer = make([]byte, size)
	}
	raw := (*buffer)[:size]
	if _, err := b.file.ReadAt(raw, at); err != nil {
		return fmt.Errorf("%w: %w", ErrBlocks, err)
	}
	elements := raw[:size-4]
	if segmentSum(block, k, elements) != binary.LittleEndian.Uint32(raw[size-4:]) {
		return fmt.Errorf("%w: checksum", ErrBlocks)
	}
	if c.DType.DType == tensor.Float32 {
		for i, y := 0, tensor.MustData[float32](into); i < n; i++ {
			y[i] = math.Float32frombits(binary.LittleEndian.Uint32(elements[4*i:]))
		}
		return nil
	}
	y := tensor.MustData[int64](into)[:n]
	for i := range y {
		if narrow(c) {
			y[i] = int64(binary.LittleEndian.Uint32(elements[4*i:]))
		} else {
			y[i] = int64(binary.LittleEndian.Uint64(elements[8*i:]))
		}
	}
	return nil
}
