package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"recsys/data/synthetic"
	"recsys/ensemble"
)

// world is a shop that was trained once for all tests, with the command's binary.
type world struct {
	binary, run string
	repository  map[ensemble.Fuse]string
}

var makeWorld = sync.OnceValues(func() (*world, error) {
	dir, err := os.MkdirTemp("", "recsys-e2e-*")
	if err != nil {
		return nil, err
	}
	w := &world{binary: filepath.Join(dir, "recsys"), run: filepath.Join(dir, "run"), repository: map[ensemble.Fuse]string{}}
	if out, err := exec.Command("go", "build", "-o", w.binary, "recsys/cmd/recsys").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, out)
	}
	tables, err := synthetic.Shop(synthetic.Config{Users: 1100, Items: 600, Sessions: 6000, Seed: 3})
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o755); err != nil {
		return nil, err
	}
	if err := tables.Write(data); err != nil {
		return nil, err
	}
	if out, err := w.command("run", "-c", "../../examples/shop/recsys.yaml", "--data", data, "--out", w.run); err != nil {
		return nil, fmt.Errorf("recsys run: %w\n%s", err, out)
	}
	for _, fuse := range []ensemble.Fuse{ensemble.FuseNone, ensemble.FuseGroups, ensemble.FuseAll} {
		w.repository[fuse] = filepath.Join(dir, string(fuse))
		out, err := w.command("export", "--run", w.run, "--to", w.repository[fuse], "--fuse", string(fuse))
		if err != nil {
			return nil, fmt.Errorf("recsys export: %w\n%s", err, out)
		}
	}
	return w, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if w, err := makeWorld(); err == nil && worldUsed {
		if err := os.RemoveAll(filepath.Dir(w.binary)); err != nil {
			code = 1
		}
	}
	os.Exit(code)
}

// worldUsed tells TestMain that there is something to remove.
var worldUsed bool

func theWorld(t *testing.T) *world {
	t.Helper()
	w, err := makeWorld()
	if err != nil {
		t.Fatal(err)
	}
	worldUsed = true
	return w
}

// command runs the binary and returns what it prints.
func (w *world) command(args ...string) ([]byte, error) {
	return exec.Command(w.binary, args...).CombinedOutput()
}

func (w *world) must(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), w.binary, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("recsys %s: %v\n%s%s", strings.Join(args, " "), err, out, &stderr)
	}
	return out
}

// serve starts `recsys serve` and returns its address once it is ready. It ends with the test, gracefully.
func (w *world) serve(t *testing.T, args ...string) string {
	t.Helper()
	address, admin := freeAddress(t), freeAddress(t)
	cmd := exec.Command(w.binary, append([]string{"serve", "--listen", address, "--admin", admin}, args...)...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		if err := cmd.Wait(); err != nil {
			t.Errorf("recsys serve ended with %v\n%s", err, &log)
		}
	})
	url := "http://" + address
	await(t, "the gateway", func() error { return ready(t.Context(), url) })
	return url
}

func ready(ctx context.Context, url string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/readyz", nil)
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	if err := answer.Body.Close(); err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("readyz answers %s", answer.Status)
	}
	return nil
}

// await polls until the condition holds, for half a minute at most.
func await(t *testing.T, what string, condition func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := condition()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("waiting for %s: %v", what, err)
		case <-tick.C:
		}
	}
}

func closed(t *testing.T, c io.Closer) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// freeAddress returns a loopback address that was free a moment ago.
func freeAddress(t *testing.T) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, l)
	return l.Addr().String()
}
