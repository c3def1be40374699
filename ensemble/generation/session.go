package generation

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"recsys/ensemble"
	"recsys/internal/lock"
)

// ErrLocked is wrapped by the error for a repository that somebody else is changing, whom it names.
var ErrLocked = lock.ErrHeld

// repairTimeout bounds putting things back, which goes on when the caller's context has ended.
const repairTimeout = 10 * time.Minute

// Publisher changes generations. It is plain data; its methods must not run at the same time in one process with another's on the same folders.
type Publisher struct {
	// Folders are the repository folders of the servers, each with the generations in question: one that all share, or one for each.
	Folders []string
	// Servers are all the servers of the folders. One that cannot be reached stops what changes what is served; left out, it
	// serves what the files say when it starts again.
	Servers []Server
	// Probes returns what the ensemble called name in the repository at dir has to answer; nil asks with zeros and believes any answer.
	Probes func(ctx context.Context, dir, name string) ([]Probe, error)
	// Step is told of every step before it is taken; nil tells nobody.
	Step func(text string)
}

// Result says what was done.
type Result struct {
	Ensemble   string `json:"ensemble"`
	Generation int64  `json:"generation"` // that is served now; 0 for none
	Previous   int64  `json:"previous"`   // that was served before; 0 for none
	// Recovered names the ensemble of a publisher that was killed, whose work was undone or cleaned up before; empty for none.
	Recovered string `json:"recovered,omitempty"`
	// Removed are the generations that a prune has removed.
	Removed []int64 `json:"removed,omitempty"`
}

// session is one run of a verb: it has the locks.
type session struct {
	*Publisher
	locks []*lock.Lock
	// running are the ensembles that each server served at the start.
	running map[Server][]string
	// recovered is the journal that a killed publisher left, if one did.
	recovered *journal
}

// begin takes the locks and clears up after a publisher that was killed.
func (p *Publisher) begin(ctx context.Context, verb string) (_ *session, err error) {
	if len(p.Folders) == 0 || len(p.Servers) == 0 {
		return nil, errors.New("name at least one repository folder and one server")
	}
	s := &session{Publisher: p, running: map[Server][]string{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.end())
		}
	}()
	host, err := os.Hostname()
	if err != nil {
		return nil, err
	}
	folders := slices.Clone(p.Folders)
	slices.Sort(folders) // one order for all, so that no two wait for each other
	for _, dir := range slices.Compact(folders) {
		l, err := lock.Acquire(filepath.Join(dir, ensemble.LockFile), fmt.Sprintf("recsys models %s, process %d on %s", verb, os.Getpid(), host))
		if err != nil {
			return nil, err
		}
		s.locks = append(s.locks, l)
	}
	for _, dir := range s.Folders {
		if err := ensemble.RemoveUnfinished(dir); err != nil {
			return nil, err
		}
	}
	if err := s.look(ctx); err != nil {
		return nil, err
	}
	if err := s.recover(ctx); err != nil || s.recovered == nil {
		return s, err
	}
	return s, s.look(ctx) // a canary that was not finished is gone
}

func (s *session) end() error {
	var errs []error
	for _, l := range slices.Backward(s.locks) {
		errs = append(errs, l.Release())
	}
	s.locks = nil
	return errors.Join(errs...)
}

func (s *session) step(format string, args ...any) {
	if s.Step != nil {
		s.Step(fmt.Sprintf(format, args...))
	}
}

// look notes which ensembles the servers serve.
func (s *session) look(ctx context.Context) error {
	for _, server := range s.Servers {
		s.running[server] = nil
		for _, dir := range s.Folders {
			r, err := ensemble.Open(dir)
			if err != nil {
				return err
			}
			for _, name := range r.Names() {
				if c := r.Models[name].Config; !c.IsEnsemble() || isNext(c) {
					continue
				}
				ready, err := server.Ready(ctx, name, "")
				if err != nil {
					return fmt.Errorf("%s: %w", server, err)
				}
				if ready && !slices.Contains(s.running[server], name) {
					s.running[server] = append(s.running[server], name)
				}
			}
		}
	}
	return nil
}

// repair returns a context in which to put things back.
func repair(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), repairTimeout)
}

// revive has every server serve an ensemble as the files say, changing its file's time if loading alone does not help.
func (s *session) revive(ctx context.Context, name string) error {
	errs := make([]error, 0, len(s.Servers))
	for _, server := range s.Servers {
		errs = append(errs, s.reviveOn(ctx, server, name))
	}
	return errors.Join(errs...)
}

func (s *session) reviveOn(ctx context.Context, server Server, name string) error {
	c, err := ensemble.ReadConfig(configPath(s.Folders[0], name))
	if err != nil {
		return err
	}
	probes := []Probe{zeroProbe(c)}
	if prove(ctx, server, name, served(c), probes) == nil {
		return nil
	}
	for _, dir := range s.Folders {
		text, err := os.ReadFile(configPath(dir, name))
		if err == nil {
			err = writeConfig(configPath(dir, name), text)
		}
		if err != nil {
			return err
		}
	}
	return prove(ctx, server, name, served(c), probes)
}

// others checks that the ensembles that ran at the start, but for the named ones, run still.
func (s *session) others(ctx context.Context, but ...string) error {
	for _, server := range s.Servers {
		for _, name := range s.running[server] {
			if slices.Contains(but, name) {
				continue
			}
			ready, err := server.Ready(ctx, name, "")
			if err != nil || !ready {
				return fmt.Errorf("%s: %s no longer runs: %w", server, name, errors.Join(err, errNotReady))
			}
		}
	}
	return nil
}

// unload takes ensembles off every server and, when all are, removes their folders, those of the first one last: whoever repeats it finds that.
func (s *session) unload(ctx context.Context, names ...string) error {
	var errs []error
	for _, name := range names {
		for _, server := range s.Servers {
			err := server.Unload(ctx, name)
			if err == nil {
				continue
			}
			// Of a model that it does not have a server says so.
			if ready, readyErr := server.Ready(ctx, name, ""); ready || readyErr != nil {
				errs = append(errs, fmt.Errorf("%s: %w", server, errors.Join(err, readyErr)))
			}
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for _, name := range slices.Backward(names) {
		for _, dir := range s.Folders {
			errs = append(errs, os.RemoveAll(filepath.Join(dir, name)))
		}
	}
	return errors.Join(errs...)
}
