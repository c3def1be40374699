package ensemble

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"recsys/internal/pbtxt"
)

// Repository is a model repository as it lay on disk when it was opened. It is not changed after that: safe for concurrent
// readers.
type Repository struct {
	Dir    string
	Models map[string]*Model
	broken []Finding // models that Open could not read
}

// Model is one folder of a repository.
type Model struct {
	Name   string
	Dir    string
	Config *Config
	// Versions are the numbers of the version folders, ascending.
	Versions []int64

	tree    *pbtxt.Message // the configuration's text; nil where there is a Config alone
	guessed bool           // there is no configuration
}

// Open reads the configurations of a repository. Folders whose name begins with a dot and plain files at the top are passed
// over, as Triton does. Models that cannot be read are left out of Models; [Repository.Check] reports them. Where Triton would take the
// backend by a model file's name, because config.pbtxt does not say it or is not there, so does Open.
func Open(dir string) (*Repository, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open model repository: %w", err)
	}
	r := &Repository{Dir: dir, Models: map[string]*Model{}}
	for _, e := range entries {
		if !e.IsDir() || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		m, err := openModel(filepath.Join(dir, e.Name()))
		if err != nil {
			r.broken = append(r.broken, Finding{
				Rule: RuleConfig, File: filepath.Join(e.Name(), ConfigFile), Message: relative(dir, err),
				Remedy: "correct the file or remove the folder",
			})
			continue
		}
		r.Models[m.Name] = m
	}
	return r, nil
}

// relative shortens paths below dir in an error's text.
func relative(dir string, err error) string {
	return strings.ReplaceAll(err.Error(), filepath.Clean(dir)+string(filepath.Separator), "")
}

func openModel(dir string) (*Model, error) {
	m := &Model{Name: filepath.Base(dir), Dir: dir}
	var err error
	if m.Versions, err = Versions(dir); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, ConfigFile)
	text, err := readConfig(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		m.Config, m.tree, m.guessed = &Config{Name: m.Name}, &pbtxt.Message{}, true
	case err != nil:
		return nil, err
	default:
		if m.Config, m.tree, err = parseConfig(path, text); err != nil {
			return nil, err
		}
	}
	if m.Config.Backend == "" && m.Config.Platform == "" {
		m.Config.Backend = m.guess()
	}
	if m.guessed && m.Config.Backend == "" {
		return nil, err
	}
	return m, nil
}

// text returns the configuration's text, or what Config makes of it.
func (m *Model) text() *pbtxt.Message {
	if m.tree != nil {
		return m.tree
	}
	return m.Config.tree()
}

// guess returns the backend that the name of a version's model file tells, or "".
func (m *Model) guess() string {
	for _, v := range m.Versions {
		for _, backend := range []string{BackendONNX, backendTensorRT, "openvino", "pytorch", "tensorflow", "python"} {
			if _, err := os.Stat(filepath.Join(m.VersionDir(v), modelFiles(backend)[0])); err == nil {
				return backend
			}
		}
	}
	return ""
}

// Versions lists the version folders of a model's folder, ascending; none for a folder that does not exist.
func Versions(dir string) ([]int64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var list []int64
	for _, e := range entries {
		n, err := strconv.ParseInt(e.Name(), 10, 64)
		if err == nil && n > 0 && e.IsDir() && e.Name()[0] != '0' && e.Name()[0] != '+' {
			list = append(list, n)
		}
	}
	slices.Sort(list)
	return list, nil
}

// Served returns the versions that the policy serves, ascending.
func (m *Model) Served() []int64 {
	p := m.Config.VersionPolicy
	switch {
	case p.All:
		return m.Versions
	case len(p.Specific) > 0:
		var list []int64
		for _, v := range m.Versions {
			if slices.Contains(p.Specific, v) {
				list = append(list, v)
			}
		}
		return list
	}
	return m.Versions[len(m.Versions)-min(len(m.Versions), max(1, p.Latest)):]
}

// VersionDir returns the folder of a version.
func (m *Model) VersionDir(version int64) string {
	return filepath.Join(m.Dir, strconv.FormatInt(version, 10))
}

// ModelPath returns the path of a version's model file.
func (m *Model) ModelPath(version int64) string {
	return filepath.Join(m.VersionDir(version), m.Config.ModelFile())
}

// Names returns the models' names, ascending.
func (r *Repository) Names() []string {
	names := make([]string, 0, len(r.Models))
	for name := range r.Models {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// LockFile is the name of the file at a repository's top that whoever changes the repository has locked.
const LockFile = ".recsys.lock"
