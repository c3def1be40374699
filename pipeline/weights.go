package pipeline

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// weights returns the hashes of what was fitted and trained, for Manifest.Weights.
func (p *Pipeline) weights(sources []source) (map[string]string, error) {
	files := map[string]string{"features": p.path(workflowFile)}
	for i, s := range sources {
		of := ""
		if i > 0 {
			of = " of " + s.Name
		}
		files["query"+of] = p.path(sourcesDir, s.Name, queryFile)
		if s.Tower != nil {
			files["tower"+of] = p.path(sourcesDir, s.Name, towerFile)
		}
	}
	if p.config.Ranking != nil {
		files["ranker"] = p.path(rankingDir, p.config.Ranking.Name+".onnx")
	}
	hashes := make(map[string]string, len(files))
	for name, path := range files {
		hash, err := hashFile(path)
		if err != nil {
			return nil, err
		}
		hashes[name] = hash
	}
	return hashes, nil
}

// hashFile hashes a file, and the external data beside a model that has such.
func hashFile(path string) (string, error) {
	h := sha256.New()
	for i, name := range []string{path, path + ".data"} {
		f, err := os.Open(filepath.Clean(name))
		if i > 0 && errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return "", err
		}
		_, err = io.Copy(h, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return "", err
		}
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil)), nil
}
