package data

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math"

	"recsys/schema"
	"recsys/tensor"
)

// A block file, little-endian, checksums CRC-32C:
//
//	"RSCOLS", version u16 (1), header length u32, header as JSON, checksum of all before u32
//	blocks of as many rows as the header says, the last one of those that are left; of every column in order:
//	    its elements, checksum of the block's number u32, the column's u32 and the elements u32
//	number of rows u64, checksum u32 of what the header's checksum is of and of that number
//
// Ids of a column with a cardinality below 2^31 take four bytes.
const (
	blocksMagic     = "RSCOLS"
	blocksVersion   = 1
	maxBlocksHeader = 1 << 20
	maxBlockBytes   = 1 << 30
	blocksTrailer   = 12
)

// DefaultBlockRows is the number of rows of a block where BlocksHeader does not say it: training mixes blocks, the better the
// more of them fit into its memory, and a read of some KB a column still costs less than what it brings.
const DefaultBlockRows = 1 << 10

// Errors of block files that callers can tell apart.
var (
	// ErrBlocks marks a block file that is not what WriteBlocks writes, such as one that was cut.
	ErrBlocks = errors.New("damaged block file")
	// ErrBlocksVersion marks a block file of another version than this package writes.
	ErrBlocksVersion = errors.New("unknown block file version")
)

// BlocksHeader says what a block file holds.
type BlocksHeader struct {
	// Key is the caller's: by it a file is known to be of the data that the caller has.
	Key string `json:"key"`
	// Columns are int64 or float32, [rows] with length 0 and [rows,L] otherwise.
	Columns schema.Schema `json:"columns"`
	// BlockRows is the number of rows of a block; 0 means DefaultBlockRows.
	BlockRows int `json:"block_rows"`
}

// Validate checks the header by itself.
func (h BlocksHeader) Validate() error {
	errs := []error{h.Columns.Validate()}
	if len(h.Columns) == 0 {
		errs = append(errs, errors.New("no columns"))
	}
	// In float64 no product of hostile lengths wraps.
	bytes := 0.0
	for _, c := range h.Columns {
		if d := c.DType.DType; d != tensor.Int64 && d != tensor.Float32 {
			errs = append(errs, fmt.Errorf("column %q is %s: blocks hold int64 and float32", c.Name, d))
		}
		bytes += 4 + float64(h.rows())*float64(max(1, c.Length))*float64(elementBytes(c))
	}
	if h.BlockRows < 0 || bytes > maxBlockBytes {
		errs = append(errs, fmt.Errorf("blocks of %d rows and %g bytes: at least 1 row and at most %d bytes are possible", h.BlockRows, bytes, maxBlockBytes))
	}
	return errors.Join(errs...)
}

// rows is BlockRows with its default.
func (h BlocksHeader) rows() int {
	if h.BlockRows == 0 {
		return DefaultBlockRows
	}
	return h.BlockRows
}

// narrow reports whether the ids of a column are stored in four bytes.
func narrow(c schema.Column) bool {
	return c.DType.DType == tensor.Int64 && c.Cardinality > 0 && c.Cardinality <= math.MaxInt32
}

// elementBytes is the stored size of an element.
func elementBytes(c schema.Column) int {
	if c.DType.DType == tensor.Int64 && !narrow(c) {
		return 8
	}
	return 4
}

// segmentBytes is the stored size of a column of a block of some rows, with its checksum.
func segmentBytes(c schema.Column, rows int) int { return rows*max(1, c.Length)*elementBytes(c) + 4 }

func crcTable() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

// segmentSum is the checksum of a column of a block.
func segmentSum(block, column int, elements []byte) uint32 {
	var place [8]byte
	binary.LittleEndian.PutUint32(place[:], uint32(block))
	binary.LittleEndian.PutUint32(place[4:], uint32(column))
	return crc32.Update(crc32.Checksum(place[:], crcTable()), crcTable(), elements)
}
