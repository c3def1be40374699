package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/google/go-cmp/cmp"
)

// reference is the page that has the help of every verb.
const reference = "../../docs/reference/command.md"

var helpBlock = regexp.MustCompile("(?s)```text\n\\$ recsys (.*?)--help\n(.*?)```")

// verbs returns the verbs of the command line, "features load" for one below another.
func verbs(t *testing.T) []*kong.Node {
	t.Helper()
	parser, err := kong.New(&cli{}, kong.Name("recsys"))
	if err != nil {
		t.Fatal(err)
	}
	return parser.Model.Leaves(true)
}

func verbName(n *kong.Node) string {
	path, _, _ := strings.Cut(strings.TrimPrefix(n.FullPath(), "recsys "), " <")
	path, _, _ = strings.Cut(path, " [")
	return path
}

func help(t *testing.T, args ...string) string {
	t.Helper()
	var out bytes.Buffer
	if code := run(t.Context(), append(args, "--help"), output{&out, &out}); code != 0 {
		t.Fatalf("recsys %v --help ends with %d:\n%s", args, code, out.String())
	}
	return out.String()
}

// TestReference compares the help in the reference with that of the command; -update writes it.
func TestReference(t *testing.T) {
	page, err := os.ReadFile(reference)
	if err != nil {
		t.Fatal(err)
	}
	var described []string
	want := helpBlock.ReplaceAllStringFunc(string(page), func(block string) string {
		verb := strings.TrimSpace(helpBlock.FindStringSubmatch(block)[1])
		described = append(described, verb)
		return "```text\n$ recsys " + strings.TrimSpace(verb+" --help") + "\n" + help(t, strings.Fields(verb)...) + "```"
	})
	if *update {
		if err := os.WriteFile(reference, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if diff := cmp.Diff(string(page), want); diff != "" {
		t.Errorf("%s is out of date; run go test ./cmd/recsys -run TestReference -update (-got +want):\n%s", reference, diff)
	}
	for _, n := range verbs(t) {
		if !slices.Contains(described, verbName(n)) {
			t.Errorf("%s has no help of %q; add a block \"$ recsys %s --help\"", reference, verbName(n), verbName(n))
		}
	}
}

// TestFlagsHaveHelp checks that whoever reads the reference finds a sentence for every flag.
func TestFlagsHaveHelp(t *testing.T) {
	for _, n := range verbs(t) {
		for _, f := range n.Flags {
			if f.Help == "" {
				t.Errorf("recsys %s: --%s has no help", verbName(n), f.Name)
			}
		}
	}
}

var (
	fence = regexp.MustCompile("(?ms)^```(?:sh|bash|console|text)?\n(.*?)^```")
	typed = regexp.MustCompile(`^(?:\$ )?(?:recsys|go run \./cmd/recsys) +(.*)$`)
)

// TestDocumentedCommands checks that verbs and flags in the code blocks of all pages are ones that there are.
func TestDocumentedCommands(t *testing.T) {
	known := map[string][]string{}
	for _, n := range verbs(t) {
		flags := []string{"--help", "-h"}
		for _, f := range n.Flags {
			flags = append(flags, "--"+f.Name)
			if f.Short != 0 {
				flags = append(flags, "-"+string(f.Short))
			}
		}
		known[verbName(n)] = flags
	}
	commands := 0
	for _, path := range pages(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range fence.FindAllStringSubmatch(string(text), -1) {
			for line := range strings.SplitSeq(strings.ReplaceAll(block[1], "\\\n", " "), "\n") {
				m := typed.FindStringSubmatch(line)
				if m == nil || strings.HasPrefix(m[1], "--help") {
					continue
				}
				commands++
				code, _, _ := strings.Cut(m[1], " #")
				checkCommand(t, path, known, strings.Fields(code))
			}
		}
	}
	if commands < 10 {
		t.Errorf("%d commands found in the pages, want more: does the test still read them?", commands)
	}
}

func checkCommand(t *testing.T, path string, known map[string][]string, words []string) {
	t.Helper()
	flags, ok := known[words[0]]
	if !ok && len(words) > 1 {
		flags, ok = known[words[0]+" "+words[1]]
	}
	if !ok {
		t.Errorf("%s: recsys %s: there is no such verb", path, words[0])
		return
	}
	for _, w := range words[1:] {
		name, _, _ := strings.Cut(w, "=")
		if strings.HasPrefix(w, "-") && !slices.Contains(flags, name) {
			t.Errorf("%s: recsys %s: there is no flag %s", path, words[0], name)
		}
	}
}

// pages returns every page of the repository for readers.
func pages(t *testing.T) []string {
	t.Helper()
	paths := []string{"../../README.md"}
	err := filepath.WalkDir("../../docs", func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".md") {
			paths = append(paths, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}
