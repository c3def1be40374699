package generation_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"recsys/client"
	"recsys/ensemble"
	"recsys/ensemble/generation"
	"recsys/test/triton"
)

// TestOneStageChanges publishes a generation of which only the stage with the items' vectors is another one: the others keep their
// versions, and the server does not load them again.
func TestOneStageChanges(t *testing.T) {
	dir := t.TempDir()
	write := func(items int64) *ensemble.Export {
		t.Helper()
		e, m := stamped(t, 1)
		other, _ := stamped(t, items)
		e.Groups[1] = other.Groups[1]
		x, err := ensemble.Write(t.Context(), dir, e, m, ensemble.Options{MaxBatch: 8})
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	write(1)
	s := triton.Start(t, dir, triton.Options{LoadModels: []string{"shop"}})
	c := connect(t, s)
	ask := func(want string) {
		t.Helper()
		inputs, outputs := request(100)
		for range 20 {
			if _, version, err := c.Infer(t.Context(), "shop", inputs, outputs); err != nil || version != want {
				t.Fatalf("generation %s answers (%v), want %s", version, err, want)
			}
		}
	}
	ask("1")
	counts := func(model string, version int64) uint64 {
		t.Helper()
		list, err := c.Statistics(t.Context(), model, strconv.FormatInt(version, 10))
		if err != nil || len(list) != 1 {
			t.Fatalf("statistics of %s: %d, %v", model, len(list), err)
		}
		return list[0].GetInferenceCount()
	}
	x := write(2)
	versions := map[string]int64{}
	before := map[string]uint64{}
	for _, step := range x.Steps {
		versions[step.Model] = step.Version
		before[step.Model] = counts(step.Model, 1)
	}
	if versions["shop_prep"] != 1 || versions["shop_recall"] != 2 || versions["shop_score"] != 1 {
		t.Fatalf("the generation pins %v, want recall alone to be new", versions)
	}
	start := time.Now()
	p := &generation.Publisher{Folders: []string{dir}, Servers: []generation.Server{c}}
	if _, err := p.Publish(t.Context(), "shop", 2); err != nil {
		t.Fatal(err)
	}
	t.Logf("published in %v", time.Since(start))
	ask("2")
	for _, model := range []string{"shop_prep", "shop_score"} {
		// What was counted before is counted still: a model that is loaded again counts from 0.
		if got := counts(model, 1); got < before[model]+20 {
			t.Errorf("%s has counted %d users, %d before the publish and 20 since: it was loaded again", model, got, before[model])
		}
	}
	if got := counts("shop_recall", 2); got < 20 {
		t.Errorf("version 2 of shop_recall has counted %d users, want those of generation 2", got)
	}
	index, err := c.RepositoryIndex(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(index, func(m client.ModelState) bool { return m.Name == "shop_next" }) {
		t.Error("the pre-flight is loaded still")
	}
}
