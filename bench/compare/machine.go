package main

import (
	"os"
	"os/exec"
	"runtime"
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
