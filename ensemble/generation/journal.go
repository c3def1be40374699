package generation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"recsys/ensemble"
	"recsys/internal/atomicfile"
)

// journalFile, at a repository's top, says what a publisher is about to do; it is there from the first change to the last.
const journalFile = ".recsys.journal"

// phase is how far a publisher has come.
type phase string

const (
	phasePreflight phase = "pre-flight" // what is served was not touched
	phaseSwitch    phase = "switch"     // what is served is being changed, and perhaps not proven
	phaseClean     phase = "clean"      // what is served is proven
)

// journal is one folder's.
type journal struct {
	Alias  string   `json:"alias"`  // the ensemble whose configuration changes
	Next   string   `json:"next"`   // the pre-flight
	Stages []string `json:"stages"` // those of the old generation and of the new one
	Phase  phase    `json:"phase"`
	// Back says that the change is a rollback.
	Back bool `json:"back,omitempty"`
	// Previous is the text of the configuration before; empty where there was none.
	Previous string `json:"previous"`
	// PreviousRanking is the same of the ensemble's ranking.
	PreviousRanking string `json:"previous_ranking,omitempty"`
}

func (j *journal) write(dir string) error {
	data, err := json.Marshal(j)
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(dir, journalFile), data)
}

func readJournal(dir string) (*journal, error) {
	data, err := os.ReadFile(filepath.Join(dir, journalFile))
	if err != nil {
		return nil, err
	}
	j := &journal{}
	if err := json.Unmarshal(data, j); err != nil {
		return nil, fmt.Errorf("%s: %w: put the served configuration right by hand and remove the file", filepath.Join(dir, journalFile), err)
	}
	return j, nil
}

// rolledBack reports whether clearing up after the journal's publisher left what a rollback is to lead to: its rollback was proven, or
// its publish was undone.
func (j *journal) rolledBack() bool { return j.Back == (j.Phase == phaseClean) }

// putBack writes the previous configuration.
func (j *journal) putBack(dir string) error {
	if j.Previous == "" {
		return os.RemoveAll(filepath.Join(dir, j.Alias))
	}
	return writeConfig(configPath(dir, j.Alias), []byte(j.Previous))
}

// recover does what a killed publisher did not come to: undo a switch that was not proven, and remove the rest.
func (s *session) recover(ctx context.Context) error {
	found := map[string]*journal{}
	for _, dir := range s.Folders {
		j, err := readJournal(dir)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		found[dir] = j
		if s.recovered == nil || j.Phase == phaseSwitch {
			s.recovered = j
		}
	}
	if s.recovered == nil {
		return nil
	}
	s.step("clear up after a publisher of %s that was killed in phase %s", s.recovered.Alias, s.recovered.Phase)
	if err := s.undo(ctx, found); err != nil {
		return fmt.Errorf("clear up after a publisher that was killed: %w", err)
	}
	return nil
}

// undo brings folders and servers back to what was served before; of a phase other than switch, it only removes what is left.
func (s *session) undo(ctx context.Context, journals map[string]*journal) error {
	ctx, cancel := repair(ctx)
	defer cancel()
	var j *journal
	switched := false
	for _, dir := range s.Folders {
		own := journals[dir]
		if own == nil {
			continue
		}
		j = own
		if own.Phase != phaseSwitch {
			continue
		}
		switched = true
		s.step("put the previous configuration of %s back in %s", own.Alias, dir)
		if err := own.putRankingBack(dir); err != nil {
			return err
		}
	}
	if switched {
		if err := s.putBack(ctx, journals, j); err != nil {
			return err
		}
	}
	return s.sweep(ctx, j)
}

// putBack has folders and servers serve again what journals of a switch, j among them, have as the previous configurations.
func (s *session) putBack(ctx context.Context, journals map[string]*journal, j *journal) error {
	ranking := ensemble.RankingName(j.Alias)
	if j.PreviousRanking != "" { // first: whichever generation finds candidates then has a ranking
		if err := s.revive(ctx, ranking); err != nil {
			return err
		}
	}
	for _, dir := range s.Folders {
		if own := journals[dir]; own != nil && own.Phase == phaseSwitch {
			if err := own.putBack(dir); err != nil {
				return err
			}
		}
	}
	if j.Previous == "" { // an ensemble that there was not
		return s.unloadBoth(ctx, j.Alias)
	}
	if err := s.revive(ctx, j.Alias); err != nil { // at once: it may be down
		return err
	}
	if j.PreviousRanking == "" && s.hasRanking(j.Alias) {
		return s.unload(ctx, ranking)
	}
	return nil
}

// sweep removes the pre-flight and what the stages serve for nobody, and ends the journal.
func (s *session) sweep(ctx context.Context, j *journal) error {
	s.step("remove %s", j.Next)
	if err := s.unloadBoth(ctx, j.Next); err != nil {
		return err
	}
	if err := s.settleRanking(ctx, j.Alias); err != nil {
		return err
	}
	for _, dir := range s.Folders {
		if j.Phase == phaseClean {
			continue // the generation before stays loaded, so that a rollback is quick
		}
		if err := setPolicies(dir, j.Stages, nil); err != nil {
			return err
		}
	}
	if _, err := os.Stat(configPath(s.Folders[0], j.Alias)); err == nil {
		if err := s.reviveBoth(ctx, j.Alias); err != nil { // with the policies
			return err
		}
	}
	if err := s.others(ctx, j.Alias, ensemble.RankingName(j.Alias), j.Next); err != nil {
		return err
	}
	for _, dir := range s.Folders {
		if err := os.Remove(filepath.Join(dir, journalFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// readOld returns the configuration that an ensemble has now, nil and no text if there is none.
func readOld(dir, name string) (*ensemble.Config, string, error) {
	text, err := os.ReadFile(configPath(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, "", nil
	}
	if err != nil {
		return nil, "", err
	}
	c, err := ensemble.ParseConfig(configPath(dir, name), text)
	return c, string(text), err
}
