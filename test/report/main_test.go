package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestJudge(t *testing.T) {
	const passed = `{"Action":"pass","Package":"p","Test":"TestA"}` + "\n"
	const skipped = `{"Action":"skip","Package":"p","Test":"TestB"}` + "\n"
	const failed = `{"Action":"output","Package":"p","Test":"TestC","Output":"boom\n"}` + "\n" +
		`{"Action":"fail","Package":"p","Test":"TestC"}` + "\n"
	cases := map[string]struct {
		in       string
		expected []string
		ok       bool
		says     string
	}{
		"all pass":        {passed, nil, true, "1 passed, 0 failed, 0 skipped"},
		"expected skip":   {passed + skipped, []string{"p TestB"}, true, "1 passed, 0 failed, 1 skipped"},
		"unexpected skip": {passed + skipped, nil, false, "unexpected skip: p TestB"},
		"failure":         {passed + failed, nil, false, "boom"},
		"nothing ran":     {"", nil, false, "no test passed"},
		"broken build":    {passed + `{"Action":"fail","Package":"q"}` + "\n", nil, false, "failed: q"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			s := &summary{output: map[string][]string{}, out: &out}
			if err := s.read(strings.NewReader(c.in)); err != nil {
				t.Fatal(err)
			}
			if ok := s.judge(c.expected); ok != c.ok {
				t.Errorf("judge = %v, want %v", ok, c.ok)
			}
			if !strings.Contains(out.String(), c.says) {
				t.Errorf("output %q lacks %q", out.String(), c.says)
			}
		})
	}
}
