package redis

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// patience bounds the wait for a server to come up; it takes milliseconds.
const patience = 20 * time.Second

// Server is a redis-server of one test. Its methods must not be called concurrently.
type Server struct {
	binary, folder, password string
	args                     []string
	port                     int
	cmd                      *exec.Cmd
	log                      bytes.Buffer
	exited                   chan error
}

// Start starts a server with further arguments in redis.conf's words, such as "--appendonly", "yes", waits
// until it answers, and stops it when the test ends. It skips the test where there is no redis-server.
func Start(tb testing.TB, args ...string) *Server {
	tb.Helper()
	binary := os.Getenv("RECSYS_REDIS_SERVER")
	if binary == "" {
		binary = "redis-server"
	}
	path, err := exec.LookPath(binary)
	if err != nil {
		tb.Skipf("no redis-server: install it or set RECSYS_REDIS_SERVER (%v)", err)
	}
	s := &Server{binary: path, folder: tb.TempDir(), password: rand.Text(), args: args}
	tb.Cleanup(func() { s.Kill() })
	s.Restart(tb)
	return s
}

// Addr returns HOST:PORT, the same after a restart.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Password returns the server's password.
func (s *Server) Password() string { return s.password }

// URL returns the server's URL, password included.
func (s *Server) URL() string { return "redis://:" + s.password + "@" + s.Addr() + "/0" }

// Kill ends the server with SIGKILL, as a crash does, and waits until it is gone. It does nothing to one that
// is not running.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	_ = s.cmd.Process.Kill() // Fails when the process has ended, which is what is wanted.
	for range s.exited {     // Until it is closed; how the server ended does not matter.
		continue
	}
	s.cmd = nil
}

// Restart starts the server again after Kill, on the same port and folder, and waits until it answers.
func (s *Server) Restart(tb testing.TB) {
	tb.Helper()
	var err error
	for range 5 { // Another process may take the free port first.
		if s.port == 0 {
			if s.port, err = freePort(tb.Context()); err != nil {
				tb.Fatalf("find a free port: %v", err)
			}
		}
		if err = s.start(tb.Context()); err == nil {
			return
		}
		s.Kill()
		if s.log.Len() > 0 && !strings.Contains(s.log.String(), "Address already in use") {
			break
		}
		s.port = 0
	}
	tb.Fatalf("start redis-server: %v\n%s", err, s.log.String())
}

func (s *Server) start(ctx context.Context) error {
	args := append([]string{
		"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--dir", s.folder, "--requirepass", s.password,
		"--save", "", "--daemonize", "no", "--loglevel", "warning",
	}, s.args...)
	cmd := exec.Command(s.binary, args...)
	s.log.Reset()
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan error, 1)
	s.cmd, s.exited = cmd, exited
	go func() {
		exited <- cmd.Wait()
		close(exited)
	}()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.ping(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case err := <-exited:
			return fmt.Errorf("the server has ended: %w", err)
		case <-ctx.Done():
			return fmt.Errorf("the server does not answer: %w", err)
		}
	}
}

// ping logs in and asks for a sign of life, in Redis's inline protocol.
func (s *Server) ping(ctx context.Context) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", s.Addr())
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // Nothing is lost.
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintf(conn, "AUTH %s\r\nPING\r\n", s.password); err != nil {
		return err
	}
	r := bufio.NewReader(conn)
	for _, want := range []string{"+OK\r\n", "+PONG\r\n"} {
		if got, err := r.ReadString('\n'); err != nil || got != want {
			return fmt.Errorf("got %q, want %q: %w", got, want, errors.Join(err, errors.New("not ready")))
		}
	}
	return nil
}

func freePort(ctx context.Context) (int, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	addr, ok := l.Addr().(*net.TCPAddr)
	if err := l.Close(); err != nil {
		return 0, err
	}
	if !ok {
		return 0, fmt.Errorf("listener at %v", addr)
	}
	return addr.Port, nil
}
