package data

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"

	"github.com/parquet-go/parquet-go/deprecated"
	"github.com/parquet-go/parquet-go/encoding/thrift"
	pqformat "github.com/parquet-go/parquet-go/format"

	"recsys/internal/atomicfile"
	"recsys/internal/parallel"
	"recsys/tensor"
)

// parquetGroupRows bounds the rows of a row group, which is packed in memory before it is written.
const parquetGroupRows = 1 << 17

// WriteParquet writes tables of the same columns, one behind another, to a Parquet file and returns the number of rows.
// It holds one table and, packed, one row group of up to 131072 rows of it. Columns are INT64, FLOAT or UTF-8 text, in
// the tables' order; null is null, and lists leave it out. Pages are packed with snappy. The same tables give the same
// bytes; the file appears whole or not at all.
func WriteParquet(ctx context.Context, path string, tables iter.Seq2[*Table, error]) (rows int, err error) {
	err = atomicfile.Write(path, func(w io.Writer) error {
		p := &parquetWriter{out: w}
		for t, err := range tables {
			if err == nil {
				err = ctx.Err()
			}
			if err == nil {
				err = p.write(ctx, t)
			}
			if err != nil {
				return err
			}
		}
		rows = int(p.meta.NumRows)
		return p.close()
	})
	if err != nil {
		return 0, fmt.Errorf("write %s: %w", path, err)
	}
	return rows, nil
}

// parquetMagic begins and ends a file.
const parquetMagic = "PAR1"

type parquetWriter struct {
	out  io.Writer
	at   int64 // bytes written
	meta pqformat.FileMetaData
	// columns are those of the first table; packers have memory for one column each.
	columns []columnKind
	packers []chunkPacker
}

// columnKind is what all tables have to agree on.
type columnKind struct {
	name  string
	dtype tensor.DType
	list  bool
}

func kindsOf(t *Table) []columnKind {
	kinds := make([]columnKind, len(t.columns))
	for i, c := range t.columns {
		kinds[i] = columnKind{c.name, c.DType(), c.IsList()}
	}
	return kinds
}

func (k columnKind) String() string {
	if k.list {
		return fmt.Sprintf("%q, lists of %s", k.name, k.dtype)
	}
	return fmt.Sprintf("%q, %s", k.name, k.dtype)
}

func (p *parquetWriter) write(ctx context.Context, t *Table) error {
	if p.columns == nil {
		p.begin(t)
		if err := p.put([]byte(parquetMagic)); err != nil {
			return err
		}
	}
	if err := p.fits(t); err != nil {
		return err
	}
	for from := 0; from < t.rows; from += parquetGroupRows {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.writeGroup(t.Slice(from, min(from+parquetGroupRows, t.rows))); err != nil {
			return err
		}
	}
	return nil
}

func (p *parquetWriter) put(b []byte) error {
	n, err := p.out.Write(b)
	p.at += int64(n)
	return err
}

// begin takes the columns of the first table.
func (p *parquetWriter) begin(t *Table) {
	p.columns = kindsOf(t)
	p.packers = make([]chunkPacker, len(t.columns))
	p.meta = pqformat.FileMetaData{Version: 1, CreatedBy: "recsys"}
	p.meta.Schema = append(p.meta.Schema, pqformat.SchemaElement{
		Name: "schema", NumChildren: thrift.New(int32(len(t.columns))),
	})
	for _, c := range t.columns {
		p.meta.Schema = append(p.meta.Schema, elementsOf(c)...)
	}
}

// elementsOf describes a column: an optional leaf, or a list, in the three levels of the format, of leaves that are there.
func elementsOf(c *Column) []pqformat.SchemaElement {
	leaf := pqformat.SchemaElement{
		Name: c.name, Type: thrift.New(physical(c)), RepetitionType: thrift.New(pqformat.Optional),
	}
	if c.DType() == tensor.String {
		leaf.ConvertedType = thrift.New(deprecated.UTF8)
		leaf.LogicalType.Value = &pqformat.StringType{}
	}
	if !c.IsList() {
		return []pqformat.SchemaElement{leaf}
	}
	leaf.Name, leaf.RepetitionType = "element", thrift.New(pqformat.Required)
	return []pqformat.SchemaElement{
		{
			Name: c.name, RepetitionType: thrift.New(pqformat.Required), NumChildren: thrift.New(int32(1)),
			ConvertedType: thrift.New(deprecated.List), LogicalType: pqformat.LogicalType{Value: &pqformat.ListType{}},
		},
		{Name: "list", RepetitionType: thrift.New(pqformat.Repeated), NumChildren: thrift.New(int32(1))},
		leaf,
	}
}

func physical(c *Column) pqformat.Type {
	switch c.DType() {
	case tensor.Int64:
		return pqformat.Int64
	case tensor.Float32:
		return pqformat.Float
	default:
		return pqformat.ByteArray
	}
}

// fits verifies that a table has the columns of the first.
func (p *parquetWriter) fits(t *Table) error {
	kinds := kindsOf(t)
	if len(kinds) != len(p.columns) {
		return fmt.Errorf("a table of %d columns behind one of %d", len(kinds), len(p.columns))
	}
	for i, k := range kinds {
		if was := p.columns[i]; k != was {
			return fmt.Errorf("column %d is %s, and %s in tables before", i+1, k, was)
		}
	}
	return nil
}

// writeGroup packs the columns of a row group on all processors and writes them in order.
func (p *parquetWriter) writeGroup(t *Table) error {
	if len(p.meta.RowGroups) == math.MaxInt16 {
		return fmt.Errorf("more than %d row groups: write larger tables", math.MaxInt16)
	}
	err := parallel.Do(workers(t.rows*len(t.columns)), len(t.columns), func(i int) error { return p.packers[i].pack(t.columns[i]) })
	if err != nil {
		return err
	}
	group := pqformat.RowGroup{NumRows: int64(t.rows), FileOffset: p.at, Ordinal: int16(len(p.meta.RowGroups))}
	for i, c := range t.columns {
		chunk := p.packers[i].describe(c, p.at)
		if err := p.put(p.packers[i].packed); err != nil {
			return err
		}
		group.Columns = append(group.Columns, chunk)
		group.TotalByteSize += chunk.MetaData.TotalUncompressedSize
		group.TotalCompressedSize += chunk.MetaData.TotalCompressedSize
	}
	p.meta.RowGroups = append(p.meta.RowGroups, group)
	p.meta.NumRows += group.NumRows
	return nil
}

// close writes the footer.
func (p *parquetWriter) close() error {
	if p.columns == nil {
		return errors.New("no table, so no columns")
	}
	footer, err := thrift.Marshal(&thrift.CompactProtocol{}, &p.meta)
	if err != nil {
		return err
	}
	n := len(footer)
	footer = append(footer, byte(n), byte(n>>8), byte(n>>16), byte(n>>24))
	return p.put(append(footer, parquetMagic...))
}
