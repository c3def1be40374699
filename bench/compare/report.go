package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"

	"recsys/internal/atomicfile"
)

// results are the figures by row.
type results map[string][]figure

const resultsFile = "RESULTS.json"

func readResults(dir string) (results, error) {
	text, err := os.ReadFile(filepath.Join(dir, resultsFile))
	if errors.Is(err, fs.ErrNotExist) {
		return results{}, nil
	}
	if err != nil {
		return nil, err
	}
	r := results{}
	if err := json.Unmarshal(text, &r); err != nil {
		return nil, fmt.Errorf("%s: %w", resultsFile, err)
	}
	return r, nil
}

// put replaces the figures of a row at the numbers of threads that were measured.
func (r results) put(name string, figures []figure) {
	var kept []figure
	for _, old := range r[name] {
		again := false
		for _, f := range figures {
			again = again || f.Threads == old.Threads
		}
		if !again {
			kept = append(kept, old)
		}
	}
	r[name] = append(kept, figures...)
}

func (r results) write(dir string) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	if err := atomicfile.WriteBytes(filepath.Join(dir, resultsFile), append(text, '\n')); err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(dir, "RESULTS.md"), r.page())
}

// page writes the results for readers.
func (r results) page() []byte {
	var b bytes.Buffer
	b.WriteString(`# Measurements

` + "`make bench-compare`" + ` makes this page: it runs recsys and the other library in turns, round by round, in processes bound to the
same processors, and takes medians. "times" is the other's time divided by that of recsys in the same round, with the lowest
and the highest round; for bandwidth it is the share of it. First steps are discarded. See bench/compare for the work of each row.

| work | threads | recsys | other | times | target | |
| --- | --- | --- | --- | --- | --- | --- |
`)
	var machines []machine
	for _, row := range rows() {
		for _, f := range r[row.name] {
			target, met := f.targets(), ""
			if target != "" {
				if met = "**not met**"; f.met() {
					met = "met"
				}
			}
			at := len(machines)
			for i, m := range machines {
				if m == f.Machine {
					at = i
				}
			}
			if at == len(machines) {
				machines = append(machines, f.Machine)
			}
			fmt.Fprintf(&b, "| %s | %d | %s %s%s | %s %s: %s%s | %.2f (%.2f–%.2f) | %s | %s [%d] |\n", f.Title, f.Threads,
				number(f.Own), f.Unit, memory(f.OwnMemory), f.Name, f.Version, number(f.Other), memory(f.OtherMemory), f.Ratio, f.Low, f.High, target, met, at+1)
		}
	}
	b.WriteString("\n")
	for i, m := range machines {
		fmt.Fprintf(&b, "[%d] %s, %d processors, kernels %s, %s, commit %s, %s\n\n", i+1, m.Processor, m.Count, m.Kernels,
			m.Go, m.Commit, m.Date)
	}
	return b.Bytes()
}

// number writes three digits, with thousands grouped.
func number(x float64) string {
	switch {
	case x >= 1e6:
		return strconv.FormatFloat(x/1e6, 'f', 1, 64) + "M"
	case x >= 10000:
		return strconv.Itoa(int(x/1000+0.5)) + "k"
	case x >= 100:
		return strconv.Itoa(int(x + 0.5))
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}
