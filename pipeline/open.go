package pipeline

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// dataFile tells where a run's tables are, for verbs that are given the run alone. It is no part of what a run is: a run
// that was moved, or whose tables were, is opened with the folder.
const dataFile = "data.json"

type dataFolder struct {
	Folder string `json:"folder"`
}

// Open makes the pipeline of a run folder. Data is the folder of the tables; "" is the one that the run was fitted with.
func Open(run, data string, o Options) (*Pipeline, error) {
	text, err := os.ReadFile(filepath.Join(run, configFile))
	if err != nil {
		return nil, notRun(err, "run")
	}
	var origin Origin
	if err := readJSON(filepath.Join(run, originFile), "fit", &origin); err != nil {
		return nil, err
	}
	if data == "" {
		var d dataFolder
		if err := readJSON(filepath.Join(run, dataFile), "fit", &d); err != nil {
			return nil, err
		}
		if _, err := os.Stat(d.Folder); errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("%s: the tables were in %s, which is not there; name their folder with --data", run, d.Folder)
		}
		data = d.Folder
	}
	return New(text, data, run, origin.Seed, o)
}

// writeDataFolder remembers where the tables are.
func (p *Pipeline) writeDataFolder() error {
	folder, err := filepath.Abs(p.data)
	if err != nil {
		return err
	}
	return writeJSON(p.path(dataFile), dataFolder{folder})
}
