package generation_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"recsys/client"
	"recsys/ensemble/generation"
	"recsys/test/triton"
)

// The environment of a publisher in a process of its own.
const (
	envVerb    = "RECSYS_TEST_VERB"    // publish, rollback, canary or prune
	envFolder  = "RECSYS_TEST_FOLDER"  // the repository
	envServers = "RECSYS_TEST_SERVERS" // addresses with commas between
	envStep    = "RECSYS_TEST_STEP"    // the step before which the process kills itself, from 0
)

func TestMain(m *testing.M) {
	if os.Getenv(envVerb) == "" {
		os.Exit(m.Run())
	}
	if err := publisher(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// publisher does the verb of the environment: generation 2 in place of 1 or back, or beside it.
func publisher(ctx context.Context) error {
	last, err := strconv.Atoi(os.Getenv(envStep))
	if err != nil {
		return err
	}
	step := 0
	p := &generation.Publisher{Folders: []string{os.Getenv(envFolder)}, Step: func(string) {
		if step == last {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL) // the process does not see an error
		}
		step++
	}}
	for address := range strings.SplitSeq(os.Getenv(envServers), ",") {
		c, err := client.New(ctx, address)
		if err != nil {
			return err
		}
		p.Servers = append(p.Servers, server{c})
	}
	_, err = do(ctx, p, os.Getenv(envVerb))
	return err
}

func do(ctx context.Context, p *generation.Publisher, verb string) (generation.Result, error) {
	switch verb {
	case "publish":
		p.Probes = probes(2)
		return p.Publish(ctx, "shop", 2)
	case "rollback":
		p.Probes = probes(1)
		return p.Rollback(ctx, "shop")
	case "canary":
		p.Probes = probes(2)
		return p.Canary(ctx, "shop", "shop_canary", 2)
	}
	return p.Prune(ctx, "shop", nil, 0)
}

// killed runs a verb in a process of its own that kills itself before a step, and reports whether it came to that.
func killed(t *testing.T, verb, dir, address string, step int) bool {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), envVerb+"="+verb, envFolder+"="+dir, envServers+"="+address, envStep+"="+strconv.Itoa(step))
	out, err := cmd.CombinedOutput()
	if err == nil {
		return false
	}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || status.Signal() != syscall.SIGKILL {
		t.Fatalf("%s ended with %v before step %d: %s", verb, err, step, out)
	}
	return true
}

// killer kills publishers of a repository before one step after another and has the same command finish the work.
type killer struct {
	dir, addresses string // addresses with commas between
	servers        []server
	publisher      *generation.Publisher
	kills          int
}

func newKiller(t *testing.T, dir string, tritons ...*triton.Server) *killer {
	t.Helper()
	k := &killer{dir: dir, publisher: &generation.Publisher{Folders: []string{dir}}}
	var addresses []string
	for _, s := range tritons {
		c := connect(t, s)
		k.servers = append(k.servers, c)
		k.publisher.Servers = append(k.publisher.Servers, c)
		addresses = append(addresses, s.GRPC)
	}
	k.addresses = strings.Join(addresses, ",")
	return k
}

// kill does a verb until before a step, and reports whether it came to that.
func (k *killer) kill(t *testing.T, verb string, step int) bool {
	t.Helper()
	if !killed(t, verb, k.dir, k.addresses, step) {
		return false
	}
	k.kills++
	return true
}

// finish does a verb and requires a generation on every server.
func (k *killer) finish(t *testing.T, verb string, want int64) {
	t.Helper()
	if _, err := do(t.Context(), k.publisher, verb); err != nil {
		t.Fatalf("%s after a kill: %v", verb, err)
	}
	k.serve(t, want)
	leftovers(t, k.dir)
}

func (k *killer) serve(t *testing.T, want int64) {
	t.Helper()
	for _, s := range k.servers {
		answers(t, s, want)
	}
}

// all kills every verb before each of its steps. The repository serves generation 1 and has 2; at the end 2 is all there is.
func (k *killer) all(t *testing.T) {
	t.Helper()
	for step := 0; k.kill(t, "publish", step); step++ {
		k.finish(t, "publish", 2)
		k.finish(t, "rollback", 1)
	}
	k.serve(t, 2) // the last one was not killed
	for step := 0; k.kill(t, "rollback", step); step++ {
		k.finish(t, "rollback", 1)
		k.finish(t, "publish", 2)
	}
	k.serve(t, 1)
	end := func() {
		if _, err := k.publisher.EndCanary(t.Context(), "shop_canary"); err != nil {
			t.Fatal(err)
		}
	}
	for step := 0; k.kill(t, "canary", step); step++ {
		k.finish(t, "canary", 1)
		end()
	}
	end()
	k.finish(t, "publish", 2)
	for step := 0; k.kill(t, "prune", step); step++ { // each goes on where the one before was killed
	}
	k.finish(t, "prune", 2)
	left, err := filepath.Glob(filepath.Join(k.dir, "*", "[0-9]*"))
	if err != nil || len(left) != 4 {
		t.Errorf("left are %v (%v), want one version of three stages and the ensemble", left, err)
	}
	t.Logf("%d publishers were killed", k.kills)
}

// TestKilled kills publishers under load: no request fails and no answer is mixed.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	export(t, dir, 1)
	s := triton.Start(t, dir, triton.Options{LoadModels: []string{"shop"}})
	export(t, dir, 2)
	l := start(t, s.GRPC, "shop", 0)
	newKiller(t, dir, s).all(t)
	l.stop(t, 1, 2)
}
