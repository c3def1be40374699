package data_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"iter"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"recsys/data"
	"recsys/schema"
	"recsys/tensor"
)

// blockColumns are a column of each way to be stored: ids in four bytes, integers in eight, numbers, lists.
func blockColumns() schema.Schema {
	ints, floats := schema.DType{DType: tensor.Int64}, schema.DType{DType: tensor.Float32}
	return schema.Schema{
		{Name: "id", DType: ints, Cardinality: math.MaxInt32},
		{Name: "whole", DType: ints},
		{Name: "number", DType: floats},
		{Name: "list", DType: ints, Length: 3, Cardinality: 50},
	}
}

func blockRows(n int) tensor.Map {
	ids, wholes, numbers, lists := make([]int64, n), make([]int64, n), make([]float32, n), make([]int64, 3*n)
	for i := range n {
		ids[i], wholes[i], numbers[i] = math.MaxInt32-1-int64(i), tensor.NullInt64+int64(i), float32(i)/3
		lists[3*i], lists[3*i+2] = int64(i%50), 49
	}
	numbers[0] = float32(math.NaN())
	return tensor.Map{"id": tensor.Of(ids, n), "whole": tensor.Of(wholes, n), "number": tensor.Of(numbers, n), "list": tensor.Of(lists, n, 3)}
}

// cut yields rows in batches of size.
func cut(rows tensor.Map, n, size int) iter.Seq2[tensor.Map, error] {
	return func(yield func(tensor.Map, error) bool) {
		for from := 0; from < n; from += size {
			batch := tensor.Map{}
			for name, t := range rows {
				batch[name] = t.Rows(from, min(from+size, n))
			}
			if !yield(batch, nil) {
				return
			}
		}
	}
}

func writeBlocks(t *testing.T, n, blockRows int, rows tensor.Map, batch int) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a.cols")
	got, err := data.WriteBlocks(path, data.BlocksHeader{Key: "k", Columns: blockColumns(), BlockRows: blockRows}, cut(rows, n, batch))
	if err != nil {
		t.Fatal(err)
	}
	if got != n {
		t.Fatalf("%d rows were written, want %d", got, n)
	}
	return path
}

func openBlocks(t *testing.T, path string) *data.Blocks {
	t.Helper()
	b, err := data.OpenBlocks(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

// TestBlocksRoundTrip writes rows in batches of many sizes and reads the blocks of each column, from several goroutines.
func TestBlocksRoundTrip(t *testing.T) {
	for _, size := range []struct{ rows, block int }{{1, 1}, {7, 10}, {20, 10}, {25, 10}, {data.DefaultBlockRows + 1, 0}} {
		rows := blockRows(size.rows)
		var first []byte
		for _, batch := range []int{1, 3, 10, 1000} {
			if size.rows > 1000 && batch < 10 {
				continue
			}
			path := writeBlocks(t, size.rows, size.block, rows, batch)
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if first == nil {
				first = text
			}
			if !bytes.Equal(text, first) {
				t.Errorf("%+v: other bytes in batches of %d", size, batch)
			}
			b := openBlocks(t, path)
			if b.Rows() != size.rows || b.Key() != "k" || len(b.Columns()) != 4 {
				t.Errorf("%+v: %d rows, key %q, columns %v", size, b.Rows(), b.Key(), b.Columns())
			}
			var wg sync.WaitGroup
			for i := 0; i*b.BlockRows() < b.Rows(); i++ {
				wg.Go(func() { compareBlock(t, b, i, rows) })
			}
			wg.Wait()
		}
	}
}

// compareBlock reads a block's columns one by one and compares them with rows.
func compareBlock(t *testing.T, b *data.Blocks, i int, rows tensor.Map) {
	t.Helper()
	from := i * b.BlockRows()
	to := min(from+b.BlockRows(), b.Rows())
	for name, all := range rows {
		shape := append([]int{b.BlockRows()}, all.Shape()[1:]...)
		got := tensor.Zeros(all.DType(), shape...)
		if err := b.ReadBlock(i, tensor.Map{name: got}); err != nil {
			t.Error(err)
			return
		}
		if !got.Rows(0, to-from).Equal(all.Rows(from, to)) {
			t.Errorf("block %d, column %q: got %v, want %v", i, name, got.Any(), all.Rows(from, to).Any())
		}
	}
}

func TestBlocksThatWereCutAreRefused(t *testing.T) {
	path := writeBlocks(t, 25, 10, blockRows(25), 25)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range text {
		if err := os.WriteFile(path, text[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		if b, err := data.OpenBlocks(path); !errors.Is(err, data.ErrBlocks) {
			t.Fatalf("%d of %d bytes: got %v and error %v", n, len(text), b, err)
		}
	}
	trailer := len(text) - 12
	for name, longer := range map[string][]byte{
		"a byte behind": append(bytes.Clone(text), 0), "a byte before the trailer": append(append(bytes.Clone(text[:trailer]), 0), text[trailer:]...),
	} {
		if err := os.WriteFile(path, longer, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := data.OpenBlocks(path); !errors.Is(err, data.ErrBlocks) {
			t.Errorf("%s: got error %v", name, err)
		}
	}
}

// TestBlocksThatChangedAreRefused turns over each bit of a file: either it does not open, or a block does not read.
func TestBlocksThatChangedAreRefused(t *testing.T) {
	path := writeBlocks(t, 7, 4, blockRows(7), 7)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range text {
		changed := bytes.Clone(text)
		changed[i] ^= 1 << (i % 8)
		if err := os.WriteFile(path, changed, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := readAll(path); !errors.Is(err, data.ErrBlocks) && !errors.Is(err, data.ErrBlocksVersion) {
			t.Errorf("byte %d of %d changed: got error %v", i, len(text), err)
		}
	}
	other := bytes.Clone(text)
	binary.LittleEndian.PutUint16(other[6:], 2)
	if err := os.WriteFile(path, other, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := data.OpenBlocks(path); !errors.Is(err, data.ErrBlocksVersion) {
		t.Errorf("version 2: got error %v", err)
	}
}

// readAll reads every column of every block.
func readAll(path string) error {
	b, err := data.OpenBlocks(path)
	if err != nil {
		return err
	}
	defer b.Close() //nolint:errcheck // Only read from.
	into := tensor.Map{}
	for _, c := range b.Columns() {
		shape := []int{b.BlockRows()}
		if c.Length > 0 {
			shape = append(shape, c.Length)
		}
		into[c.Name] = tensor.Zeros(c.DType.DType, shape...)
	}
	for i := 0; i*b.BlockRows() < b.Rows(); i++ {
		if err := b.ReadBlock(i, into); err != nil {
			return err
		}
	}
	return nil
}

func TestWriteBlocksErrors(t *testing.T) {
	id := schema.Column{Name: "id", DType: schema.DType{DType: tensor.Int64}, Cardinality: 5}
	list := schema.Column{Name: "list", DType: schema.DType{DType: tensor.Float32}, Length: 2}
	ids := func(v ...int64) *tensor.Tensor { return tensor.Of(v, len(v)) }
	failed := errors.New("no more")
	tests := []struct {
		name    string
		header  data.BlocksHeader
		batches iter.Seq2[tensor.Map, error]
		want    string
	}{
		{"no columns", data.BlocksHeader{}, cut(nil, 0, 1), "no columns"},
		{"text", data.BlocksHeader{Columns: schema.Schema{{Name: "a", DType: schema.DType{DType: tensor.String}}}}, cut(nil, 0, 1), `column "a" is string`},
		{"negative rows", data.BlocksHeader{Columns: schema.Schema{id}, BlockRows: -1}, cut(nil, 0, 1), "blocks of -1 rows"},
		{"large blocks", data.BlocksHeader{Columns: schema.Schema{id}, BlockRows: 1 << 40}, cut(nil, 0, 1), "are possible"},
		{"large id", data.BlocksHeader{Columns: schema.Schema{id}}, cut(tensor.Map{"id": ids(4, 5)}, 2, 2), `column "id" has the id 5, there are 5`},
		{"negative id", data.BlocksHeader{Columns: schema.Schema{id}}, cut(tensor.Map{"id": ids(-1)}, 1, 1), "has the id -1"},
		{"missing column", data.BlocksHeader{Columns: schema.Schema{list}}, cut(tensor.Map{"id": ids(1)}, 1, 1), `no column "list"`},
		{"wrong length", data.BlocksHeader{Columns: schema.Schema{list}}, cut(tensor.Map{"list": tensor.Zeros(tensor.Float32, 1, 3)}, 1, 1), "float32[1,3]"},
		{
			"rows differ",
			data.BlocksHeader{Columns: schema.Schema{id, list}},
			func(yield func(tensor.Map, error) bool) {
				yield(tensor.Map{"id": ids(1, 2), "list": tensor.Zeros(tensor.Float32, 1, 2)}, nil)
			}, `column "list" has 1 rows in a batch of 2`,
		},
		{"source fails", data.BlocksHeader{Columns: schema.Schema{id}}, func(yield func(tensor.Map, error) bool) { yield(nil, failed) }, "no more"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			_, err := data.WriteBlocks(filepath.Join(dir, "a.cols"), test.header, test.batches)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got error %v, want one with %q", err, test.want)
			}
			if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
				t.Errorf("the folder holds %v, %v", left, err)
			}
		})
	}
}

func TestReadBlockErrors(t *testing.T) {
	b := openBlocks(t, writeBlocks(t, 7, 4, blockRows(7), 7))
	for _, test := range []struct {
		block int
		into  tensor.Map
		want  string
	}{
		{2, tensor.Map{}, "block 2 of 7 rows in blocks of 4"},
		{-1, tensor.Map{}, "block -1"},
		{0, tensor.Map{"x": tensor.Zeros(tensor.Int64, 4)}, `no column "x"; the columns are id, whole, number, list`},
		{0, tensor.Map{"id": tensor.Zeros(tensor.Float32, 4)}, "do not go into float32[4]"},
		{0, tensor.Map{"id": tensor.Zeros(tensor.Int64, 3)}, "4 elements of int64 do not go into int64[3]"},
	} {
		if err := b.ReadBlock(test.block, test.into); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got error %v, want one with %q", err, test.want)
		}
	}
}

// FuzzOpenBlocks opens files of any bytes, also with a checksum of the header that fits, and reads what opens.
func FuzzOpenBlocks(f *testing.F) {
	path := filepath.Join(f.TempDir(), "a.cols")
	if _, err := data.WriteBlocks(path, data.BlocksHeader{Columns: blockColumns(), BlockRows: 4}, cut(blockRows(7), 7, 7)); err != nil {
		f.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("RSCOLS"))
	f.Fuzz(func(t *testing.T, text []byte) {
		path := filepath.Join(t.TempDir(), "a.cols")
		text = bytes.Clone(text)
		if len(text) > 12 {
			if n := int(binary.LittleEndian.Uint32(text[8:])); n < len(text)-28 {
				sum := crc32.Checksum(text[:12+n], crc32.MakeTable(crc32.Castagnoli))
				binary.LittleEndian.PutUint32(text[12+n:], sum)
			}
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if b, err := data.OpenBlocks(path); err == nil {
			if err := b.Close(); err != nil {
				t.Error(err)
			}
			if int64(b.Rows()) > int64(len(text)) {
				t.Errorf("%d rows in %d bytes", b.Rows(), len(text))
			}
			elements := 0
			for _, c := range b.Columns() {
				elements += b.BlockRows() * max(1, c.Length)
			}
			if elements > 1<<16 {
				return // Blocks of up to a GiB are possible, and too large for a fuzz target.
			}
			if err := readAll(path); err != nil && !errors.Is(err, data.ErrBlocks) {
				t.Errorf("got error %v", err)
			}
		}
	})
}
