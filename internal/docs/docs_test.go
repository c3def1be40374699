package docs_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"recsys/ensemble"
	"recsys/feature/op"
	"recsys/graph"
	"recsys/internal/load"
	"recsys/internal/tune"
	"recsys/pipeline"
	"recsys/pipeline/report"
)

const root = "../.."

// read returns a page of the reference.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs/reference", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// section returns what stands below a heading, up to the next one of its level or above.
func section(t *testing.T, page, heading string) string {
	t.Helper()
	level, _, _ := strings.Cut(heading, " ")
	_, below, ok := strings.Cut("\n"+page, "\n"+heading+"\n")
	if !ok {
		t.Errorf("no heading %q", heading)
		return ""
	}
	for line := range strings.SplitAfterSeq(below, "\n") {
		marks, _, _ := strings.Cut(line, " ")
		if strings.Trim(marks, "#") == "" && marks != "" && len(marks) <= len(level) {
			below, _, _ = strings.Cut(below, "\n"+line)
			break
		}
	}
	return below
}

// row returns a table's row for the key in its first cell, several of which may share a row, as cells; nil if there is
// none.
func row(page, key string) []string {
	for line := range strings.SplitSeq(page, "\n") {
		cells := strings.Split(strings.ReplaceAll(line, `\|`, "\x00"), "|")
		if len(cells) > 2 && slices.Contains(strings.Split(strings.TrimSpace(cells[1]), ", "), "`"+key+"`") {
			return cells
		}
	}
	return nil
}

// keys returns the names of a struct's settings by the tag, embedded ones among them, with the types of the fields.
func keys(t reflect.Type, tag string) map[string]reflect.Type {
	out := map[string]reflect.Type{}
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	for field := range t.Fields() {
		name, _, _ := strings.Cut(field.Tag.Get(tag), ",")
		switch {
		case field.Anonymous && name == "":
			maps.Copy(out, keys(field.Type, tag))
		case name != "" && name != "-":
			out[name] = field.Type
		}
	}
	return out
}

func TestPipelineKeys(t *testing.T) {
	page := read(t, "recsys-yaml.md")
	var walk func(t *testing.T, typ reflect.Type, path string)
	walk = func(t *testing.T, typ reflect.Type, path string) {
		t.Helper()
		for name, field := range keys(typ, "yaml") {
			if row(page, path+name) == nil {
				t.Errorf("recsys-yaml.md has no row of `%s`", path+name)
			}
			for field.Kind() == reflect.Pointer || field.Kind() == reflect.Slice {
				field = field.Elem()
			}
			if field.Kind() == reflect.Struct && len(keys(field, "yaml")) > 0 {
				walk(t, field, path+name+".")
			}
		}
	}
	walk(t, reflect.TypeFor[pipeline.Config](), "")
	for name := range keys(reflect.TypeFor[pipeline.TrainSettings](), "json") {
		if row(page, "train."+name) == nil {
			t.Errorf("recsys-yaml.md has no row of `train.%s`", name)
		}
	}
	for name := range keys(reflect.TypeFor[pipeline.TaskSettings](), "json") {
		if row(page, "ranking.tasks."+name) == nil {
			t.Errorf("recsys-yaml.md has no row of `ranking.tasks.%s`", name)
		}
	}
}

// TestExportSettings looks for every setting of a model, and for the parameters that TensorRT gets by default.
func TestExportSettings(t *testing.T) {
	page := read(t, "export-settings.md")
	var walk func(typ reflect.Type, path string)
	walk = func(typ reflect.Type, path string) {
		for name, field := range keys(typ, "json") {
			for field.Kind() == reflect.Pointer || field.Kind() == reflect.Slice {
				field = field.Elem()
			}
			if row(page, path+name) == nil {
				t.Errorf("export-settings.md has no row of `%s`", path+name)
			}
			if field.Kind() == reflect.Struct {
				walk(field, path+name+".")
			}
		}
	}
	walk(reflect.TypeFor[ensemble.Settings](), "")
	for name := range keys(reflect.TypeFor[pipeline.ExportSettings](), "yaml") {
		if row(page, "export."+name) == nil {
			t.Errorf("export-settings.md has no row of `export.%s`", name)
		}
	}
	for _, p := range ensemble.Profiles() {
		if row(page, string(p)) == nil {
			t.Errorf("export-settings.md has no row of the profile `%s`", p)
		}
	}
}

// TestPipelineDefaults compares the defaults that the page states with those of a pipeline that leaves all out.
func TestPipelineDefaults(t *testing.T) {
	c, err := pipeline.ParseConfig([]byte(`
name: a
data: {interactions: {path: i.csv, user: u, item: i}}
features: [{categorify: {columns: [u, i]}}]
retrieval: [popularity]
`))
	if err != nil {
		t.Fatal(err)
	}
	page := read(t, "recsys-yaml.md")
	for key, value := range map[string]any{
		"candidates": c.Candidates, "fallback": c.Fallback, "seed": c.Seed, "ordering.return": c.Ordering.Return,
		"split.by": "`" + c.Split.By + "`",
	} {
		cells := row(page, key)
		if cells == nil || strings.TrimSpace(cells[2]) != fmt.Sprint(value) {
			t.Errorf("the default of %s is %v, the page says %q", key, value, cells)
		}
	}
}

// block makes a block with settings that every model takes.
func block(t *testing.T, name string, settings map[string]any) pipeline.Block {
	t.Helper()
	b, err := pipeline.NewBlock(name, settings)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestModels(t *testing.T) {
	page, yaml := read(t, "models.md"), read(t, "recsys-yaml.md")
	check := func(name, of string, settings any) {
		below := section(t, page, "## "+name)
		for key := range keys(reflect.TypeOf(settings), "json") {
			if key != "train" && row(below, key) == nil && row(yaml, of+"."+key) == nil {
				t.Errorf("neither models.md under %s nor recsys-yaml.md has a row of the setting %q", name, key)
			}
		}
	}
	registry := pipeline.Standard()
	for name, newModel := range registry.Retrieval {
		m, err := newModel(block(t, name, map[string]any{}))
		if err != nil {
			t.Fatal(err)
		}
		check(name, name, m)
	}
	for name, newModel := range registry.Ranking {
		m, err := newModel(block(t, name, map[string]any{"tasks": []any{map[string]any{"name": "a", "binary": "b == 1"}}}))
		if err != nil {
			t.Fatal(err)
		}
		check(name, "ranking", m)
	}
}

// TestONNXOperators: every operator of the graph engine has a row, which says whether it has a gradient.
func TestONNXOperators(t *testing.T) {
	page := read(t, "onnx.md")
	for typ, op := range graph.Standard() {
		cells := row(page, typ)
		switch {
		case len(cells) < 6:
			t.Errorf("onnx.md has no row of `%s`", typ)
		case (strings.TrimSpace(cells[4]) == "yes") != (op.Grad != nil):
			t.Errorf("onnx.md: the row of `%s` is wrong about its gradient", typ)
		}
	}
}

func TestOperators(t *testing.T) {
	page := read(t, "operators.md")
	registry := op.Registry()
	for _, name := range registry.Names() {
		below := section(t, page, "## "+name)
		var settings reflect.Type
		// The settings are not valid: what counts is their type.
		_, _ = registry.Decode(name, func(into any) error { settings = reflect.TypeOf(into); return nil })
		for key := range keys(settings, "json") {
			if row(below, key) == nil {
				t.Errorf("operators.md under %s has no row of the setting %q", name, key)
			}
		}
	}
}

// declared returns the exported names of a package of which want says yes.
func declared(t *testing.T, dir string, want func(ast.Decl) []string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d files, %v", dir, len(files), err)
	}
	var names []string
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			for _, name := range want(d) {
				if ast.IsExported(name) {
					names = append(names, name)
				}
			}
		}
	}
	return names
}

// withMethod returns the type whose method of that name a declaration is.
func withMethod(method string) func(ast.Decl) []string {
	return func(d ast.Decl) []string {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv == nil || f.Name.Name != method {
			return nil
		}
		typ := f.Recv.List[0].Type
		if star, ok := typ.(*ast.StarExpr); ok {
			typ = star.X
		}
		if name, ok := typ.(*ast.Ident); ok {
			return []string{name.Name}
		}
		return nil
	}
}

// snake turns BinaryCrossEntropy into binary_cross_entropy, and BPR into bpr.
func snake(name string) string {
	var out []rune
	runes := []rune(name)
	for i, r := range runes {
		if i > 0 && unicode.IsUpper(r) && (unicode.IsLower(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])) {
			out = append(out, '_')
		}
		out = append(out, unicode.ToLower(r))
	}
	return string(out)
}

func TestLosses(t *testing.T) {
	page := read(t, "losses.md")
	names := declared(t, "loss", withMethod("Apply"))
	if len(names) < 3 {
		t.Fatalf("the losses are %v; does the test still find them?", names)
	}
	for _, name := range names {
		section(t, page, "## "+snake(name))
	}
}

func TestMetrics(t *testing.T) {
	page := read(t, "metrics.md")
	names := append(declared(t, "metric", withMethod("Name")), declared(t, "metric", withMethod("Value"))...)
	if len(names) < 8 {
		t.Fatalf("the metrics are %v; does the test still find them?", names)
	}
	for _, name := range names {
		if row(page, name) == nil {
			t.Errorf("metrics.md has no row of `%s`", name)
		}
	}
}

// TestRules: every rule of the checker has a row under its severity, with a reason and a remedy, and there are no rows of others.
func TestRules(t *testing.T) {
	page := read(t, "check.md")
	rules := constants(t, "ensemble", "Rule")
	if len(rules) < 40 {
		t.Fatalf("the rules are %v; does the test still find them?", rules)
	}
	rows := 0
	for heading, severity := range map[string]ensemble.Severity{"## Errors": ensemble.SeverityError, "## Warnings": ensemble.SeverityWarning} {
		below := section(t, page, heading)
		rows += strings.Count(below, "\n| `")
		for _, rule := range rules {
			if (ensemble.Finding{Rule: rule}).Severity() != severity {
				continue
			}
			cells := row(below, rule)
			if len(cells) != 5 || strings.TrimSpace(cells[2]) == "" || strings.TrimSpace(cells[3]) == "" {
				t.Errorf("check.md has no row of `%s` under %q with a reason and a remedy", rule, heading)
			}
		}
	}
	if rows != len(rules) {
		t.Errorf("check.md has %d rows for %d rules", rows, len(rules))
	}
}

// constants returns the values of a package's string constants whose names begin with prefix.
func constants(t *testing.T, dir, prefix string) []string {
	t.Helper()
	var values []string
	declared(t, dir, func(d ast.Decl) []string {
		group, ok := d.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST {
			return nil
		}
		for _, s := range group.Specs {
			spec, ok := s.(*ast.ValueSpec)
			if !ok || !strings.HasPrefix(spec.Names[0].Name, prefix) || len(spec.Values) != 1 {
				continue
			}
			if lit, ok := spec.Values[0].(*ast.BasicLit); ok {
				values = append(values, strings.Trim(lit.Value, `"`))
			}
		}
		return nil
	})
	return values
}

func TestStages(t *testing.T) {
	page := read(t, "formats.md") + "\n" + read(t, "metrics.md")
	constants := regexp.MustCompile(`(?m)^\s+\w+Name\s+= "(\w+)"`)
	text, err := os.ReadFile(filepath.Join(root, "ensemble/stage/name.go"))
	if err != nil {
		t.Fatal(err)
	}
	found := constants.FindAllStringSubmatch(string(text), -1)
	if len(found) < 7 {
		t.Fatalf("the stages are %v; does the test still find them?", found)
	}
	for _, m := range found {
		if !strings.Contains(page, "`"+m[1]+"`") {
			t.Errorf("the reference does not name the stage `%s`", m[1])
		}
	}
}

func TestGatewayMetrics(t *testing.T) {
	page := read(t, "http-api.md")
	text, err := os.ReadFile(filepath.Join(root, "gateway/metric.go"))
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`(?:counter\(|histogram\(|Name: )"(\w+)"`).FindAllStringSubmatch(string(text), -1)
	if len(names) < 11 {
		t.Fatalf("%d metrics found; does the test still read them?", len(names))
	}
	for _, m := range names {
		if row(page, "recsys_"+m[1]) == nil {
			t.Errorf("http-api.md has no row of `recsys_%s`", m[1])
		}
	}
}

// TestGatewayRoutes looks for every route and field of a body in the page; gateway's own tests hold openapi.json to the router.
func TestGatewayRoutes(t *testing.T) {
	page := read(t, "http-api.md")
	text, err := os.ReadFile(filepath.Join(root, "gateway/testdata/openapi.http"))
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := strings.Cut(string(text), "\n\n")
	var described struct {
		Paths map[string]map[string]struct {
			RequestBody struct {
				Content map[string]struct {
					Schema struct{ Properties map[string]any }
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &described); err != nil || len(described.Paths) < 10 {
		t.Fatalf("%d paths: %v", len(described.Paths), err)
	}
	for path, methods := range described.Paths {
		for method, operation := range methods {
			route := "`" + strings.ToUpper(method) + " " + path + "`"
			if !strings.Contains(page, route) {
				t.Errorf("http-api.md has no %s", route)
			}
			for name := range operation.RequestBody.Content["application/json"].Schema.Properties {
				if !strings.Contains(page, "`"+name+"`") && !strings.Contains(page, `"`+name+`"`) {
					t.Errorf("http-api.md has no field `%s` of %s", name, route)
				}
			}
		}
	}
}

func TestFormats(t *testing.T) {
	page := read(t, "formats.md")
	for heading, typ := range map[string]reflect.Type{
		"### recsys.json":   reflect.TypeFor[ensemble.Manifest](),
		"### serving.json":  reflect.TypeFor[pipeline.Serving](),
		"### manifest.json": reflect.TypeFor[pipeline.Origin](),
		"### metrics.json":  reflect.TypeFor[pipeline.Metrics](),
		"## tune.json":      reflect.TypeFor[tune.Record](),
		"## Bench report":   reflect.TypeFor[load.Report](),
		"### index.json":    reflect.TypeFor[pipeline.IndexReport](),
		"## Data report":    reflect.TypeFor[report.Report](),
		"## Schema":         reflect.TypeFor[report.SchemaColumn](),
	} {
		below := section(t, page, heading)
		for key, field := range keys(typ, "json") {
			cells := row(below, key)
			if cells == nil {
				t.Errorf("formats.md under %q has no row of `%s`", heading, key)
				continue
			}
			if field.Kind() == reflect.Pointer {
				field = field.Elem()
			}
			if field.Kind() != reflect.Struct || !strings.HasPrefix(field.Name(), "Manifest") || field == reflect.TypeFor[ensemble.Manifest]() {
				continue
			}
			for name := range keys(field, "json") {
				if !strings.Contains(cells[2], name) {
					t.Errorf("formats.md under %q: the row of `%s` does not name its field %s", heading, key, name)
				}
			}
		}
	}
}
