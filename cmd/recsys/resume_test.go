package main

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/pipeline"
)

// asCommand names the variable that makes this test binary the command.
const asCommand = "RECSYS_TEST_AS_COMMAND"

// recsysCommand is a process of recsys with args.
func recsysCommand(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), self, args...)
	c.Env = append(os.Environ(), asCommand+"=1")
	return c
}

// stopAt runs a command, sends it a signal when its standard error has a line with text, and returns the rest of that.
func stopAt(t *testing.T, c *exec.Cmd, text string, signal os.Signal) string {
	t.Helper()
	pipe, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	sent := false
	var rest strings.Builder
	for lines := bufio.NewScanner(pipe); lines.Scan(); {
		if sent {
			rest.WriteString(lines.Text() + "\n")
		} else if sent = strings.Contains(lines.Text(), text); sent {
			if err := c.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := c.Wait(); err == nil || !sent {
		t.Fatalf("ended with %v, the signal was sent: %v", err, sent)
	}
	return rest.String()
}

// filesOf reads all files below dir.
func filesOf(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files[strings.TrimPrefix(path, dir)] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestTrainingIsResumedToTheByte kills training in the second epoch of each of three models, interrupts it, and lets it run
// into a full disk, and compares the run folder with that of an undisturbed training.
func TestTrainingIsResumedToTheByte(t *testing.T) {
	const settings = "train: {epochs: 4, batch: 64, learning_rate: 0.01, patience: -1}"
	shared := makeShared(t)
	folder := filepath.Join(shared, "data")
	text := string(mustRead(t, filepath.Join(folder, "recsys.yaml")))
	text = strings.ReplaceAll(text, "train: {epochs: 1, batch: 256}", settings)
	text = strings.Replace(text, "candidates: 20", "  - mf: {dim: 8, "+settings+"}\ncandidates: 20", 1)
	config := filepath.Join(t.TempDir(), "recsys.yaml")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	whole, broken := filepath.Join(t.TempDir(), "whole"), filepath.Join(t.TempDir(), "broken")
	args := func(verb, run string) []string { return []string{verb, "-c", config, "--data", folder, "--out", run} }
	often := append(args("train", broken), "--checkpoint", "1ns") // with every step
	for _, a := range [][]string{args("fit", whole), args("train", whole), args("fit", broken)} {
		if out, err := recsysCommand(t, a...).CombinedOutput(); err != nil {
			t.Fatalf("recsys %v: %v\n%s", a, err, out)
		}
	}
	stopAt(t, recsysCommand(t, often...), "epoch 2/4", syscall.SIGKILL) // of two_tower
	if rest := stopAt(t, recsysCommand(t, often...), "train mf", syscall.SIGINT); !strings.Contains(rest, "the same command goes on") {
		t.Errorf("an interrupted training says\n%s", rest)
	}

	before := filesOf(t, filepath.Join(broken, "checkpoints"))
	full := exec.CommandContext(t.Context(), "sh", append([]string{"-c", `ulimit -f 1; exec "$0" "$@"`}, recsysCommand(t, often...).Args...)...)
	full.Env = append(os.Environ(), asCommand+"=1")
	out, err := full.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "make room and train again") || !strings.Contains(string(out), "goes on behind step") {
		t.Errorf("no room for a checkpoint: %v\n%s", err, out)
	}
	if diff := cmp.Diff(before, filesOf(t, filepath.Join(broken, "checkpoints"))); diff != "" {
		t.Errorf("a full disk changed the checkpoints:\n%s", diff)
	}

	stopAt(t, recsysCommand(t, often...), "epoch 3/4", syscall.SIGKILL) // of mf
	out, err = recsysCommand(t, args("train", broken)...).CombinedOutput()
	if err != nil || !strings.Contains(string(out), "goes on behind step") {
		t.Fatalf("the last training: %v\n%s", err, out)
	}
	if n := strings.Count(string(out), "epoch 1/4"); n != 1 { // the ranker's, which was not begun
		t.Errorf("the last training makes %d first epochs, want 1:\n%s", n, out)
	}
	want, got := filesOf(t, whole), filesOf(t, broken)
	for name, text := range want {
		if got[name] != text {
			t.Errorf("%s is other than of an undisturbed training", name)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d files, want %d", len(got), len(want))
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestStaleCheckpointsAreRefused interrupts training and changes what it depends on, one after the other.
func TestStaleCheckpointsAreRefused(t *testing.T) {
	shared := makeShared(t)
	folder, run := filepath.Join(shared, "data"), filepath.Join(shared, "run")
	config := filepath.Join(folder, "recsys.yaml")
	args := []string{"train", "-c", config, "--out", run, "--checkpoint", "1ns"}
	stopAt(t, recsysCommand(t, args...), "train dlrm", syscall.SIGKILL)
	refused := func(what string, args ...string) {
		t.Helper()
		out, err := recsysCommand(t, args...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "checkpoints of "+what) || !strings.Contains(string(out), "--restart") {
			t.Errorf("%s: %v\n%s", what, err, out)
		}
	}
	refused("another seed", append(args, "--seed", "7")...)
	text := mustRead(t, config)
	if err := os.WriteFile(config, append(text, "# changed\n"...), 0o600); err != nil {
		t.Fatal(err)
	}
	refused("another pipeline text", args...)
	users := filepath.Join(folder, "users.csv")
	table := mustRead(t, users)
	lines := strings.SplitAfter(string(table), "\n")
	if err := os.WriteFile(users, []byte(strings.Join(lines[:len(lines)-2], "")), 0o600); err != nil {
		t.Fatal(err)
	}
	refused("other data", append([]string{"run"}, args[1:]...)...)
	if err := os.WriteFile(users, table, 0o600); err != nil {
		t.Fatal(err)
	}
	checkpoint := filepath.Join(run, "checkpoints", "retrieval", "two_tower.checkpoint")
	if err := os.WriteFile(config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := recsysCommand(t, "fit", "-c", config, "--out", run).CombinedOutput(); err != nil {
		t.Fatalf("fit: %v\n%s", err, out)
	}
	if err := os.WriteFile(checkpoint, mustRead(t, checkpoint)[:100], 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := recsysCommand(t, args...).CombinedOutput(); err == nil || !strings.Contains(string(out), "--restart") {
		t.Errorf("a damaged checkpoint: %v\n%s", err, out)
	}
	if out, err := recsysCommand(t, append(args, "--restart")...).CombinedOutput(); err != nil || strings.Contains(string(out), "goes on behind") {
		t.Errorf("--restart: %v\n%s", err, out)
	}
	if _, err := os.Stat(filepath.Dir(checkpoint)); !os.IsNotExist(err) {
		t.Errorf("checkpoints are left behind a whole training: %v", err)
	}
	if _, err := pipeline.Open(run, folder, pipeline.Options{}); err != nil {
		t.Error(err)
	}
}
