package data_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	pqformat "github.com/parquet-go/parquet-go/format"

	"recsys/data"
)

// hostile rewrites the header of the first page of a column of a file with one row group, and the footer to suit.
func hostile(t *testing.T, content []byte, column int, rewrite func(*pqformat.PageHeader)) []byte {
	t.Helper()
	var protocol thrift.CompactProtocol
	length := int(binary.LittleEndian.Uint32(content[len(content)-8:]))
	var meta pqformat.FileMetaData
	if err := thrift.NewDecoder(protocol.NewReaderFromBytes(content[len(content)-8-length:])).Decode(&meta); err != nil {
		t.Fatal(err)
	}
	columns := meta.RowGroups[0].Columns
	m := &columns[column].MetaData
	at := int(m.DataPageOffset)
	var h pqformat.PageHeader
	in := bytes.NewReader(content[at:])
	if err := thrift.NewDecoder(protocol.NewReader(in)).Decode(&h); err != nil {
		t.Fatal(err)
	}
	data := len(content) - in.Len() // The page begins here.
	rewrite(&h)
	var header, footer bytes.Buffer
	if err := thrift.NewEncoder(protocol.NewWriter(&header)).Encode(&h); err != nil {
		t.Fatal(err)
	}
	grown := int64(header.Len() - (data - at))
	m.TotalCompressedSize += grown
	for i := column + 1; i < len(columns); i++ {
		columns[i].MetaData.DataPageOffset += grown
	}
	if err := thrift.NewEncoder(protocol.NewWriter(&footer)).Encode(&meta); err != nil {
		t.Fatal(err)
	}
	out := append(bytes.Clone(content[:at]), header.Bytes()...)
	out = append(append(out, content[data:len(content)-8-length]...), footer.Bytes()...)
	return append(binary.LittleEndian.AppendUint32(out, uint32(footer.Len())), "PAR1"...)
}

// TestParquetPagesThatClaimMuch are refused before memory is made for them.
func TestParquetPagesThatClaimMuch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.parquet")
	rows := table(t, data.Scalar("a", []int64{1, 2, 3}), data.Scalar("b", []float32{1, 2, 3}))
	if _, err := data.WriteParquet(t.Context(), path, rows.Batches(t.Context(), rows.Len())); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	read := func(content []byte) (uint64, error) {
		t.Helper()
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := data.Read(t.Context(), data.Spec{Path: path})
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc, err
	}
	for i, name := range []string{"a", "b"} {
		// As it was, but for the way that its header is written.
		if _, err := read(hostile(t, content, i, func(*pqformat.PageHeader) {})); err != nil {
			t.Fatalf("the test makes files that cannot be read: %v", err)
		}
		for what, rewrite := range map[string]func(h *pqformat.PageHeader){
			"bytes":    func(h *pqformat.PageHeader) { h.UncompressedPageSize = math.MaxInt32 },
			"less":     func(h *pqformat.PageHeader) { h.UncompressedPageSize = 100 << 20 },
			"negative": func(h *pqformat.PageHeader) { h.UncompressedPageSize = -5 },
			"packed":   func(h *pqformat.PageHeader) { h.CompressedPageSize = math.MaxInt32 },
			"values": func(h *pqformat.PageHeader) {
				h.DataPageHeader.V.NumValues, h.DataPageHeaderV2.V.NumValues = math.MaxInt32, math.MaxInt32
			},
		} {
			made, err := read(hostile(t, content, i, rewrite))
			want := fmt.Sprintf("a.parquet: damaged parquet file: column %q: a page at byte", name)
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "write it again") {
				t.Errorf("%s of %s: error %v, want one with %q", what, name, err, want)
			}
			if made > 8<<20 { // A reader's buffers are below 1 MiB.
				t.Errorf("%s of %s: %d MiB were made", what, name, made>>20)
			}
		}
	}
}
