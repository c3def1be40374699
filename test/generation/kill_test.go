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

// TestKilled kills publishers before one step after another, under load. Each time the same command finishes the work; no request
// fails and no answer is mixed.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	export(t, dir, 1)
	s := triton.Start(t, dir, triton.Options{LoadModels: []string{"shop"}})
	export(t, dir, 2)
	c := connect(t, s)
	p := &generation.Publisher{Folders: []string{dir}, Servers: []generation.Server{c}}
	l := start(t, s.GRPC, "shop", 0)
	kills := 0
	finish := func(verb string, want int64) {
		t.Helper()
		if _, err := do(t.Context(), p, verb); err != nil {
			t.Fatalf("%s after a kill: %v", verb, err)
		}
		answers(t, c, want)
		leftovers(t, dir)
	}
	for step := 0; killed(t, "publish", dir, s.GRPC, step); step++ {
		kills++
		finish("publish", 2)
		finish("rollback", 1)
	}
	// The last one was not killed: generation 2 is served.
	answers(t, c, 2)
	for step := 0; killed(t, "rollback", dir, s.GRPC, step); step++ {
		kills++
		finish("rollback", 1)
		finish("publish", 2)
	}
	answers(t, c, 1)
	for step := 0; killed(t, "canary", dir, s.GRPC, step); step++ {
		kills++
		finish("canary", 1)
		if _, err := p.EndCanary(t.Context(), "shop_canary"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.EndCanary(t.Context(), "shop_canary"); err != nil {
		t.Fatal(err)
	}
	finish("publish", 2)
	for step := 0; killed(t, "prune", dir, s.GRPC, step); step++ {
		kills++
	}
	finish("prune", 2)
	left, err := filepath.Glob(filepath.Join(dir, "*", "[0-9]*"))
	if err != nil || len(left) != 4 {
		t.Errorf("left are %v (%v), want one version of three stages and the ensemble", left, err)
	}
	t.Logf("%d publishers were killed", kills)
	l.stop(t, 1, 2)
}
