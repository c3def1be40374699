package main

import (
	"bufio"
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

//go:embed python
var scripts embed.FS

// side is a process that does one row's work when told to.
type side struct {
	name, version string
	steps         int
	memory        float64 // the greatest peak, in bytes
	cmd           *exec.Cmd
	in            io.WriteCloser
	out           *bufio.Scanner
	faults        *bytes.Buffer
}

// answer is what a side prints: once when it is ready, then for every number of steps that it reads.
type answer struct {
	Version string  `json:"version,omitempty"`
	Seconds float64 `json:"seconds"`
	// Check is a figure that all sides have to agree on.
	Check float64 `json:"check"`
	// Memory is the peak of the process's memory in bytes while it worked.
	Memory float64 `json:"memory"`
}

// start runs a side on the first processors.
func start(ctx context.Context, s settings, o other, dir string, threads int) (*side, error) {
	args, err := command(s, o, dir, threads)
	if err != nil {
		return nil, err
	}
	processors := make([]string, threads)
	for i := range processors {
		processors[i] = strconv.Itoa(i)
	}
	p := &side{name: o.name, faults: &bytes.Buffer{}}
	p.cmd = exec.CommandContext(ctx, "taskset", append([]string{"-c", strings.Join(processors, ",")}, args...)...)
	n := strconv.Itoa(threads)
	p.cmd.Env = append(os.Environ(), "GOMAXPROCS="+n, "OMP_NUM_THREADS="+n, "OPENBLAS_NUM_THREADS="+n, "MKL_NUM_THREADS="+n)
	p.cmd.Stderr = p.faults
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.out = bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	ready, err := p.read()
	if err != nil {
		p.close()
		return nil, err
	}
	p.version = ready.Version
	return p, nil
}

// command returns the side's command line.
func command(s settings, o other, dir string, threads int) ([]string, error) {
	if o.python == "" {
		own, err := os.Executable()
		return []string{own, "-side", o.work, "-dir", dir}, err
	}
	python := s.pythons[o.python]
	if python == "" {
		return nil, fmt.Errorf("no interpreter; name one with -%s", o.python)
	}
	script := filepath.Join(dir, "python")
	if _, err := os.Stat(script); err != nil {
		if err := os.CopyFS(dir, scripts); err != nil {
			return nil, err
		}
	}
	return []string{python, filepath.Join(script, o.python+"_side.py"), o.work, strconv.Itoa(threads), dir}, nil
}

// run does n steps.
func (p *side) run(n int) (answer, error) {
	if _, err := fmt.Fprintln(p.in, n); err != nil {
		return answer{}, errors.Join(err, p.fault())
	}
	return p.read()
}

func (p *side) read() (answer, error) {
	if !p.out.Scan() {
		return answer{}, errors.Join(errors.New("it ended"), p.out.Err(), p.fault())
	}
	var a answer
	if err := json.Unmarshal(p.out.Bytes(), &a); err != nil {
		return a, fmt.Errorf("answer %q: %w", p.out.Text(), err)
	}
	return a, nil
}

// fault returns what the side wrote to its standard error, which is complete when it has ended.
func (p *side) fault() error {
	p.close()
	if text := strings.TrimSpace(p.faults.String()); text != "" {
		return errors.New(text)
	}
	return nil
}

// close ends the process: it stops at the end of its input.
func (p *side) close() {
	_ = p.in.Close()
	_ = p.cmd.Wait() // How it ended is told by what it did not answer.
}

// work does n steps and returns the checked figure.
type work interface {
	Run(n int) (answer, error)
}

// serve is recsys's side of a row.
func serve(ctx context.Context, name, dir string, in io.Reader, out io.Writer) error {
	begin, ok := works(dir)[name]
	if !ok {
		return fmt.Errorf("no work %q", name)
	}
	w, err := begin(ctx)
	if err != nil {
		return err
	}
	answers := json.NewEncoder(out)
	if err := answers.Encode(answer{Version: thisMachine().Commit}); err != nil {
		return err
	}
	for lines := bufio.NewScanner(in); lines.Scan(); {
		n, err := strconv.Atoi(lines.Text())
		if err != nil {
			return err
		}
		if err := forgetPeak(); err != nil {
			return err
		}
		a, err := w.Run(n)
		if err != nil {
			return err
		}
		if a.Memory == 0 {
			if a.Memory, err = peak(); err != nil {
				return err
			}
		}
		if err := answers.Encode(a); err != nil {
			return err
		}
	}
	return nil
}
