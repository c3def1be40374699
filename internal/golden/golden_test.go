package golden_test

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/ensemble"
	"recsys/internal/golden"
)

var update = flag.Bool("update", false, "write model_repository again")

const (
	committed = "../../model_repository"
	// maxBytes is what the repository may take in a clone.
	maxBytes = 3 << 20
)

// files returns the content of every file below dir by its path.
func files(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := map[string][]byte{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		all[filepath.ToSlash(name)], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestGoldenRepository(t *testing.T) {
	made := filepath.Join(t.TempDir(), "repository")
	if err := golden.Build(t.Context(), t.TempDir(), made); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.RemoveAll(committed); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(committed, os.DirFS(made)); err != nil {
			t.Fatal(err)
		}
	}
	want, got := files(t, committed), files(t, made)
	size := 0
	for name, data := range got {
		size += len(data)
		if !bytes.Equal(want[name], data) {
			t.Errorf("%s differs from the committed file (%d and %d bytes); go test ./internal/golden -update accepts it",
				name, len(data), len(want[name]))
		}
	}
	if len(want) != len(got) {
		t.Errorf("made %d files, %d are committed", len(got), len(want))
	}
	if size > maxBytes {
		t.Errorf("the repository takes %d bytes, more than %d", size, maxBytes)
	}
	findings, err := ensemble.Validate(committed)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]ensemble.Finding(nil), findings); diff != "" {
		t.Errorf("check finds (-want +got):\n%s", diff)
	}
}

// TestGoldenWithoutFMA makes the repository on a processor that seems to have no fused multiply-add.
func TestGoldenWithoutFMA(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestGoldenRepository$")
	cmd.Env = append(os.Environ(), "GODEBUG=cpu.fma=off,cpu.avx2=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("without FMA: %v\n%s", err, out)
	}
}
