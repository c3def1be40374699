package repository_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"recsys/ensemble"
)

// composed returns Triton's command of docker-compose.yml as Compose makes it for the model "books". Its items are a line each.
func composed(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../docker-compose.yml")
	if err != nil {
		t.Fatal(err)
	}
	_, service, ok := strings.Cut(string(text), "\n  triton:\n")
	if !ok {
		t.Fatal("no service triton")
	}
	_, below, ok := strings.Cut(service, "\n    command:\n")
	if !ok {
		t.Fatal("triton has no command")
	}
	var command []string
	for line := range strings.Lines(below) {
		item, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "      - ")
		if !ok {
			break
		}
		item = strings.NewReplacer("${MODEL:-shop}", "books", "$$", "$").Replace(strings.Trim(item, "'"))
		command = append(command, item)
	}
	return command
}

// TestComposeLoadsBothEnsembles runs the command with a repository of either layout and a server that prints what it is told.
func TestComposeLoadsBothEnsembles(t *testing.T) {
	shell, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("no shell: ", err)
	}
	command := composed(t)
	bin := t.TempDir()
	if err := os.WriteFile(filepath.Join(bin, "tritonserver"), []byte("#!"+shell+"\nprintf '%s\\n' \"$@\"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		folders, want []string
	}{
		"baked": {[]string{"books", "shop_ranking"}, []string{"books"}},
		"split": {[]string{"books", ensemble.RankingName("books")}, []string{ensemble.RankingName("books"), "books"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for _, folder := range c.folders {
				if err := os.Mkdir(filepath.Join(dir, folder), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, folder, ensemble.ConfigFile), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			args := make([]string, len(command))
			for i, a := range command {
				args[i] = strings.ReplaceAll(a, "/models", dir)
			}
			cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
			cmd.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"))
			out, err := cmd.CombinedOutput()
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			var loaded []string
			told := strings.Fields(string(out))
			for _, a := range told {
				if model, ok := strings.CutPrefix(a, "--load-model="); ok {
					loaded = append(loaded, model)
				}
			}
			if !slices.Equal(loaded, c.want) {
				t.Errorf("%v is loaded, want %v", loaded, c.want)
			}
			if !slices.Contains(told, "--model-repository="+dir) || !slices.Contains(told, "--exit-on-error=true") {
				t.Errorf("the server is told %v", told)
			}
		})
	}
}
