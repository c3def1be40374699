package main

import (
	"errors"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"recsys/graph/kernel"
)

// machine is where and with what figures were taken.
type machine struct {
	Processor string `json:"processor"`
	Count     int    `json:"count"` // of processors
	Kernels   string `json:"kernels"`
	Go        string `json:"go"`
	Commit    string `json:"commit"`
	Date      string `json:"date"`
}

func thisMachine() machine {
	m := machine{
		Processor: "unknown", Count: runtime.NumCPU(), Kernels: kernel.Best().Name, Go: runtime.Version(),
		Commit: "unknown", Date: time.Now().UTC().Format(time.DateOnly),
	}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				m.Processor = strings.TrimSpace(value)
				break
			}
		}
	}
	if out, err := exec.Command("git", "describe", "--always", "--dirty", "--exclude=*").Output(); err == nil {
		m.Commit = strings.TrimSpace(string(out))
	}
	return m
}

// forgetPeak lets the peak of the process's memory begin anew, at what it holds.
func forgetPeak() error { return os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) }

// peak returns the most bytes that the process has held.
func peak() (float64, error) {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) == 3 && fields[0] == "VmHWM:" {
			kilobytes, err := strconv.ParseFloat(fields[1], 64)
			return kilobytes * 1024, err
		}
	}
	return 0, errors.New("/proc/self/status has no VmHWM")
}
