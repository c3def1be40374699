package docs_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// pages returns the paths of all pages for readers, from the root.
func pages(t *testing.T) []string {
	t.Helper()
	var paths []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return filepath.SkipDir
		}
		if strings.HasSuffix(path, ".md") {
			rel, err := filepath.Rel(root, path)
			paths = append(paths, rel)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) < 20 {
		t.Fatalf("%d pages found; does the test still find them?", len(paths))
	}
	return paths
}

var (
	code    = regexp.MustCompile("(?ms)^\\s*```.*?^\\s*```$|`[^`\n]+`")
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ (.+)$`)
	machine = regexp.MustCompile(`(?:^|[\s"'(=])/(?:work|home|root|Users|mnt|workspace)/`)
)

// anchors are the ends of links to a page's headings, as GitHub makes them.
func anchors(page string) []string {
	var out []string
	for _, m := range heading.FindAllStringSubmatch(page, -1) {
		var b strings.Builder
		for _, r := range strings.ToLower(m[1]) {
			switch {
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				b.WriteRune(r)
			case r == ' ':
				b.WriteByte('-')
			}
		}
		out = append(out, b.String())
	}
	return out
}

func TestLinks(t *testing.T) {
	for _, path := range pages(t) {
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(code.ReplaceAllString(string(text), ""), -1) {
			checkLink(t, path, m[1])
		}
	}
}

func checkLink(t *testing.T, path, target string) {
	t.Helper()
	if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
		return
	}
	file, anchor, _ := strings.Cut(target, "#")
	to := filepath.Join(root, path)
	if file != "" {
		to = filepath.Join(filepath.Dir(to), file)
	}
	info, err := os.Stat(to)
	if err != nil {
		t.Errorf("%s: the link to %s leads nowhere", path, target)
		return
	}
	if anchor == "" || info.IsDir() {
		return
	}
	page, err := os.ReadFile(to)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(anchors(string(page)), anchor) {
		t.Errorf("%s: the link to %s leads to no heading", path, target)
	}
}

func TestNoMachinePaths(t *testing.T) {
	for _, path := range pages(t) {
		text, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			t.Fatal(err)
		}
		for i, line := range strings.Split(string(text), "\n") {
			if machine.MatchString(line) {
				t.Errorf("%s:%d: a path of one machine: %s", path, i+1, line)
			}
		}
	}
}
