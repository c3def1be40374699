//go:build unix

package lock_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"recsys/internal/lock"
)

func TestAcquire(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".lock")
	if err := os.WriteFile(path, []byte("somebody who was killed long ago"), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := lock.Acquire(path, "the first")
	if err != nil {
		t.Fatalf("a file that was left behind: %v", err)
	}
	if _, err := lock.Acquire(path, "the second"); !errors.Is(err, lock.ErrHeld) || !strings.HasSuffix(err.Error(), "locked by the first") {
		t.Errorf("got %v, want ErrHeld that names the first", err)
	}
	if err := l.Release(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is left: %v", err)
	}
	again, err := lock.Acquire(path, "the third")
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Release(); err != nil {
		t.Error(err)
	}
	if _, err := lock.Acquire(filepath.Join(path, "nowhere"), "x"); err == nil {
		t.Error("no error for a folder that is not there")
	}
}
