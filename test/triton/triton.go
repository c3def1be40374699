package triton

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Env names the environment variable with the folder that install.sh has filled.
const Env = "RECSYS_TRITON"

const (
	// readyTimeout bounds a start: 52 model versions took up to 38 s on two cores.
	readyTimeout = 2 * time.Minute
	// stopTimeout bounds a stop: 49 instances took 11 s.
	stopTimeout = 30 * time.Second
	// exitTimeout is how many seconds the server waits for open HTTP connections, which keep-alive leaves behind.
	exitTimeout = "5"
	// attempts is how often a start is tried, because another process may take a free port before Triton does.
	attempts = 3
	// logTail is how much of the log a failed test prints, in bytes.
	logTail = 32 << 10
)

//go:embed run.sh
var script string

// Options says how a server is started. The zero value loads no model.
type Options struct {
	// LoadModels are the models to load, an ensemble bringing its stages; names have to be in the repository.
	LoadModels []string
	// AutoComplete lets the server complete configurations, which it refuses otherwise.
	AutoComplete bool
	// Args are further options of tritonserver, such as "--cache-config=local,size=1048576". The last of two wins.
	Args []string
}

// Server is a running Triton. Its addresses are HOST:PORT.
type Server struct {
	GRPC, HTTP, Metrics string

	cmd    *exec.Cmd
	exited chan struct{} // closed when the process has ended
	log    string        // file
}

// Start serves the model repository, a folder, and returns when every model is ready. The server refuses incomplete
// configurations, loads models on request only (client.Load) and ends the test if one of LoadModels fails to load.
// It is stopped when the test ends, and its log is printed if the test has failed.
func Start(tb testing.TB, repository string, opts Options) *Server {
	tb.Helper()
	dir := os.Getenv(Env)
	if dir == "" {
		tb.Skip(Env + " is not set: no real Triton to test with; see test/triton/install.sh")
	}
	repository, err := filepath.Abs(repository)
	if err != nil {
		tb.Fatal(err)
	}
	for range attempts {
		s := launch(tb, dir, repository, opts)
		if err = s.waitReady(tb.Context()); err == nil {
			return s
		}
		if !s.portTaken() {
			break
		}
	}
	tb.Fatalf("start Triton on %s: %v", repository, err)
	return nil
}

func launch(tb testing.TB, dir, repository string, opts Options) *Server {
	tb.Helper()
	ports, err := freePorts(3)
	if err != nil {
		tb.Fatal(err)
	}
	s := &Server{HTTP: ports[0], GRPC: ports[1], Metrics: ports[2], exited: make(chan struct{})}
	s.log = filepath.Join(tb.TempDir(), "triton.log")
	file, err := os.Create(s.log)
	if err != nil {
		tb.Fatal(err)
	}
	args := append([]string{"-c", script, "run.sh", dir, repository}, s.options(opts)...)
	// The test's context ends before its cleanups: the process is stopped by one of those, with time to end well.
	s.cmd = exec.Command("sh", args...) // arguments are the test's; see above
	s.cmd.Stdout, s.cmd.Stderr = file, file
	s.cmd.SysProcAttr = ownGroup()
	err = s.cmd.Start()
	_ = file.Close() // the process has its own handle
	if err != nil {
		tb.Fatalf("start Triton: %v", err)
	}
	go func() {
		defer close(s.exited)
		_ = s.cmd.Wait() // how it ended is in the log
	}()
	tb.Cleanup(func() {
		if err := s.Stop(); err != nil {
			tb.Error(err)
		}
		if tb.Failed() {
			tb.Logf("log of Triton:\n%s", s.Log())
		}
	})
	return s
}

// options returns tritonserver's options.
func (s *Server) options(opts Options) []string {
	args := make([]string, 0, 9+len(opts.LoadModels)+len(opts.Args))
	args = append(args,
		"--http-port="+port(s.HTTP), "--grpc-port="+port(s.GRPC), "--metrics-port="+port(s.Metrics),
		"--strict-readiness=true", "--exit-on-error=true",
		"--model-control-mode=explicit", "--exit-timeout-secs="+exitTimeout)
	if !opts.AutoComplete {
		args = append(args, "--disable-auto-complete-config")
	}
	for _, name := range opts.LoadModels {
		args = append(args, "--load-model="+name)
	}
	return append(args, opts.Args...)
}

// Stop asks the server to end and waits until it has, at most 30 s before it is killed, which is an error. Stopping a
// stopped server does nothing. Tests call it to see a client lose its server; otherwise the end of the test does.
func (s *Server) Stop() error {
	if s.hasExited() {
		return nil
	}
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // an error means that it has ended meanwhile
	timer := time.NewTimer(stopTimeout)
	defer timer.Stop()
	select {
	case <-s.exited:
		return nil
	case <-timer.C:
		s.Kill()
		return fmt.Errorf("stop Triton: still running after %v, so killed", stopTimeout)
	}
}

// Kill ends the server at once, as a crash would, and waits for its end.
func (s *Server) Kill() {
	killGroup(s.cmd.Process)
	<-s.exited
}

// Log returns the end of what the server has logged, at most 32 KiB.
func (s *Server) Log() string {
	data, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	return string(data[max(0, len(data)-logTail):])
}

func (s *Server) waitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	transport := &http.Transport{DisableKeepAlives: true}
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("not ready: %w", ctx.Err())
		case <-s.exited:
			return errors.New("the server ended before it was ready; its log says why")
		case <-ticker.C:
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.HTTP+"/v2/health/ready", http.NoBody)
		if err != nil {
			return err
		}
		answer, err := transport.RoundTrip(request)
		if err != nil {
			continue // not listening yet
		}
		_ = answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			return nil
		}
	}
}

func (s *Server) hasExited() bool {
	select {
	case <-s.exited:
		return true
	default:
		return false
	}
}

// portTaken reports whether the server ended because another process listens where it wanted to.
func (s *Server) portTaken() bool {
	return s.hasExited() && strings.Contains(strings.ToLower(s.Log()), "in use")
}

// freePorts returns n loopback addresses on which nothing listened a moment ago.
func freePorts(n int) ([]string, error) {
	addresses := make([]string, n)
	for i := range addresses {
		listener, err := net.Listen("tcp", "127.0.0.1:0") // does not block
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		defer func() { _ = listener.Close() }() // after the last one, so that no two are the same
		addresses[i] = listener.Addr().String()
	}
	return addresses, nil
}

func port(address string) string {
	_, port, _ := strings.Cut(address, ":")
	return port
}
