package data

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Resolve finds the file that a pipeline names, relative to the data folder dir unless it is absolute. Where
// ratings.csv.gz is absent it takes ratings.csv, and of MovieLens's files those that GroupLens publishes (ratings.dat,
// u.data). The error names all that was looked for.
func Resolve(dir, path string) (string, error) {
	full := path
	if !filepath.IsAbs(path) {
		full = filepath.Join(dir, path)
	}
	folder, base := filepath.Split(full)
	tried := make([]string, 0, 4)
	for _, name := range alternatives(base) {
		candidate := filepath.Join(folder, name)
		if info, err := os.Stat(candidate); err == nil && !info.IsDir() {
			return candidate, nil
		}
		tried = append(tried, name)
	}
	err := fmt.Errorf("no file %s in folder %s", strings.Join(tried, " or "), filepath.Clean(folder))
	if info, statErr := os.Stat(folder); statErr != nil || !info.IsDir() {
		err = fmt.Errorf("no folder %s with %s", filepath.Clean(folder), base)
	}
	if len(tried) > 2 {
		return "", fmt.Errorf("%w: MovieLens is at https://grouplens.org/datasets/movielens/, "+
			"docs/how-to/get-movielens.md says how to get and name it", err)
	}
	return "", err
}

// alternatives returns the names under which a file may lie, its own first.
func alternatives(base string) []string {
	names := []string{base}
	stem, ok := strings.CutSuffix(base, ".csv.gz")
	if ok {
		names = append(names, stem+".csv")
	} else if stem, ok = strings.CutSuffix(base, ".csv"); ok {
		names = append(names, stem+".csv.gz")
	}
	if !ok {
		return names
	}
	switch stem {
	case "ratings":
		return append(names, "ratings.dat", "u.data")
	case "users":
		return append(names, "users.dat", "u.user")
	case "movies":
		return append(names, "movies.dat", "u.item")
	}
	return names
}
