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
func (p *Pipeline) weights(source string) (map[string]string, error) {
	files := map[string]string{
		"features": p.path(workflowFile), "query": p.path(sourcesDir, source, queryFile), "tower": p.path(sourcesDir, source, towerFile),
	}
	if p.config.Ranking != nil {
		files["ranker"] = p.path(rankingDir, p.config.Ranking.Name+".onnx")
	}
	hashes := make(map[string]string, len(files))
	for name, path := range files {
		hash, err := hashFile(path)
		if errors.Is(err, fs.ErrNotExist) && name == "tower" {
			continue
		}
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
