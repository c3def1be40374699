package record_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"recsys/internal/record"
)

type document struct {
	Format int    `json:"format"`
	Text   string `json:"text"`
}

func TestRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r.json")
	want := document{3, "kept"}
	if err := record.Write(path, want); err != nil {
		t.Fatal(err)
	}
	var got document
	if err := record.Read(path, 3, &got); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	for name, c := range map[string]struct{ text, want string }{
		"garbage":      {"x", "not a JSON document"},
		"two":          {`{"format": 3} {}`, "not a JSON document"},
		"no format":    {`{}`, "format 0, this version reads 3"},
		"other format": {`{"format": 4}`, "format 4, this version reads 3"},
		"other type":   {`{"format": 3, "text": 1}`, "text"},
		"too large":    {`{"format": 3, "text": "` + strings.Repeat("x", 16<<20) + `"}`, "larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			err := record.Read(path, 3, &document{})
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("Read gives %v, want the file and %q", err, c.want)
			}
		})
	}
	if err := record.Read(path+"x", 3, &got); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file gives %v", err)
	}
}
