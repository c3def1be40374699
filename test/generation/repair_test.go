package generation_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"recsys/ensemble"
	"recsys/ensemble/generation"
	"recsys/test/triton"
)

// saboteur is a server before whose loading of the ensemble, once, something happens.
type saboteur struct {
	server
	model string
	act   func() error
}

func (s *saboteur) Load(ctx context.Context, model string) error {
	if model == s.model && s.act != nil {
		act := s.act
		s.act = nil
		if err := act(); err != nil {
			return err
		}
	}
	return s.server.Load(ctx, model)
}

var errLost = errors.New("the load got lost")

// TestRepair lets the load that switches go wrong after the pre-flight went well: Triton drops the ensemble, or does nothing. What
// was served before is served at the end, and the next publish goes through.
func TestRepair(t *testing.T) {
	dir := t.TempDir()
	export(t, dir, 1)
	s := triton.Start(t, dir, triton.Options{LoadModels: []string{"shop"}})
	export(t, dir, 2)
	c := connect(t, s)
	config := filepath.Join(dir, "shop", ensemble.ConfigFile)
	tests := map[string]func() error{
		// A pin of a version that is not there takes the running ensemble down.
		"ensemble dropped": func() error {
			text, err := os.ReadFile(config)
			if err != nil {
				return err
			}
			return os.WriteFile(config, []byte(strings.ReplaceAll(string(text), "model_version: 2", "model_version: 9")), 0o600)
		},
		"load refused": func() error { return errLost },
	}
	for name, act := range tests {
		t.Run(name, func(t *testing.T) {
			before, err := os.ReadFile(config)
			if err != nil {
				t.Fatal(err)
			}
			p := &generation.Publisher{
				Folders: []string{dir}, Servers: []generation.Server{&saboteur{c, "shop", act}}, Probes: probes(2),
			}
			if r, err := p.Publish(t.Context(), "shop", 2); !errors.Is(err, generation.ErrRefused) || r.Generation != 1 {
				t.Fatalf("got %+v, %v; want ErrRefused and generation 1", r, err)
			}
			after, err := os.ReadFile(config)
			if err != nil || string(after) != string(before) {
				t.Errorf("the configuration is another one: %v", err)
			}
			answers(t, c, 1)
			leftovers(t, dir)
		})
	}
	p := &generation.Publisher{Folders: []string{dir}, Servers: []generation.Server{c}, Probes: probes(2)}
	if _, err := p.Publish(t.Context(), "shop", 2); err != nil {
		t.Fatal(err)
	}
	answers(t, c, 2)
}

// answers requires that a server answers with a generation.
func answers(t *testing.T, s server, want int64) {
	t.Helper()
	inputs, outputs := request(100)
	out, version, err := s.Infer(t.Context(), "shop", inputs, outputs)
	if err == nil {
		err = checkStamp(out, version)
	}
	if err != nil || version != formatGeneration(want) {
		t.Errorf("generation %q answers (%v), want %d", version, err, want)
	}
}

// leftovers reports what a publisher must not leave.
func leftovers(t *testing.T, dir string) {
	t.Helper()
	for _, pattern := range []string{".recsys*", "*_next", "*/.tmp-*"} {
		left, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(left) > 0 {
			t.Errorf("left are %v (%v)", left, err)
		}
	}
}
