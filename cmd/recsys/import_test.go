package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestComeFromMerlin runs the commands of the how-to page on files that NVTabular wrote.
func TestComeFromMerlin(t *testing.T) {
	page, err := os.ReadFile("../../docs/how-to/come-from-merlin.md")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(filepath.Join(dir, "nvtabular"), os.DirFS(filepath.FromSlash("../../pipeline/merlin/testdata"))); err != nil {
		t.Fatal(err)
	}
	t.Chdir(dir)
	commands := 0
	for _, block := range shellCode.FindAllStringSubmatch(string(page), -1) {
		for line := range strings.Lines(block[2]) {
			words := strings.Fields(line)
			if len(words) == 0 || words[0] != "recsys" {
				t.Fatalf("line %q is no command of recsys", line)
			}
			var faults strings.Builder
			if code := run(t.Context(), words[1:], output{io.Discard, &faults}); code != 0 {
				t.Fatalf("%s: status %d\n%s", line, code, &faults)
			}
			commands++
		}
	}
	if commands != 2 {
		t.Errorf("the page has %d commands, want 2", commands)
	}
}
