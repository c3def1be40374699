// Command report reads the output of go test -json, prints what a person wants to see of it, and fails on a failed
// test or on a skip that the expected list lacks. The list holds lines "package Test"; # begins a comment.
//
//	go test -json ./... | go run ./test/report test/skips.txt
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

type event struct {
	Action  string
	Package string
	Test    string
	Output  string
	Elapsed float64
}

type summary struct {
	passed, failed int
	skipped        []string
	broken         []string
	output         map[string][]string
	out            io.Writer
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go test -json ./... | report EXPECTED-SKIPS")
		os.Exit(2)
	}
	expected, err := readList(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(2)
	}
	s := &summary{output: map[string][]string{}, out: os.Stdout}
	if err := s.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, "report:", err)
		os.Exit(2)
	}
	if !s.judge(expected) {
		os.Exit(1)
	}
}

func readList(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var list []string
	for line := range strings.Lines(string(text)) {
		line, _, _ = strings.Cut(line, "#")
		if fields := strings.Fields(line); len(fields) > 0 {
			list = append(list, strings.Join(fields, " "))
		}
	}
	return list, nil
}

func (s *summary) read(r io.Reader) error {
	in := bufio.NewScanner(r)
	in.Buffer(nil, 64<<20)
	for in.Scan() {
		var e event
		if err := json.Unmarshal(in.Bytes(), &e); err != nil {
			fmt.Fprintln(s.out, in.Text()) // a line of the go command itself
			continue
		}
		s.take(e)
	}
	return in.Err()
}

func (s *summary) take(e event) {
	key := strings.TrimSpace(e.Package + " " + e.Test)
	switch {
	case e.Action == "output":
		s.output[key] = append(s.output[key], e.Output)
		return
	case e.Action == "build-output":
		fmt.Fprint(s.out, e.Output)
		return
	case e.Test == "" && (e.Action == "pass" || e.Action == "fail"):
		fmt.Fprintf(s.out, "%-4s %s %.1fs\n", strings.Replace(e.Action, "pass", "ok", 1), e.Package, e.Elapsed)
	}
	switch e.Action {
	case "fail":
		s.broken = append(s.broken, key)
		if e.Test != "" {
			s.failed++
		}
		for _, line := range s.output[key] {
			fmt.Fprint(s.out, "    ", line)
		}
	case "pass":
		if e.Test != "" {
			s.passed++
		}
	case "skip":
		if e.Test != "" {
			s.skipped = append(s.skipped, key)
		}
	}
	delete(s.output, key)
}

// judge prints the closing lines and reports whether all is as it should be.
func (s *summary) judge(expected []string) bool {
	ok := len(s.broken) == 0
	for _, skip := range s.skipped {
		if !slices.Contains(expected, skip) {
			fmt.Fprintln(s.out, "unexpected skip:", skip)
			ok = false
		}
	}
	for _, key := range s.broken {
		fmt.Fprintln(s.out, "failed:", key)
	}
	if s.passed == 0 {
		fmt.Fprintln(s.out, "no test passed")
		ok = false
	}
	fmt.Fprintf(s.out, "%d passed, %d failed, %d skipped\n", s.passed, s.failed, len(s.skipped))
	return ok
}
