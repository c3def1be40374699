package featurestore_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/featurestore"
	"recsys/schema"
	"recsys/tensor"
)

func rowsHeader() featurestore.RowsHeader {
	return featurestore.RowsHeader{
		Entity: schema.User, Key: column("user_id", tensor.Int64, 0), Schema: schema.Schema{column("age", tensor.Float32, 0)},
	}
}

func sample() []featurestore.Record {
	return []featurestore.Record{
		{UserID: "1", Row: []byte("r1"), History: []string{"a", "b"}, Seen: []string{"a", "b", "c"}, AsOf: 1700000000000},
		{UserID: "2"},
		{UserID: "日本\x00", Row: []byte{0, 255}, Seen: []string{"x"}, AsOf: -5},
	}
}

func sequence(rs []featurestore.Record, end error) iter.Seq2[featurestore.Record, error] {
	return func(yield func(featurestore.Record, error) bool) {
		for _, r := range rs {
			if !yield(r, nil) {
				return
			}
		}
		if end != nil {
			yield(featurestore.Record{}, end)
		}
	}
}

func collect(seq iter.Seq2[featurestore.Record, error]) (out []featurestore.Record, err error) {
	for r, err := range seq {
		if err != nil {
			return out, err
		}
		out = append(out, r)
	}
	return out, nil
}

func write(tb testing.TB) (path string, data []byte) {
	tb.Helper()
	path = filepath.Join(tb.TempDir(), "users.rows")
	n, err := featurestore.WriteRows(path, rowsHeader(), sequence(sample(), nil))
	if err != nil || n != 3 {
		tb.Fatalf("wrote %d records, error %v", n, err)
	}
	if data, err = os.ReadFile(path); err != nil {
		tb.Fatal(err)
	}
	return path, data
}

func TestRowsRoundTrip(t *testing.T) {
	path, data := write(t)
	header, seq, err := featurestore.ReadRows(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(header, rowsHeader()); diff != "" {
		t.Errorf("header (-got +want):\n%s", diff)
	}
	for range 2 { // The sequence can be ranged over again.
		got, err := collect(seq)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, sample()); diff != "" {
			t.Errorf("records (-got +want):\n%s", diff)
		}
	}
	for r, err := range seq {
		if err != nil || r.UserID != "1" {
			t.Errorf("first user %q, error %v, want 1", r.UserID, err)
		}
		break
	}
	if _, again := write(t); !bytes.Equal(again, data) {
		t.Error("the same records gave other bytes")
	}
}

func TestRowsWriteLeavesNothingAfterAnError(t *testing.T) {
	boom := errors.New("boom")
	tests := []struct {
		name   string
		header featurestore.RowsHeader
		seq    iter.Seq2[featurestore.Record, error]
		want   error
	}{
		{"records fail", rowsHeader(), sequence(sample(), boom), boom},
		{"no key", rowsHeader(), sequence([]featurestore.Record{{Row: []byte("x")}}, nil), nil},
		{"too large", rowsHeader(), sequence([]featurestore.Record{{UserID: "u", Row: make([]byte, 17<<20)}}, nil), nil},
		{"header", featurestore.RowsHeader{}, sequence(nil, nil), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			folder := t.TempDir()
			_, err := featurestore.WriteRows(filepath.Join(folder, "users.rows"), tt.header, tt.seq)
			if err == nil || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("got error %v, want %v", err, tt.want)
			}
			if entries, err := os.ReadDir(folder); err != nil || len(entries) != 0 {
				t.Errorf("folder holds %v, error %v, want nothing", entries, err)
			}
		})
	}
}

func TestRowsWriteKeepsTheOldFileUntilTheEnd(t *testing.T) {
	path, data := write(t)
	if _, err := featurestore.WriteRows(path, rowsHeader(), sequence(nil, errors.New("boom"))); err == nil {
		t.Error("no error")
	}
	if got, err := os.ReadFile(path); err != nil || !bytes.Equal(got, data) {
		t.Errorf("the old file has changed, error %v", err)
	}
}

func TestRowsRefuseDamage(t *testing.T) {
	_, data := write(t)
	for i := range data { // Every single changed byte and every truncation is found.
		changed := bytes.Clone(data)
		changed[i] ^= 0x41
		if _, err := collect(featurestore.DecodeRows(bytes.NewReader(changed))); err == nil {
			t.Errorf("byte %d of %d changed: no error", i, len(data))
		}
		if _, err := collect(featurestore.DecodeRows(bytes.NewReader(data[:i]))); err == nil {
			t.Errorf("cut to %d of %d bytes: no error", i, len(data))
		}
	}
	if _, err := collect(featurestore.DecodeRows(bytes.NewReader(append(data, 0)))); err == nil {
		t.Error("a byte too many: no error")
	}
}

func TestRowsRefuseOtherVersions(t *testing.T) {
	path, data := write(t)
	binary.LittleEndian.PutUint16(data[len("RSROWS"):], 2)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := featurestore.ReadRows(path)
	if !errors.Is(err, featurestore.ErrRowsVersion) || !strings.Contains(err.Error(), path) {
		t.Errorf("got error %v, want ErrRowsVersion with the path", err)
	}
	if _, _, err := featurestore.ReadRows(path + "x"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got error %v, want fs.ErrNotExist", err)
	}
}

func FuzzDecodeRows(f *testing.F) {
	_, data := write(f)
	f.Add(data)
	f.Add(data[:len(data)-3])
	f.Fuzz(func(t *testing.T, data []byte) {
		records, err := collect(featurestore.DecodeRows(bytes.NewReader(data)))
		if err != nil {
			return
		}
		path := filepath.Join(t.TempDir(), "users.rows")
		if _, err := featurestore.WriteRows(path, rowsHeader(), sequence(records, nil)); err != nil {
			t.Fatalf("read but not writable: %v", err)
		}
	})
}
