package ensemble_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"recsys/ensemble"
	"recsys/internal/onnxpb"
)

// TestValidateRequirements changes what a model asks of the program that runs it. Where the border of each is was tried with ONNX Runtime
// 1.19.2 and 1.32.0; test/repository tries some with what it has.
func TestValidateRequirements(t *testing.T) {
	operator := func(domain, named string) func(*onnxpb.Model) {
		return func(m *onnxpb.Model) {
			m.Graph.Nodes[0].Domain = domain
			m.Opsets = append(m.Opsets, &onnxpb.OperatorSetID{Domain: named, Version: 1})
		}
	}
	own := func(version int64) func(*onnxpb.Model) {
		return func(m *onnxpb.Model) { m.Opsets[0].Version = version }
	}
	ir := func(version int64) func(*onnxpb.Model) {
		return func(m *onnxpb.Model) { m.IRVersion = version }
	}
	ml := func(version int64) func(*onnxpb.Model) {
		return func(m *onnxpb.Model) {
			m.Opsets = append(m.Opsets, &onnxpb.OperatorSetID{Domain: "ai.onnx.ml", Version: version})
		}
	}
	tests := []struct {
		name   string
		change func(*onnxpb.Model)
		config string
		want   []string // rules besides unread-model
	}{
		{"ai.onnx 21", own(21), "", nil},
		{"ai.onnx 22", own(22), "", []string{ensemble.RuleRelease}},
		{"ai.onnx 28", own(28), "", []string{ensemble.RuleRelease}},
		{"ai.onnx 29", own(29), "", []string{ensemble.RuleOpset}},
		{"IR 10", ir(10), "", nil},
		{"IR 11", ir(11), "", []string{ensemble.RuleRelease}},
		{"IR 14", ir(14), "", []string{ensemble.RuleRelease}},
		{"IR 15", ir(15), "", []string{ensemble.RuleOpset}},
		{"ai.onnx.ml 5", ml(5), "", nil},
		{"ai.onnx.ml 6", ml(6), "", []string{ensemble.RuleOpset}},
		{"nobody's operator", operator("com.acme", "com.acme"), "", []string{ensemble.RuleOpset}},
		{"a library's operator", operator("com.acme", "com.acme"), `model_operations { op_library_filename: "acme.so" }`, nil},
		{"operator of a set without a version", operator("com.microsoft", "com.acme"), "", []string{ensemble.RuleOpset}},
		{"operator of Microsoft's", operator("com.microsoft", "com.microsoft"), "", nil},
		{"both", func(m *onnxpb.Model) { own(30)(m); ir(12)(m) }, "", []string{ensemble.RuleRelease, ensemble.RuleOpset}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			export(t, dir, shopEnsemble(t, 1), ensemble.Options{})
			path := filepath.Join(dir, "shop_prep", "1", "model.onnx")
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			m, err := onnxpb.Unmarshal(data)
			if err != nil {
				t.Fatal(err)
			}
			test.change(m)
			if err := os.WriteFile(path, m.Marshal(), 0o600); err != nil {
				t.Fatal(err)
			}
			config := filepath.Join(dir, "shop_prep", "config.pbtxt")
			text, err := os.ReadFile(config)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(config, append(text, test.config...), 0o600); err != nil {
				t.Fatal(err)
			}
			findings, err := ensemble.Validate(dir)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range findings {
				if f.Rule == ensemble.RuleOpset || f.Rule == ensemble.RuleRelease {
					got = append(got, f.Rule)
				}
			}
			if !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(test.want))) {
				t.Errorf("rules %v, want %v; the findings are %v", got, test.want, findings)
			}
		})
	}
}
