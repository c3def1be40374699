package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"

	"recsys/data"
	"recsys/ordering"
)

// Config is recsys.yaml: a pipeline as data. Fields left out have the defaults that their comments state.
type Config struct {
	// Name is the ensemble's name and the prefix of its stages: letters, digits, '_' and '-', a letter first.
	Name string `yaml:"name"`
	Data Data   `yaml:"data"`
	// Split says which interactions train, validate and test. Default: by last.
	Split Split `yaml:"split"`
	// Features are the operators of the workflow, applied in order. Each is one name with its settings.
	Features []Block `yaml:"features"`
	// Retrieval lists the retrieval models. All are trained and evaluated; the first one is served, and so are others with
	// a quota. Popularity is always evaluated beside them.
	Retrieval []Block `yaml:"retrieval"`
	// Candidates is K, the number of candidates that retrieval hands on. Default 300, clamped to the catalogue.
	Candidates int `yaml:"candidates"`
	// Index says how retrieval finds them. Default: by looking at all items.
	Index Index `yaml:"index"`
	// Filter says what is never recommended: "seen", what the user has; "where" with a condition on the columns of items and of the
	// request, what does not meet it.
	Filter []Block `yaml:"filter"`
	// Ranking is the ranker with its settings and tasks.
	Ranking  *Block   `yaml:"ranking"`
	Ordering Ordering `yaml:"ordering"`
	// Stages are stages of other origin.
	Stages []CustomStage `yaml:"stages"`
	// Fallback is how many popular items the export carries for answers without a model. Default 200.
	Fallback int `yaml:"fallback"`
	// Seed drives every random choice. Default 1.
	Seed uint64 `yaml:"seed"`
	// Export says how the stages are served.
	Export ExportSettings `yaml:"export"`
}

// Data names the tables. Paths are relative to the data folder.
type Data struct {
	Interactions Interactions `yaml:"interactions"`
	Users        *Entities    `yaml:"users"`
	Items        *Entities    `yaml:"items"`
	// MinUser and MaxUser bound the interactions of a user, MinItem and MaxItem those of an item; what is out of bounds is left
	// out, again and again until nothing is. KCore k stands for MinUser and MinItem k. Default 0, no bound.
	KCore   int `yaml:"k_core"`
	MinUser int `yaml:"min_user"`
	MaxUser int `yaml:"max_user"`
	MinItem int `yaml:"min_item"`
	MaxItem int `yaml:"max_item"`
}

// filter is what the bounds say.
func (d Data) filter() data.Filter {
	f := data.Filter{MinUser: d.MinUser, MaxUser: d.MaxUser, MinItem: d.MinItem, MaxItem: d.MaxItem}
	if d.KCore > 0 {
		f.MinUser, f.MinItem = d.KCore, d.KCore
	}
	return f
}

// Interactions is the table of who did what, one row an event.
type Interactions struct {
	Path string `yaml:"path"`
	User string `yaml:"user"`
	Item string `yaml:"item"`
	// Order is the column that orders a user's events, ascending; rows with a negative value take part in ranking
	// only. Default: Time, else the order of the file.
	Order string `yaml:"order"`
	// Time is the column with Unix seconds that becomes the request time in serving. Default none.
	Time string `yaml:"time"`
	// Columns names further columns with their element types, int64, float32 or string. Features may use them as
	// context: requests bring them. Labels may use any column of the file.
	Columns map[string]string `yaml:"columns"`
	// Storage says where the interactions are kept: "memory", "disk", or "auto", the default: on disk where Memory MiB
	// would not hold their columns, at 16 bytes a cell. Default of Memory: 4096.
	Storage string `yaml:"storage"`
	Memory  int    `yaml:"memory"`
}

// Entities is the table of users or items, one row a key.
type Entities struct {
	Path string `yaml:"path"`
	Key  string `yaml:"key"`
	// Columns gives element types where those inferred from the data are not wanted: int64, float32 or string.
	Columns map[string]string `yaml:"columns"`
	// Lists gives the separators of columns that hold lists.
	Lists map[string]string `yaml:"lists"`
}

// Split says how interactions are divided.
type Split struct {
	// By is "last" (a user's last interaction tests, the last but one validates), "time", "random" and "random_per_user"
	// (fractions Valid and Test) or "column" (the values train, valid and test of Column; any other value keeps the row out).
	By     string  `yaml:"by"`
	Column string  `yaml:"column"`
	Valid  float64 `yaml:"valid"`
	Test   float64 `yaml:"test"`
}

// Ordering is the last stage, and what makes an answer of its candidates.
type Ordering struct {
	// Return is N, the most items an answer can have. Default 100, clamped to Candidates.
	Return int `json:"return" yaml:"return"`
	// Blend is the score that orders the answer: a task's probability, "retrieval" for the retrieval score, or a sum of
	// them with weights, such as "retrieval + 2*like". Default: the ranker's first task; without a ranker "retrieval".
	Blend string `json:"blend" yaml:"blend"`

	ordering.Policy
}

var namePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]*$`)

// ReadConfig reads and checks a recsys.yaml. Unknown keys are errors with their line.
func ReadConfig(path string) (*Config, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read pipeline: %w", err)
	}
	c, err := ParseConfig(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.ToSlash(path), err)
	}
	return c, nil
}

// ParseConfig is ReadConfig for the text itself.
func ParseConfig(text []byte) (*Config, error) {
	c := &Config{}
	if err := yaml.UnmarshalWithOptions(text, c, yaml.Strict()); err != nil {
		return nil, err
	}
	if err := wholeNumbers(text); err != nil {
		return nil, err
	}
	c.setDefaults()
	return c, c.Validate()
}

// wholeNumbers refuses fractions, which the YAML library would cut.
func wholeNumbers(text []byte) error {
	for _, key := range []string{
		"candidates", "data.interactions.memory", "data.k_core", "data.max_item", "data.max_user", "data.min_item", "data.min_user",
		"export.max_batch", "fallback", "seed",
	} {
		path, err := yaml.PathString("$." + key)
		if err != nil {
			return err
		}
		node, err := path.ReadNode(bytes.NewReader(text))
		if err != nil {
			continue // The key is not there.
		}
		if f, ok := node.(*ast.FloatNode); ok {
			return fmt.Errorf("line %d: %s: got %s, want a whole number", f.GetToken().Position.Line, key, f.String())
		}
	}
	return nil
}

func (c *Config) setDefaults() {
	def(&c.Split.By, "last")
	def(&c.Candidates, 300)
	def(&c.Ordering.Return, 100)
	def(&c.Fallback, 200)
	def(&c.Seed, 1)
	def(&c.Data.Interactions.Storage, storeAuto)
	def(&c.Data.Interactions.Memory, 4096)
	if c.Data.Interactions.Order == "" {
		c.Data.Interactions.Order = c.Data.Interactions.Time
	}
}

func def[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Validate checks what can be checked without data and reports every fault.
func (c *Config) Validate() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if !namePattern.MatchString(c.Name) {
		fail("name: %q is no name; use letters, digits, '_' and '-', a letter first", c.Name)
	}
	in := c.Data.Interactions
	for field, value := range map[string]string{"path": in.Path, "user": in.User, "item": in.Item} {
		if value == "" {
			fail("data.interactions.%s: is missing", field)
		}
	}
	if !slices.Contains([]string{storeAuto, storeMemory, storeDisk}, in.Storage) {
		fail("data.interactions.storage: unknown %q; there are: auto, memory, disk", in.Storage)
	}
	if in.Memory < 1 || in.Memory > 1<<30 {
		fail("data.interactions.memory: %d MiB; it has to be 1 or more", in.Memory)
	}
	for table, e := range map[string]*Entities{"users": c.Data.Users, "items": c.Data.Items} {
		if e != nil && (e.Path == "" || e.Key == "") {
			fail("data.%s: needs path and key", table)
		}
	}
	if d := c.Data; d.KCore < 0 || d.KCore > 0 && (d.MinUser > 0 || d.MinItem > 0) {
		fail("data.k_core: %d; it has to be 0 or more, and stands for min_user and min_item: give it or them", d.KCore)
	}
	if err := c.Data.filter().Validate(); err != nil {
		fail("data: %w", err)
	}
	errs = append(errs, c.Split.validate(c.Data.Interactions), c.Index.validate(), c.validateFilter())
	if len(c.Features) == 0 {
		fail("features: is empty; name at least a categorify of %q and %q", in.User, in.Item)
	}
	if len(c.Retrieval) == 0 && c.Ranking == nil {
		fail("retrieval, ranking: both are missing; give one model or more")
	}
	for field, v := range map[string]int{"candidates": c.Candidates, "ordering.return": c.Ordering.Return, "fallback": c.Fallback} {
		if v < 1 {
			fail("%s: %d has to be 1 or more", field, v)
		}
	}
	if err := c.Ordering.Validate(); err != nil {
		fail("ordering: %w", err)
	}
	return joinSorted(append(append(errs, c.Export.Validate()), validateCustom(c.Stages)...))
}

func (s Split) validate(in Interactions) error {
	switch s.By {
	case data.ByLast:
		return nil
	case data.ByColumn:
		if s.Column == "" {
			return errors.New("split.column: is missing; name the column with the values train, valid and test")
		}
		return nil
	case data.ByTime, data.ByRandom, data.ByRandomPerUser:
		if s.Valid < 0 || s.Test <= 0 || s.Valid+s.Test >= 1 {
			return fmt.Errorf("split: valid %v and test %v have to be fractions with a sum below 1, test above 0", s.Valid, s.Test)
		}
		if s.By == data.ByTime && in.Time == "" {
			return errors.New("split.by: time needs data.interactions.time")
		}
		return nil
	}
	return fmt.Errorf("split.by: unknown %q; there are: last, time, random, random_per_user, column", s.By)
}

// joinSorted joins errors in the order of their texts, so that the same faults read the same every time.
func joinSorted(errs []error) error {
	texts := make([]string, 0, len(errs))
	for _, err := range errs {
		if err != nil {
			texts = append(texts, err.Error())
		}
	}
	if len(texts) == 0 {
		return nil
	}
	slices.Sort(texts)
	return errors.New(strings.Join(texts, "\n"))
}
