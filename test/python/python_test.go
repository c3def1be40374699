package python_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"recsys/test/ort"
)

// TestFixturesAreCurrent makes the committed files again. After a change to a script write them with
//
//	$RECSYS_PYTHON test/python/models.py test/ort/testdata
//	$RECSYS_PYTHON test/python/infer_requests.py client/testdata/requests
func TestFixturesAreCurrent(t *testing.T) {
	python := os.Getenv(ort.Env)
	if python == "" {
		t.Skip(ort.Env + " is not set: the fixtures are not made again; see test/ort/install.sh")
	}
	for script, folder := range map[string]string{
		"models.py":         "../ort/testdata",
		"infer_requests.py": "../../client/testdata/requests",
	} {
		t.Run(script, func(t *testing.T) {
			made := t.TempDir()
			if out, err := exec.CommandContext(t.Context(), python, script, made).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			committed, err := filepath.Glob(folder + "/*.*")
			if err != nil {
				t.Fatal(err)
			}
			fresh, err := os.ReadDir(made)
			if err != nil || len(fresh) != len(committed) {
				t.Errorf("the script makes %d files, %s has %d: %v", len(fresh), folder, len(committed), err)
			}
			for _, entry := range fresh {
				got, err := os.ReadFile(filepath.Join(made, entry.Name()))
				if err != nil {
					t.Fatal(err)
				}
				want, err := os.ReadFile(filepath.Join(folder, entry.Name()))
				if err != nil {
					t.Fatal(err)
				}
				if string(got) != string(want) {
					t.Errorf("%s differs from the committed one", entry.Name())
				}
			}
		})
	}
}
