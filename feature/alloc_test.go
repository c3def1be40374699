package feature_test

import (
	"testing"

	"recsys/feature"
	"recsys/graph/exec"
	"recsys/tensor"
)

// TestOneRowAllocatesNothing runs the graph of a workflow as a server does, one row at a time. BenchmarkOneRow times it.
func TestOneRowAllocatesNothing(t *testing.T) {
	session, in := oneRow(t)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := session.Run(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a row, want none", n)
	}
}

func BenchmarkOneRow(b *testing.B) {
	session, in := oneRow(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := session.Run(b.Context(), in); err != nil {
			b.Fatal(err)
		}
	}
}

// oneRow has run once, which is when memory is made.
func oneRow(tb testing.TB) (*exec.Session, tensor.Map) {
	tb.Helper()
	table := benchTable()
	f, err := benchWorkflow().Fit(tb.Context(), rawSchema(), feature.Tables{Tables: []tensor.Map{table}})
	if err != nil {
		tb.Fatal(err)
	}
	g, err := f.Graph("features")
	if err != nil {
		tb.Fatal(err)
	}
	plan, err := exec.Compile(g, exec.Options{Threads: 1, Frozen: true})
	if err != nil {
		tb.Fatal(err)
	}
	in := tensor.Map{}
	for _, c := range f.Raw() {
		in[c.Name] = table[c.Name].Rows(0, 1)
	}
	session := plan.NewSession()
	if _, err := session.Run(tb.Context(), in); err != nil {
		tb.Fatal(err)
	}
	return session, in
}
