package diff

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"recsys/ensemble"
	"recsys/internal/pbtxt"
)

// changes compares fields by name.
func changes(was, is map[string]string) []Change {
	var list []Change
	all := maps.Clone(was)
	maps.Copy(all, is)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if was[name] != is[name] {
			list = append(list, Change{name, was[name], is[name]})
		}
	}
	return list
}

// ofRanking begins the names of fields of the second ensemble.
const ofRanking = "ranking: "

// tensors describes the inputs and outputs of the ensembles.
func (s *Side) tensors() map[string]string {
	out := tensors(s.Config)
	if s.Ranking != nil {
		for name, text := range tensors(s.Ranking) {
			out[ofRanking+name] = text
		}
	}
	return out
}

// fields takes the configurations of the ensembles apart.
func (s *Side) fields() (map[string]string, error) {
	out, err := fields(s.Ensemble, s.text)
	if err != nil || s.Ranking == nil {
		return out, err
	}
	second, err := fields(s.Ensemble, s.second)
	for name, text := range second {
		out[ofRanking+name] = text
	}
	return out, err
}

// tensors describes inputs and outputs.
func tensors(c *ensemble.Config) map[string]string {
	out := map[string]string{}
	for kind, list := range map[string][]ensemble.TensorConfig{"input": c.Inputs, "output": c.Outputs} {
		for _, t := range list {
			text := fmt.Sprintf("%s%v", t.DType.Config(), t.Dims)
			if t.Reshape != nil {
				text += fmt.Sprintf(" as %v", t.Reshape.Shape)
			}
			out[kind+" "+t.Name] = text
		}
	}
	return out
}

// fields takes a configuration of the ensemble's, or of a stage's, apart into paths and values, without what is compared as the
// interface, and without the numbers of versions. Stages go by their names without the ensemble's.
func fields(ensemble string, text []byte) (map[string]string, error) {
	m, err := pbtxt.Parse(text)
	if err != nil {
		return nil, err
	}
	m = &pbtxt.Message{Fields: slices.DeleteFunc(slices.Clone(m.Fields), func(f pbtxt.Field) bool {
		return slices.Contains([]string{"input", "output", "version_policy"}, f.Name)
	})}
	out := map[string]string{}
	flatten(m, ensemble, "", out)
	return out, nil
}

// isID says whether a field names its block among others.
func isID(field string) bool { return field == "key" || field == "name" || field == "model_name" }

// flatten adds a message's fields. Blocks that have a key or a name go by it, others by their place.
func flatten(m *pbtxt.Message, ensemble, prefix string, out map[string]string) {
	places := map[string]int{}
	for f := range m.All() {
		path := prefix + f.Name
		if f.Name == "model_version" || isID(f.Name) {
			continue
		}
		places[path]++
		if f.Kind != pbtxt.Block {
			out[path] = strings.TrimSpace(out[path] + " " + f.Text)
			continue
		}
		id := blockName(f.Block, ensemble)
		if id == "" && places[path] > 1 {
			id = strconv.Itoa(places[path])
		}
		if id != "" {
			path += "[" + id + "]"
		}
		before := len(out)
		if flatten(f.Block, ensemble, path+".", out); len(out) == before {
			out[path] = "{}"
		}
	}
}

func blockName(m *pbtxt.Message, ensemble string) string {
	for f := range m.All() {
		if f.Name == "model_name" {
			return stageName(ensemble, f.Text)
		}
		if isID(f.Name) {
			return f.Text
		}
	}
	return ""
}

// withoutSteps leaves out fields of steps that one side lacks, which are reported as stages.
func withoutSteps(list []Change, a, b []Stage) []Change {
	both := map[string]int{}
	for _, s := range append(slices.Clone(a), b...) {
		both[s.Name]++
	}
	return slices.DeleteFunc(list, func(c Change) bool {
		rest, ok := strings.CutPrefix(strings.TrimPrefix(c.Field, ofRanking), "ensemble_scheduling.step[")
		name, _, _ := strings.Cut(rest, "]")
		return ok && both[name] < 2
	})
}

// manifestChanges compares manifests but for the generation.
func manifestChanges(a, b *ensemble.Manifest) ([]Change, error) {
	was, err := manifestFields(a)
	if err != nil {
		return nil, err
	}
	is, err := manifestFields(b)
	return changes(was, is), err
}

func manifestFields(m *ensemble.Manifest) (map[string]string, error) {
	out := map[string]string{}
	if m == nil {
		return out, nil
	}
	text, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	var tree map[string]any
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	if err := d.Decode(&tree); err != nil {
		return nil, err
	}
	delete(tree, "generation")
	flattenJSON(tree, "", out)
	return out, nil
}

// flattenJSON adds the leaves of a tree. Objects that have a name go by it; lists of scalars are one leaf.
func flattenJSON(tree any, path string, out map[string]string) {
	switch x := tree.(type) {
	case map[string]any:
		for key, value := range x {
			flattenJSON(value, strings.TrimPrefix(path+"."+key, "."), out)
		}
	case []any:
		var scalars []string
		for i, value := range x {
			object, ok := value.(map[string]any)
			if !ok {
				scalars = append(scalars, fmt.Sprint(value))
				continue
			}
			id := strconv.Itoa(i)
			if name, ok := object["name"].(string); ok {
				id = name
			}
			flattenJSON(object, path+"["+id+"]", out)
		}
		if scalars != nil {
			out[path] = strings.Join(scalars, " ")
		}
	default:
		out[path] = fmt.Sprint(x)
	}
}

// files describes the files of a version folder that are not compared otherwise.
func files(dir string) (map[string]string, error) {
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil || slices.Contains([]string{ensemble.ConfigFile, ensemble.RankingConfigFile, ensemble.ManifestFile}, name) {
			return err
		}
		sum, size, err := checksum(path)
		out[filepath.ToSlash(name)] = fmt.Sprintf("%d bytes, sha256 %.12s", size, sum)
		return err
	})
	return out, err
}

// checksum returns the SHA-256 of a file, as hexadecimal digits, and its size.
func checksum(path string) (_ string, size int64, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	h := sha256.New()
	size, err = io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), size, err
}
