package ort

import (
	"bufio"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

//go:embed runner.py
var runner string

// shared is the Python process of this test binary. Test helpers are called with a testing.TB only, which
// has no place for a value that outlives one test.
var shared process // one process per test binary, see above

// callTimeout bounds one call. The slowest, a full check of a large model on a busy machine, takes seconds.
const callTimeout = 2 * time.Minute

// process is a running runner.py. It ends with the test binary, whose end closes its standard input.
type process struct {
	mu  sync.Mutex // held during a call
	cmd *exec.Cmd  // nil before the first call and after a failure
	in  io.WriteCloser
	out *bufio.Reader
}

// call sends one message and reads the answer. After a broken conversation the next call starts a new process.
func (p *process) call(python string, r request, body []byte) (answer, []byte, error) {
	if p.cmd == nil {
		if err := p.start(python); err != nil {
			return answer{}, nil, err
		}
	}
	cmd := p.cmd
	timer := time.AfterFunc(callTimeout, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	// The runner reads a whole request before it answers, so writing all and then reading cannot lock up.
	err := writeMessage(p.in, r, body)
	var a answer
	var data []byte
	if err == nil {
		a, data, err = readMessage(p.out)
	}
	if err != nil {
		return answer{}, nil, fmt.Errorf("talk to %s, whose own words are above: %w", python, errors.Join(err, p.stop()))
	}
	if a.Error != "" {
		return answer{}, nil, errors.New(a.Error)
	}
	return a, data, nil
}

func (p *process) start(python string) error {
	cmd := exec.Command(python, "-c", runner) // the tester names the interpreter; the process outlives any test's context
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return fmt.Errorf("start %s: %w", python, err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("start %s: %w", python, err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the Python that %s names: %w", Env, err)
	}
	p.cmd, p.in, p.out = cmd, in, bufio.NewReader(out)
	return nil
}

func (p *process) stop() error {
	cmd := p.cmd
	p.cmd = nil
	_ = cmd.Process.Kill() // it may have ended by itself
	return cmd.Wait()
}
