package data

import (
	"bufio"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	pqformat "github.com/parquet-go/parquet-go/format"
)

// Bounds of what a page may claim to unpack to, for which memory is made before anything is unpacked: maxPageBytes, or, of large
// pages, pageRatio times what they take in the file, more than Snappy and gzip can reach, but no more than mostPageBytes. Writers
// make pages of about 1 MiB.
const (
	maxPageBytes  = 64 << 20
	pageRatio     = 1100
	mostPageBytes = 1 << 30
	maxPageValues = 1 << 26
	headerBytes   = 1 << 10 // of a page's header that are read at once
)

// plausiblePages looks at the headers of the pages of a column of a row group.
func plausiblePages(in io.ReaderAt, size int64, m *pqformat.ColumnMetaData) error {
	at := m.DataPageOffset
	if m.DictionaryPageOffset > 0 && m.DictionaryPageOffset < at {
		at = m.DictionaryPageOffset
	}
	end := at + m.TotalCompressedSize
	if at < 0 || m.TotalCompressedSize < 0 || end > size {
		return fmt.Errorf("a column from byte %d to %d in a file of %d", at, end, size)
	}
	buffered := bufio.NewReaderSize(nil, headerBytes)
	var protocol thrift.CompactProtocol
	for at < end {
		section := io.NewSectionReader(in, at, end-at)
		buffered.Reset(section)
		var h pqformat.PageHeader
		if err := thrift.NewDecoder(protocol.NewReader(buffered)).Decode(&h); err != nil {
			return fmt.Errorf("page at byte %d: %w", at, err)
		}
		read, err := section.Seek(0, io.SeekCurrent)
		if err != nil {
			return err
		}
		packed, unpacked := int64(h.CompressedPageSize), int64(h.UncompressedPageSize)
		values := max(h.DataPageHeader.V.NumValues, h.DataPageHeaderV2.V.NumValues, h.DictionaryPageHeader.V.NumValues)
		next := at + read - int64(buffered.Buffered()) + packed
		if packed < 0 || next > end || unpacked < 0 || unpacked > min(max(maxPageBytes, pageRatio*packed), mostPageBytes) || values > maxPageValues {
			return fmt.Errorf("a page at byte %d of %d bytes that claims to be %d bytes and %d values", at, packed, unpacked, values)
		}
		at = next
	}
	return nil
}
