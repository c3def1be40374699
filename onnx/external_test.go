package onnx_test

import (
	"bytes"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"recsys/internal/onnxpb"
	"recsys/onnx"
	"recsys/test/ort"
)

// writeOutside writes the tower with every initialiser but shapes outside and returns the model's path.
func writeOutside(tb testing.TB) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "model.onnx")
	if err := onnx.Write(path, tower(tb), onnx.Meta{External: 1}); err != nil {
		tb.Fatal(err)
	}
	return path
}

func readModel(tb testing.TB, path string) *onnxpb.Model {
	tb.Helper()
	m, err := onnxpb.Unmarshal(readFile(tb, path))
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func readFile(tb testing.TB, path string) []byte {
	tb.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// TestExternalData writes a model and its data twice, reads it back as the model of one file, and looks at where the
// tensors lie.
func TestExternalData(t *testing.T) {
	path, again := writeOutside(t), writeOutside(t)
	for _, suffix := range []string{"", ".data"} {
		if !bytes.Equal(readFile(t, path+suffix), readFile(t, again+suffix)) {
			t.Errorf("model.onnx%s differs when it is written again", suffix)
		}
	}
	g, err := onnx.Read(path, onnx.AsParams())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(marshal(t, g), marshal(t, tower(t))) {
		t.Error("the model that was read is not the one that was written")
	}
	for _, p := range readModel(t, path).Graph.Initializers {
		if p.DataType == onnxpb.Int64 { // shapes
			if len(p.ExternalData) > 0 {
				t.Errorf("initialiser %q of a few integers lies outside, where ONNX Runtime does not look for shapes", p.Name)
			}
			continue
		}
		place := map[string]string{}
		for _, pair := range p.ExternalData {
			place[pair.Key] = pair.Value
		}
		offset, err := strconv.Atoi(place["offset"])
		if err != nil || offset%64 != 0 || place["location"] != "model.onnx.data" || p.RawData != nil {
			t.Errorf("initialiser %q lies at %v, want a multiple of 64 in model.onnx.data", p.Name, place)
		}
	}
	if _, err := onnx.Unmarshal(readFile(t, path)); err == nil || !strings.Contains(err.Error(), "the model's folder is not known") {
		t.Errorf("got error %v, want one that asks for the folder", err)
	}
	if _, err := onnx.Unmarshal(readFile(t, path), onnx.Folder(filepath.Dir(path))); err != nil {
		t.Errorf("with its folder: %v", err)
	}
}

func TestExternalThreshold(t *testing.T) {
	path := filepath.Join(t.TempDir(), "model.onnx")
	if err := onnx.Write(path, tower(t), onnx.Meta{External: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(readFile(t, path), marshal(t, tower(t))) {
		t.Error("a threshold that no initialiser reaches changes the model")
	}
	if _, err := os.Stat(path + ".data"); !os.IsNotExist(err) {
		t.Errorf("got error %v, want no data file", err)
	}
}

// TestExternalErrors changes what the first of the initialisers says of its place.
func TestExternalErrors(t *testing.T) {
	huge := strconv.FormatInt(math.MaxInt64, 10)
	tests := []struct {
		name   string
		change func(t *testing.T, dir string, p *onnxpb.Tensor)
		want   string
	}{
		{"parent", locate("../model.onnx.data"), `location "../model.onnx.data" is no path inside the model's folder`},
		{"parent in the middle", locate("a/../../b"), `location "a/../../b" is no path inside`},
		{"absolute", locate("/etc/passwd"), `location "/etc/passwd" is no path inside`},
		{"folder", locate("."), "is no regular file"},
		{"missing", locate("none.data"), `external data in file "none.data"`},
		{"symbolic link", func(t *testing.T, dir string, p *onnxpb.Tensor) {
			t.Helper()
			outside := filepath.Join(t.TempDir(), "secret")
			if err := os.WriteFile(outside, make([]byte, 4096), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(outside, filepath.Join(dir, "link")); err != nil {
				t.Fatal(err)
			}
			p.ExternalData[0].Value = "link"
		}, "path escapes from parent"},
		{"offset behind the end", say("offset", "100000"), "from 100000 on are wanted of"},
		{"offset that overflows", say("offset", huge), "from " + huge + " on are wanted of"},
		{"negative offset", say("offset", "-64"), `offset "-64" is no number of bytes`},
		{"length", say("length", "1"), "length is 1"},
		{"huge length", say("length", huge), "length is " + huge},
		{"length of 20 digits", say("length", "99999999999999999999"), "is no number of bytes"},
		{"overlap", say("offset", "64"), "overlap"},
		{"twice", func(_ *testing.T, _ string, p *onnxpb.Tensor) {
			p.ExternalData = append(p.ExternalData, &onnxpb.StringPair{Key: "offset", Value: "0"})
		}, `external data says "offset" twice`},
		{"shape that overflows", func(_ *testing.T, _ string, p *onnxpb.Tensor) {
			p.Dims = []int64{1 << 40, 1 << 21}
		}, "overflows"},
		{"shape larger than the file", func(_ *testing.T, _ string, p *onnxpb.Tensor) {
			p.Dims, p.ExternalData = []int64{1 << 40}, p.ExternalData[:2]
		}, "are wanted of"},
		{"data in both places", func(_ *testing.T, _ string, p *onnxpb.Tensor) {
			p.RawData = []byte{1}
		}, "the model holds elements of the tensor as well"},
		{"location of the model", func(_ *testing.T, _ string, p *onnxpb.Tensor) { p.DataLocation = 0 }, "data_location is 0"},
		{"strings", func(_ *testing.T, _ string, p *onnxpb.Tensor) { p.DataType = onnxpb.String }, "strings cannot lie in another file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := writeOutside(t)
			m := readModel(t, path)
			p := m.Graph.Initializers[0]
			tt.change(t, filepath.Dir(path), p)
			if err := os.WriteFile(path, m.Marshal(), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := onnx.Read(path)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "initialiser ") {
				t.Errorf("got error %v, want %q in it and the initialiser", err, tt.want)
			}
		})
	}
}

func locate(path string) func(*testing.T, string, *onnxpb.Tensor) { return say("location", path) }

func say(key, value string) func(*testing.T, string, *onnxpb.Tensor) {
	return func(_ *testing.T, _ string, p *onnxpb.Tensor) {
		for _, pair := range p.ExternalData {
			if pair.Key == key {
				pair.Value = value
			}
		}
	}
}

// TestExternalDataInONNXRuntime lets ONNX's checker and ONNX Runtime read both files.
func TestExternalDataInONNXRuntime(t *testing.T) {
	python := os.Getenv(ort.Env)
	if python == "" {
		t.Skip("no Python with onnxruntime: set " + ort.Env)
	}
	const script = `import sys, numpy as np, onnx, onnxruntime as ort
onnx.checker.check_model(sys.argv[1])
feed = {"ids": np.array([[0, 4], [2, 2], [3, 1]], np.int64), "dense": np.array([[1], [-2], [0]], np.float32)}
a, b = (ort.InferenceSession(p).run(["query", "concat"], feed) for p in sys.argv[1:])
assert all((x == y).all() for x, y in zip(a, b)), (a, b)
`
	whole := filepath.Join(t.TempDir(), "whole.onnx")
	if err := onnx.Write(whole, tower(t), onnx.Meta{}); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), python, "-c", script, writeOutside(t), whole).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// FuzzExternal reads a model whose first initialiser lies where the fuzzer says: no value may take memory beyond the
// file's, leave the folder or panic.
func FuzzExternal(f *testing.F) {
	f.Add("model.onnx.data", "0", "80", int64(5), int64(4))
	f.Add("../model.onnx.data", "-1", "9223372036854775807", int64(1)<<40, int64(1)<<21)
	model := readFile(f, writeOutside(f))
	f.Fuzz(func(t *testing.T, location, offset, length string, rows, columns int64) {
		m, err := onnxpb.Unmarshal(model)
		if err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "model.onnx.data"), make([]byte, 1024), 0o600); err != nil {
			t.Fatal(err)
		}
		p := m.Graph.Initializers[0]
		p.Dims = []int64{rows, columns}
		p.ExternalData = []*onnxpb.StringPair{
			{Key: "location", Value: location}, {Key: "offset", Value: offset}, {Key: "length", Value: length},
		}
		g, err := onnx.Unmarshal(m.Marshal(), onnx.Folder(dir))
		if err == nil && filepath.Clean(location) != "model.onnx.data" {
			t.Errorf("graph %q was read from %q", g.Name, location)
		}
	})
}
