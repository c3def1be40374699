package main

// These tests run whole command lines. They are inside the package, as nothing can import a command.

import (
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/rogpeppe/go-internal/testscript"

	"recsys/data"
	"recsys/data/synthetic"
	"recsys/featurestore/redis"
	"recsys/pipeline"
)

var update = flag.Bool("update", false, "write golden files anew")

func TestMain(m *testing.M) {
	redis.LogTo(slog.New(slog.DiscardHandler))
	// What a user has set for the command, or CI for the tests on real data, is not for these tests.
	for _, name := range []string{"RECSYS_DATA", "RECSYS_REDIS"} {
		if err := os.Unsetenv(name); err != nil {
			panic(err)
		}
	}
	if os.Getenv(asCommand) != "" {
		main()
	}
	testscript.Main(m, map[string]func(){"recsys": main})
}

// TestScripts runs testdata/script. Every script begins with data/, a shop of 40 users and 60 items with its
// recsys.yaml, and RUN and REPO, a run and its export, which are shared and must not be changed.
func TestScripts(t *testing.T) {
	shared := makeShared(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Deadline:            time.Now().Add(10 * time.Minute),
		Condition: func(name string) (bool, error) {
			if name == "root" {
				return os.Geteuid() == 0, nil
			}
			return false, fmt.Errorf("unknown condition %q", name)
		},
		Setup: func(e *testscript.Env) error {
			e.Setenv("RUN", filepath.Join(shared, "run"))
			e.Setenv("REPO", filepath.Join(shared, "repo"))
			e.Setenv("HOME", e.WorkDir)
			e.Values[stateKey{}] = &state{services: map[string]*service{}, redis: map[string]*miniredis.Miniredis{}}
			var merlin error
			if filepath.Base(e.WorkDir) == "script-import" {
				merlin = os.CopyFS(filepath.Join(e.WorkDir, "nvtabular"), os.DirFS("../../pipeline/merlin/testdata"))
			}
			return errors.Join(merlin, os.CopyFS(filepath.Join(e.WorkDir, "data"), os.DirFS(filepath.Join(shared, "data"))))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"fails": failsCmd, "start": startCmd, "end": endCmd, "http": httpCmd, "occupy": occupyCmd, "redis": redisCmd,
			"edit": editCmd, "cuthalf": cutHalfCmd, "files": filesCmd, "onejson": oneJSONCmd,
		},
	})
}

// makeShared makes the shop, runs its pipeline and exports it once for all scripts.
func makeShared(t *testing.T) string {
	t.Helper()
	return makeShop(t, "testdata/recsys.yaml")
}

// makeShop makes the shop in data/, a run of a pipeline in run/ and its export in repo/.
func makeShop(t *testing.T, yaml string) string {
	t.Helper()
	dir := t.TempDir()
	tables, err := synthetic.Shop(synthetic.Config{Users: 40, Items: 60, Sessions: 160, Seed: 1})
	if err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(dir, "data")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, table := range map[string]*data.Table{
		"interactions.csv": tables.Interactions, "users.csv": tables.Users, "items.csv": tables.Items,
	} {
		if err := data.WriteCSV(filepath.Join(folder, name), table, synthetic.Lists()); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(yaml)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "recsys.yaml"), text, 0o644); err != nil {
		t.Fatal(err)
	}
	p, err := pipeline.New(text, folder, filepath.Join(dir, "run"), 0, pipeline.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := pipeline.Export(t.Context(), filepath.Join(dir, "run"), filepath.Join(dir, "repo"), pipeline.ExportOptions{}); err != nil {
		t.Fatal(err)
	}
	return dir
}
