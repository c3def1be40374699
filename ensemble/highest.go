package ensemble

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"recsys/internal/atomicfile"
)

// HighestFile is the name of the file in an ensemble's folder that holds the highest generation which was removed: its number is not
// given again. Triton passes the file over.
const HighestFile = ".highest-generation"

// KeepHighest notes in the repository at dir that the ensemble called name has had a generation, before it is removed. It is for whoever
// has locked [LockFile].
func KeepHighest(dir, name string, generation int64) error {
	before, err := highest(dir, name)
	if err != nil || before >= generation {
		return err
	}
	return atomicfile.WriteBytes(filepath.Join(dir, name, HighestFile), []byte(strconv.FormatInt(generation, 10)+"\n"))
}

// highest returns what KeepHighest has noted, 0 for nothing.
func highest(dir, name string) (int64, error) {
	path := filepath.Join(dir, name, HighestFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s: %q is no generation: write the highest number that the ensemble has had", path, text)
	}
	return n, nil
}
