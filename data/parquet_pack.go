package data

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"

	"github.com/klauspost/compress/s2"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	pqformat "github.com/parquet-go/parquet-go/format"

	"recsys/tensor"
)

// parquetPageRows bounds the rows of a page.
const parquetPageRows = 1 << 16

// chunkPacker packs a column of a row group into pages. Its memory serves one row group after another.
type chunkPacker struct {
	packed     []byte // pages with headers, as they stand in the file
	dictionary int    // bytes of packed that are the dictionary
	plain      int    // bytes of the pages, with headers, before they were packed
	values     int    // of all pages, nulls and empty lists among them
	page       []byte
	squeezed   []byte
	places     map[string]int32
	words      []string
	indices    []int32
}

func (k *chunkPacker) pack(c *Column) error {
	k.packed, k.dictionary, k.plain, k.values = k.packed[:0], 0, 0, 0
	if c.DType() == tensor.String {
		if err := k.packDictionary(c); err != nil {
			return err
		}
	}
	for from := 0; from < c.Len(); from += parquetPageRows {
		if err := k.packPage(c, from, min(from+parquetPageRows, c.Len())); err != nil {
			return fmt.Errorf("column %q: %w", c.name, err)
		}
	}
	return nil
}

// describe is what the footer says about the pages, the first of which stands at byte at.
func (k *chunkPacker) describe(c *Column, at int64) pqformat.ColumnChunk {
	m := pqformat.ColumnMetaData{
		Type: physical(c), Encoding: thrift.Slice[pqformat.Encoding]{pqformat.Plain, pqformat.RLE},
		PathInSchema: thrift.Slice[string]{c.name}, Codec: pqformat.Snappy, NumValues: int64(k.values),
		TotalUncompressedSize: int64(k.plain), TotalCompressedSize: int64(len(k.packed)), DataPageOffset: at + int64(k.dictionary),
	}
	if c.IsList() {
		m.PathInSchema = append(m.PathInSchema, "list", "element")
	}
	if k.dictionary > 0 {
		m.DictionaryPageOffset = at
		m.Encoding = append(m.Encoding, pqformat.RLEDictionary)
	}
	return pqformat.ColumnChunk{FileOffset: at, MetaData: m}
}

// packDictionary gives the strings of a column indices.
func (k *chunkPacker) packDictionary(c *Column) error {
	values := tensor.MustData[string](c.values)
	if k.places == nil {
		k.places = map[string]int32{}
	}
	clear(k.places)
	k.words, k.indices, k.page = k.words[:0], k.indices[:0], k.page[:0]
	for _, s := range values {
		i, known := k.places[s]
		if !known {
			i = int32(len(k.words))
			if s == "" {
				i = -1 // Null stands in no dictionary.
			} else {
				k.words = append(k.words, s)
				k.page = append(binary.LittleEndian.AppendUint32(k.page, uint32(len(s))), s...)
			}
			k.places[s] = i
		}
		k.indices = append(k.indices, i)
	}
	h := pqformat.PageHeader{Type: pqformat.DictionaryPage}
	h.DictionaryPageHeader = thrift.New(pqformat.DictionaryPageHeader{NumValues: int32(len(k.words)), Encoding: pqformat.Plain})
	err := k.flush(h)
	k.dictionary = len(k.packed)
	return err
}

// packPage packs rows [from, to): levels, then the values that are not null.
func (k *chunkPacker) packPage(c *Column, from, to int) error {
	k.page = k.page[:0]
	var n int
	first, last := from, to
	if c.IsList() {
		first, last = c.offsets[from], c.offsets[to]
		n = k.listLevels(c, from, to)
	} else {
		n = to - from
		k.scalarLevels(c, from, to)
	}
	encoding := pqformat.Plain
	switch values := c.values.Any().(type) {
	case []int64:
		for _, v := range values[first:last] {
			if v != tensor.NullInt64 {
				k.page = binary.LittleEndian.AppendUint64(k.page, uint64(v))
			}
		}
	case []float32:
		for _, v := range values[first:last] {
			if v == v {
				k.page = binary.LittleEndian.AppendUint32(k.page, math.Float32bits(v))
			}
		}
	default:
		encoding = pqformat.RLEDictionary
		k.packIndices(k.indices[first:last])
	}
	k.values += n
	h := pqformat.PageHeader{Type: pqformat.DataPage}
	h.DataPageHeader = thrift.New(pqformat.DataPageHeader{
		NumValues: int32(n), Encoding: encoding, DefinitionLevelEncoding: pqformat.RLE, RepetitionLevelEncoding: pqformat.RLE,
	})
	return k.flush(h)
}

// flush squeezes the page and appends it with its header.
func (k *chunkPacker) flush(h pqformat.PageHeader) error {
	if len(k.page) > math.MaxInt32/2 {
		return fmt.Errorf("a page of %d bytes: write shorter lists or texts", len(k.page))
	}
	k.squeezed = s2.EncodeSnappy(k.squeezed[:cap(k.squeezed)], k.page)
	h.UncompressedPageSize, h.CompressedPageSize = int32(len(k.page)), int32(len(k.squeezed))
	header, err := thrift.Marshal(&thrift.CompactProtocol{}, &h)
	if err != nil {
		return err
	}
	k.packed = append(append(k.packed, header...), k.squeezed...)
	k.plain += len(header) + len(k.page)
	return nil
}

// isNull tells whether element i of a column is null.
func isNull(c *Column, i int) bool {
	switch values := c.values.Any().(type) {
	case []int64:
		return values[i] == tensor.NullInt64
	case []float32:
		return values[i] != values[i]
	case []string:
		return values[i] == ""
	}
	return false
}

// scalarLevels writes 1 for a value and 0 for null.
func (k *chunkPacker) scalarLevels(c *Column, from, to int) {
	levels := bitRun{to: &k.page}
	levels.begin()
	switch values := c.values.Any().(type) {
	case []int64:
		for _, v := range values[from:to] {
			levels.add(v != tensor.NullInt64)
		}
	case []float32:
		for _, v := range values[from:to] {
			levels.add(v == v)
		}
	case []string:
		for _, v := range values[from:to] {
			levels.add(v != "")
		}
	}
	levels.end()
}

// listLevels writes the repetition levels, 0 where a list begins, and the definition levels, 0 for an empty list. It
// returns their number.
func (k *chunkPacker) listLevels(c *Column, from, to int) int {
	elements := make([]int32, to-from) // of each list
	for row := range elements {
		for i := c.offsets[from+row]; i < c.offsets[from+row+1]; i++ {
			if !isNull(c, i) {
				elements[row]++
			}
		}
	}
	n := 0
	levels := bitRun{to: &k.page}
	levels.begin()
	for _, length := range elements {
		for i := range max(length, 1) {
			levels.add(i > 0)
			n++
		}
	}
	levels.end()
	levels.begin()
	for _, length := range elements {
		for range max(length, 1) {
			levels.add(length > 0)
		}
	}
	levels.end()
	return n
}

// bitRun writes levels of one bit: the length in bytes, then one run, bit-packed, or, where all are equal, repeated.
type bitRun struct {
	to    *[]byte
	start int
	n     int
	ones  int
	word  uint64
	bits  []byte
}

func (r *bitRun) begin() {
	r.start, r.n, r.ones, r.word, r.bits = len(*r.to), 0, 0, 0, r.bits[:0]
}

func (r *bitRun) add(one bool) {
	if one {
		r.word |= 1 << (r.n & 63)
		r.ones++
	}
	if r.n++; r.n&63 == 0 {
		r.bits = binary.LittleEndian.AppendUint64(r.bits, r.word)
		r.word = 0
	}
}

func (r *bitRun) end() {
	out := append(*r.to, 0, 0, 0, 0)
	if r.ones == 0 || r.ones == r.n {
		out = binary.AppendUvarint(out, uint64(r.n)<<1)
		out = append(out, byte(min(r.ones, 1)))
	} else {
		groups := (r.n + 7) / 8
		r.bits = binary.LittleEndian.AppendUint64(r.bits, r.word)
		out = append(binary.AppendUvarint(out, uint64(groups)<<1|1), r.bits[:groups]...)
	}
	binary.LittleEndian.PutUint32(out[r.start:], uint32(len(out)-r.start-4))
	*r.to = out
}

// packIndices writes the width of an index in bits and then all in one bit-packed run of groups of 8; null has none.
func (k *chunkPacker) packIndices(indices []int32) {
	width := bits.Len(uint(max(len(k.words)-1, 1)))
	n := 0
	for _, i := range indices {
		if i >= 0 {
			n++
		}
	}
	k.page = append(k.page, byte(width))
	if n == 0 {
		return
	}
	groups := (n + 7) / 8
	k.page = binary.AppendUvarint(k.page, uint64(groups)<<1|1)
	end := len(k.page) + groups*width
	var word uint64
	filled := 0
	for _, i := range indices {
		if i < 0 {
			continue
		}
		word |= uint64(i) << filled
		for filled += width; filled >= 8; filled -= 8 {
			k.page = append(k.page, byte(word))
			word >>= 8
		}
	}
	k.page = append(k.page, byte(word))
	for len(k.page) < end {
		k.page = append(k.page, 0)
	}
	k.page = k.page[:end]
}
