//go:build linux

package data_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"recsys/data"
	"recsys/schema"
	"recsys/tensor"
)

// TestFullDisk writes every kind of file to a disk of 256 KiB: the error says that it is full, and nothing is left, but what was
// there before.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("no disk of its own can be mounted: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	const n = 100_000
	keys := make([]int64, n)
	names := make([]string, n)
	for i := range keys {
		keys[i], names[i] = int64(i)*7919*7919, fmt.Sprint("name of number ", i)
	}
	rows := table(t, data.Scalar("id", keys), data.Scalar("name", names))
	for name, write := range map[string]func(path string) error{
		"a.csv":     func(path string) error { return data.WriteCSV(path, rows, nil) },
		"a.csv.gz":  func(path string) error { return data.WriteCSV(path, rows, nil) },
		"a.csv.zst": func(path string) error { return data.WriteCSV(path, rows, nil) },
		"a.parquet": func(path string) error {
			_, err := data.WriteParquet(t.Context(), path, rows.Batches(t.Context(), n))
			return err
		},
		"a.cols": func(path string) error {
			h := data.BlocksHeader{Columns: schema.Schema{{Name: "id", DType: schema.DType{DType: tensor.Int64}}}}
			_, err := data.WriteBlocks(path, h, cut(tensor.Map{"id": tensor.Of(keys, n)}, n, 1000))
			return err
		},
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte("before"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := write(path); !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("%s: error %v, want one that says that no space is left", name, err)
		}
		if text, err := os.ReadFile(path); err != nil || string(text) != "before" {
			t.Errorf("%s: what was there is gone: %.20q, %v", name, text, err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 1 {
			t.Errorf("%s: %v is left, %v", name, left, err)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
}
