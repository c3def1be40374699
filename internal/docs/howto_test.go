package docs_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var testedAs = regexp.MustCompile("compiled and\\s+tested\\s+as\\s+`([^`]+)`")

// TestHowToCode: every piece of Go on a page that tells how to write a component stands in the file which the page names.
func TestHowToCode(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(root, "docs/how-to/write-a-*.md"))
	if err != nil || len(paths) < 2 {
		t.Fatalf("%d pages, %v; does the test still find them?", len(paths), err)
	}
	for _, path := range paths {
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		named := testedAs.FindStringSubmatch(string(page))
		if named == nil {
			t.Errorf("%s does not say which file its code is compiled and tested as", path)
			continue
		}
		file, err := os.ReadFile(filepath.Join(root, named[1]))
		if err != nil {
			t.Fatal(err)
		}
		blocks := strings.Split(string(page), "```go\n")[1:]
		if len(blocks) == 0 {
			t.Errorf("%s has no Go", path)
		}
		for _, block := range blocks {
			if code, _, _ := strings.Cut(block, "```"); !strings.Contains(string(file), code) {
				t.Errorf("%s has code that %s has not:\n%s", path, named[1], code)
			}
		}
	}
}
