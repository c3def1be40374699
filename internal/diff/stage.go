package diff

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"recsys/ensemble"
	"recsys/graph"
	"recsys/onnx"
	"recsys/tensor"
)

// State says what became of a stage.
type State string

// The states of stages.
const (
	StateAdded   State = "added"
	StateRemoved State = "removed"
	StateChanged State = "changed"
)

// StageReport says what is different about a stage.
type StageReport struct {
	Name      string   `json:"name"`
	State     State    `json:"state"`
	Interface []Change `json:"interface,omitempty"`
	Config    []Change `json:"config,omitempty"`
	// Operators are those of another number; Nodes have other attributes or inputs, or are on one side only.
	Operators    []Operator   `json:"operators,omitempty"`
	Nodes        *Nodes       `json:"nodes,omitempty"`
	Weights      []Weight     `json:"weights,omitempty"`
	Vocabularies []Vocabulary `json:"vocabularies,omitempty"`
	// Note says why models that differ could not be read.
	Note string `json:"note,omitempty"`
}

// Operator counts the nodes of a type.
type Operator struct {
	Type string `json:"type"`
	Was  int    `json:"was"`
	Is   int    `json:"is"`
}

// Nodes counts nodes that stand in one model only, as they are; a few are given as examples.
type Nodes struct {
	Removed  int      `json:"removed"`
	Added    int      `json:"added"`
	Examples []string `json:"examples"`
}

// Weight is an initialiser that differs. Of a shape or type that changed, or on one side only, there are no numbers.
type Weight struct {
	Name string `json:"name"`
	// Was and Is are type and shape, empty where there is none.
	Was string `json:"was"`
	Is  string `json:"is"`
	// Changed is how many of the Elements differ, by MaxChange at most and MeanChange on average over all; numbers only.
	Elements   int     `json:"elements,omitempty"`
	Changed    int     `json:"changed,omitempty"`
	MaxChange  float64 `json:"max_change,omitempty"`
	MeanChange float64 `json:"mean_change,omitempty"`
}

// Vocabulary is a table from keys to ids that differs.
type Vocabulary struct {
	Name string `json:"name"`
	// Added and Removed count keys, Moved those that have another id, Kept the others.
	Added    int      `json:"added"`
	Removed  int      `json:"removed"`
	Moved    int      `json:"moved"`
	Kept     int      `json:"kept"`
	Examples []string `json:"examples"`
}

// fewExamples is how many examples a list gives.
const fewExamples = 5

// compareStage returns nil for stages that are the same.
func compareStage(a, b Stage) (*StageReport, error) {
	r := &StageReport{Name: a.Name, State: StateChanged, Interface: changes(tensors(a.home.Config), tensors(b.home.Config))}
	was, err := stageFields(a)
	if err != nil {
		return nil, err
	}
	is, err := stageFields(b)
	if err != nil {
		return nil, err
	}
	r.Config = changes(was, is)
	same, err := sameFile(a.Path, b.Path)
	if err != nil {
		return nil, err
	}
	if !same {
		if err := r.compareModels(a.Path, b.Path); err != nil {
			r.Note = "the files differ; they cannot be read: " + err.Error()
		}
	}
	if same && len(r.Interface)+len(r.Config) == 0 {
		return nil, nil //nolint:nilnil // no report means no difference
	}
	return r, nil
}

func stageFields(s Stage) (map[string]string, error) {
	text, err := os.ReadFile(filepath.Join(s.home.Dir, ensemble.ConfigFile))
	if err != nil {
		return nil, err
	}
	return fields(s.ensemble, text)
}

// sameFile compares checksums. Models of other backends may be folders, or have no file of the usual name: nothing is known of them.
func sameFile(a, b string) (bool, error) {
	was, _, err := checksum(a)
	if err != nil {
		return false, ignoreMissing(err)
	}
	is, _, err := checksum(b)
	if err != nil {
		return false, ignoreMissing(err)
	}
	return was == is, nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (r *StageReport) compareModels(a, b string) error {
	was, err := onnx.Read(a)
	if err != nil {
		return err
	}
	is, err := onnx.Read(b)
	if err != nil {
		return err
	}
	r.Operators = operators(was, is)
	if r.Nodes, err = nodes(was, is); err != nil {
		return err
	}
	r.Weights = weights(initializers(was), initializers(is))
	r.Vocabularies = vocabularies(encoders(was), encoders(is))
	if len(r.Operators)+len(r.Weights)+len(r.Vocabularies) == 0 && r.Nodes == nil {
		r.Note = "the files differ, the graphs do not: names, order or metadata"
	}
	return nil
}

func operators(a, b *graph.Graph) []Operator {
	count := func(g *graph.Graph) map[string]int {
		m := map[string]int{}
		for _, n := range g.Nodes {
			m[n.Op.String()]++
		}
		return m
	}
	was, is := count(a), count(b)
	all := maps.Clone(was)
	maps.Copy(all, is)
	var list []Operator
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if was[name] != is[name] {
			list = append(list, Operator{name, was[name], is[name]})
		}
	}
	return list
}

// nodes compares the graphs' nodes as onnx.Dump describes them, but for vocabularies.
func nodes(a, b *graph.Graph) (*Nodes, error) {
	was, err := nodeLines(a)
	if err != nil {
		return nil, err
	}
	is, err := nodeLines(b)
	if err != nil {
		return nil, err
	}
	n := &Nodes{}
	for _, side := range []struct {
		lines, others map[string]int
		sign          string
		count         *int
	}{{was, is, "- ", &n.Removed}, {is, was, "+ ", &n.Added}} {
		examples := 0
		for _, line := range slices.Sorted(maps.Keys(side.lines)) {
			more := max(0, side.lines[line]-side.others[line])
			if *side.count += more; more > 0 && examples < fewExamples {
				n.Examples = append(n.Examples, side.sign+line)
				examples++
			}
		}
	}
	if n.Removed+n.Added == 0 {
		return nil, nil //nolint:nilnil // no difference
	}
	return n, nil
}

func nodeLines(g *graph.Graph) (map[string]int, error) {
	text, err := onnx.Dump(g)
	if err != nil {
		return nil, err
	}
	lines := map[string]int{}
	for line := range strings.Lines(text) {
		kind, _, _ := strings.Cut(line, " ")
		if slices.Contains([]string{"graph", "input", "const", "param", "output"}, kind) || strings.Contains(line, " = ai.onnx.ml.LabelEncoder(") {
			continue
		}
		lines[strings.TrimSpace(line)]++
	}
	return lines, nil
}

// initializers returns the tensors that a graph holds, by name.
func initializers(g *graph.Graph) map[string]*tensor.Tensor {
	m := map[string]*tensor.Tensor{}
	for _, n := range g.Nodes {
		for _, v := range n.Inputs {
			if v != nil && v.Data() != nil {
				m[v.Name()] = v.Data()
			}
		}
	}
	for _, o := range g.Outputs {
		if d := o.Value.Data(); d != nil {
			m[o.Name] = d
		}
	}
	return m
}

func weights(was, is map[string]*tensor.Tensor) []Weight {
	all := maps.Clone(was)
	maps.Copy(all, is)
	var list []Weight
	for _, name := range slices.Sorted(maps.Keys(all)) {
		w := Weight{Name: name}
		a, b := was[name], is[name]
		if a != nil {
			w.Was = a.String()
		}
		if b != nil {
			w.Is = b.String()
		}
		if w.Was == w.Is {
			w.Elements = a.Len()
			if w.compare(a, b); w.Changed == 0 {
				continue
			}
		}
		list = append(list, w)
	}
	return list
}

// compare counts the elements of two tensors of one type and shape that differ.
func (w *Weight) compare(a, b *tensor.Tensor) {
	switch x := a.Any().(type) {
	case []float32:
		numbers(w, x, tensor.MustData[float32](b))
	case []float64:
		numbers(w, x, tensor.MustData[float64](b))
	case []int64:
		numbers(w, x, tensor.MustData[int64](b))
	case []int32:
		numbers(w, x, tensor.MustData[int32](b))
	case []int8:
		numbers(w, x, tensor.MustData[int8](b))
	case []uint8:
		numbers(w, x, tensor.MustData[uint8](b))
	default:
		if !a.Equal(b) {
			w.Changed = w.Elements // which of them does not matter to anybody
		}
	}
}

func numbers[T float32 | float64 | int64 | int32 | int8 | uint8](w *Weight, a, b []T) {
	sum := 0.0
	for i, x := range a {
		if x == b[i] || x != x && b[i] != b[i] { //nolint:gocritic // NaN stays NaN
			continue
		}
		d := math.Abs(float64(b[i]) - float64(x))
		w.Changed++
		if math.IsNaN(d) || math.IsInf(d, 0) {
			continue // JSON has no such numbers
		}
		w.MaxChange = max(w.MaxChange, d)
		sum += d
	}
	if w.Elements > 0 {
		w.MeanChange = sum / float64(w.Elements)
	}
}

// encoders returns the tables of a graph's LabelEncoders by the node's name: keys and values as text.
func encoders(g *graph.Graph) map[string]map[string]string {
	m := map[string]map[string]string{}
	for _, n := range g.Nodes {
		if n.Op.Type != "LabelEncoder" {
			continue
		}
		table := map[string]string{}
		keys, values := encoderTexts(n, "keys_"), encoderTexts(n, "values_")
		for i, key := range keys {
			table[key] = values[i]
		}
		m[n.Name] = table
	}
	return m
}

func encoderTexts(n *graph.Node, prefix string) []string {
	var out []string
	for _, x := range n.Attrs.Ints(prefix + "int64s") {
		out = append(out, strconv.FormatInt(x, 10))
	}
	for _, x := range n.Attrs.Floats(prefix + "floats") {
		out = append(out, fmt.Sprint(x))
	}
	return append(out, n.Attrs.Strs(prefix+"strings")...)
}

func vocabularies(was, is map[string]map[string]string) []Vocabulary {
	all := maps.Clone(was)
	maps.Copy(all, is)
	var list []Vocabulary
	for _, name := range slices.Sorted(maps.Keys(all)) {
		v := Vocabulary{Name: name}
		a, b := was[name], is[name]
		keys := maps.Clone(b)
		if keys == nil {
			keys = map[string]string{}
		}
		maps.Copy(keys, a)
		for _, key := range slices.Sorted(maps.Keys(keys)) {
			old, had := a[key]
			now, has := b[key]
			example := ""
			switch {
			case !had:
				v.Added++
				example = fmt.Sprintf("+ %q is %s", key, now)
			case !has:
				v.Removed++
				example = fmt.Sprintf("- %q was %s", key, old)
			case old != now:
				v.Moved++
				example = fmt.Sprintf("%q was %s, is %s", key, old, now)
			default:
				v.Kept++
			}
			if example != "" && len(v.Examples) < fewExamples {
				v.Examples = append(v.Examples, example)
			}
		}
		if v.Added+v.Removed+v.Moved > 0 {
			list = append(list, v)
		}
	}
	return list
}
