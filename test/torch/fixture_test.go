package torch_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"recsys/graph"
	"recsys/tensor"
)

// fixture is a graph with what PyTorch computes for it, as make_fixtures.py writes it.
type fixture struct {
	Name                                                string
	Params, Inputs, Consts, Weights, Outputs, Gradients map[string]array
	Steps                                               []step
}

type array struct {
	Type  string
	Shape []int
	Data  json.RawMessage
}

// step is an operator with ONNX's attributes, or a layer or loss with settings.
type step struct {
	Op, Layer string
	In, Out   []string
	Attrs     map[string][2]json.RawMessage // type and value
	Settings  settings
}

// settings are those of all layers.
type settings struct {
	Name             string
	Rows, Dim, Heads int
	Units            json.RawMessage // one or several
	Activation, Last string
	Rates            []float32
	Temperature      float32
	Causal           bool
}

// fixtures reads all files of testdata.
func fixtures(t *testing.T) []fixture {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []fixture
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var list []fixture
		if err := json.Unmarshal(data, &list); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		all = append(all, list...)
	}
	if len(all) == 0 {
		t.Fatal("there are no fixtures")
	}
	return all
}

func (a array) tensor(t *testing.T) *tensor.Tensor {
	t.Helper()
	var err error
	switch a.Type {
	case "float32":
		var data []float32
		if err = json.Unmarshal(a.Data, &data); err == nil {
			return tensor.Of(data, a.Shape...)
		}
	case "int64":
		var data []int64
		if err = json.Unmarshal(a.Data, &data); err == nil {
			return tensor.Of(data, a.Shape...)
		}
	case "bool":
		var data []bool
		if err = json.Unmarshal(a.Data, &data); err == nil {
			return tensor.Of(data, a.Shape...)
		}
	default:
		err = fmt.Errorf("unknown type %q", a.Type)
	}
	t.Fatal(err)
	return nil
}

func tensors(t *testing.T, arrays map[string]array) tensor.Map {
	t.Helper()
	m := tensor.Map{}
	for name, a := range arrays {
		m[name] = a.tensor(t)
	}
	return m
}

// attrs turns the attributes into graph's.
func (s step) attrs(t *testing.T) graph.Attrs {
	t.Helper()
	attrs := graph.Attrs{}
	for name, pair := range s.Attrs {
		var kind string
		if err := json.Unmarshal(pair[0], &kind); err != nil {
			t.Fatal(err)
		}
		var err error
		switch kind {
		case "int":
			attrs[name], err = decode[int64](pair[1])
		case "ints":
			attrs[name], err = decode[[]int64](pair[1])
		case "float":
			attrs[name], err = decode[float32](pair[1])
		case "string":
			attrs[name], err = decode[string](pair[1])
		default:
			err = fmt.Errorf("attribute %q has the unknown type %q", name, kind)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return attrs
}

func decode[T any](data json.RawMessage) (T, error) {
	var v T
	err := json.Unmarshal(data, &v)
	return v, err
}
