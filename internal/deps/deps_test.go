package deps_test

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// policy lists, for every package, the packages of this module that its files (tests aside) may import. A name with
// a trailing slash allows the folder below it too. Never add a line to make something build: move the code.
var policy = map[string]string{
	"recsys":                  "",
	"internal/portable":       "",
	"internal/pbtxt":          "internal/nearest",
	"internal/parallel":       "",
	"internal/keytable":       "",
	"internal/atomicfile":     "",
	"internal/onnxpb":         "",
	"internal/deps":           "",
	"tensor":                  "",
	"schema":                  "tensor",
	"data":                    "internal/atomicfile internal/parallel tensor schema internal/portable",
	"data/synthetic":          "data tensor schema internal/portable",
	"data/profile":            "data tensor schema internal/portable",
	"graph/kernel":            "internal/portable",
	"graph":                   "graph/kernel tensor internal/keytable internal/portable",
	"graph/exec":              "graph graph/kernel tensor",
	"graph/grad":              "graph tensor",
	"graph/graphtest":         "graph graph/exec graph/grad graph/kernel onnx tensor internal/portable test/ort",
	"onnx":                    "graph tensor internal/atomicfile internal/onnxpb",
	"optim":                   "graph/kernel tensor internal/portable",
	"metric":                  "tensor",
	"sampler":                 "internal/portable",
	"sampler/samplertest":     "sampler internal/portable",
	"feature":                 "internal/atomicfile internal/keytable graph graph/exec graph/kernel schema tensor internal/portable",
	"feature/op":              "feature graph internal/expression internal/keytable internal/parallel schema tensor internal/portable",
	"feature/featuretest":     "feature feature/op graph graph/exec graph/kernel onnx schema tensor test/ort",
	"layer":                   "graph tensor",
	"loss":                    "graph tensor",
	"internal/linear":         "graph/kernel internal/parallel",
	"model":                   "graph graph/exec graph/kernel layer loss schema tensor internal/linear internal/parallel internal/portable",
	"model/modeltest":         "model train eval graph graph/exec graph/grad graph/kernel onnx schema tensor optim internal/portable test/ort",
	"train":                   "internal/parallel model feature graph graph/exec graph/grad graph/kernel loss metric optim sampler schema tensor internal/portable",
	"eval":                    "internal/parallel model train feature graph graph/exec graph/kernel metric schema tensor",
	"featurestore":            "internal/atomicfile schema tensor",
	"featurestore/redis":      "featurestore",
	"featurestore/storetest":  "featurestore schema tensor",
	"ordering":                "internal/expression schema",
	"ensemble":                "ordering internal/atomicfile internal/lock internal/nearest graph graph/exec graph/kernel onnx schema tensor internal/pbtxt",
	"ensemble/stage":          "ensemble graph internal/portable onnx schema tensor",
	"ensemble/ensembletest":   "ensemble ensemble/stage internal/portable graph graph/exec graph/kernel onnx schema tensor test/ort",
	"engine":                  "ensemble graph graph/exec graph/kernel onnx schema tensor",
	"engine/server":           "engine client/tritonpb client/wire ensemble tensor",
	"client":                  "client/internal/message client/internal/rest client/tritonpb client/wire tensor",
	"client/internal/message": "client/tritonpb client/wire tensor",
	"client/internal/rest":    "client/internal/message client/tritonpb client/wire tensor",
	"client/otel":             "client",
	"client/prometheus":       "client",
	"client/tritonpb":         "",
	"client/wire":             "client/tritonpb tensor",
	"client/tritontest":       "client client/internal/message client/internal/rest client/tritonpb client/wire tensor",
	"gateway":                 "ensemble featurestore ordering internal/expression schema tensor",
	"internal/ivf":            "graph graph/exec graph/kernel internal/parallel internal/portable tensor",
	"internal/expression":     "internal/nearest schema tensor",
	"internal/lock":           "",
	"internal/nearest":        "",
	"ensemble/generation":     "ensemble internal/atomicfile internal/lock onnx tensor",
	"pipeline": "ordering internal/expression internal/nearest data data/synthetic ensemble ensemble/stage eval feature feature/op featurestore graph graph/exec " +
		"graph/grad graph/kernel internal/atomicfile internal/ivf layer loss metric model onnx optim sampler schema tensor train internal/portable",
	"pipeline/draft":  "data data/profile pipeline tensor",
	"pipeline/report": "data data/profile pipeline schema tensor",
	"pipeline/merlin": "data internal/pbtxt tensor",
	"internal/verify": "ensemble featurestore tensor",
	"internal/load":   "internal/portable internal/record",
	"internal/tune":   "internal/record",
	"internal/record": "internal/atomicfile",
	"internal/diff":   "ensemble graph onnx tensor internal/pbtxt internal/verify",
	"internal/golden": "data/synthetic ensemble examples/shop graph/kernel pipeline",
	"internal/docs":   "",
	"cmd/recsys":      "/",
	"test/":           "/",
	"examples/":       "/",
	"bench/":          "/",
}

// modules names the packages that may import an outside module.
var modules = map[string]string{
	"github.com/go-chi/chi/v5":                "gateway",
	"github.com/redis/go-redis/v9":            "featurestore/redis",
	"google.golang.org/grpc":                  "bench/client client client/internal/message client/internal/rest client/otel client/tritonpb client/tritontest engine/server",
	"google.golang.org/protobuf":              "client client/internal/message client/internal/rest client/tritonpb client/tritontest engine/server internal/onnxpb",
	"github.com/prometheus/client_golang":     "client/prometheus gateway",
	"github.com/alecthomas/kong":              "cmd/recsys",
	"github.com/schollz/progressbar/v3":       "cmd/recsys",
	"github.com/goccy/go-yaml":                "pipeline",
	"golang.org/x/sys":                        "graph/kernel",
	"golang.org/x/term":                       "cmd/recsys",
	"github.com/parquet-go/parquet-go":        "data",
	"github.com/klauspost/compress":           "data",
	"github.com/HdrHistogram/hdrhistogram-go": "internal/load",
	"go.opentelemetry.io/otel":                "client/otel",
}

type listed struct {
	ImportPath string
	Imports    []string
}

func list(t *testing.T) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "recsys/...")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func rule(path string) (string, bool) {
	if allowed, ok := policy[path]; ok {
		return allowed, true
	}
	for key, allowed := range policy {
		if strings.HasSuffix(key, "/") && strings.HasPrefix(path, key) {
			return allowed, true
		}
	}
	return "", false
}

func allows(allowed, path string) bool {
	for a := range strings.FieldsSeq(allowed) {
		if a == "/" || a == path || strings.HasSuffix(a, "/") && strings.HasPrefix(path, a) {
			return true
		}
	}
	return false
}

// fault returns what is wrong with package path importing imported, "" when nothing is.
func fault(path, imported string) string {
	if local, ok := strings.CutPrefix(imported, "recsys/"); ok {
		allowed, known := rule(path)
		switch {
		case !known:
			return "package " + path + " is not in the policy: add it with what it may import"
		case !allows(allowed, local):
			return path + " imports " + local + ", which it may not: move the code to the lowest package that can hold it"
		}
		return ""
	}
	first, _, _ := strings.Cut(imported, "/")
	if !strings.Contains(first, ".") {
		return "" // the standard library
	}
	for module, importers := range modules {
		if imported == module || strings.HasPrefix(imported, module+"/") {
			if allows(importers, path) {
				return ""
			}
			return path + " imports " + imported + ", which belongs to " + importers
		}
	}
	return path + " imports " + imported + ", a module without an importing package in the policy"
}

func TestImports(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range list(t) {
		path := strings.TrimPrefix(p.ImportPath, "recsys/")
		seen[path] = true
		if _, ok := rule(path); !ok {
			t.Errorf("package %s is not in the policy: add it with what it may import", path)
		}
		for _, imported := range p.Imports {
			if f := fault(path, imported); f != "" {
				t.Error(f)
			}
		}
	}
	for path := range policy {
		if !strings.HasSuffix(path, "/") && !seen[path] {
			t.Errorf("the policy names %s, which is no package", path)
		}
	}
}

func TestPolicyRefuses(t *testing.T) {
	cases := map[string]struct{ path, imported string }{
		"higher package":       {"graph", "recsys/train"},
		"train knows ensemble": {"train", "recsys/ensemble"},
		"gateway knows client": {"gateway", "recsys/client"},
		"unknown package":      {"util", "recsys/tensor"},
		"module of another":    {"gateway", "google.golang.org/grpc"},
		"unknown module":       {"gateway", "example.org/x"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if fault(c.path, c.imported) == "" {
				t.Errorf("%s may import %s, want a refusal", c.path, c.imported)
			}
		})
	}
}

// TestPolicyIsALayering checks that the policy itself has no cycle.
func TestPolicyIsALayering(t *testing.T) {
	const visiting, done = 1, 2
	state := map[string]int{}
	var visit func(path string, trail []string)
	visit = func(path string, trail []string) {
		if state[path] == visiting {
			t.Errorf("cycle: %v", append(trail, path))
		}
		if state[path] != 0 {
			return
		}
		state[path] = visiting
		for allowed := range strings.FieldsSeq(policy[path]) {
			if allowed != "/" {
				visit(allowed, append(slices.Clone(trail), path))
			}
		}
		state[path] = done
	}
	for path := range policy {
		visit(path, nil)
	}
}
