package pipeline

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"recsys/ensemble/stage"
)

// The grammar of a blend is tested from inside: outside it shows only through a whole run.
func TestParseBlend(t *testing.T) {
	tasks := []string{"like", "stars"}
	cases := map[string]struct {
		text  string
		tasks []string
		want  []stage.Term
		fault string
	}{
		"default":           {"", tasks, []stage.Term{{Tensor: "like", Weight: 1}}, ""},
		"default, no tasks": {"", nil, nil, ""},
		"one":               {"stars", tasks, []stage.Term{{Tensor: "stars", Weight: 1}}, ""},
		"sum": {"retrieval + 2.5*like - .5 * stars", tasks, []stage.Term{
			{Tensor: stage.MaskedScores, Weight: 1}, {Tensor: "like", Weight: 2.5}, {Tensor: "stars", Weight: -0.5},
		}, ""},
		"unknown":      {"click", tasks, nil, `unknown "click"; there are: retrieval, like, stars`},
		"no ranker":    {"like", nil, nil, `unknown "like"; there are: retrieval`},
		"no operator":  {"like stars", tasks, nil, `cannot read "stars"`},
		"trailing":     {"like +", tasks, nil, `cannot read "+"`},
		"an operation": {"like / stars", tasks, nil, `cannot read "/ stars"`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := parseBlend(c.text, c.tasks)
			if c.fault != "" {
				if err == nil || !strings.Contains(err.Error(), c.fault) {
					t.Fatalf("error %v, want one with %s", err, c.fault)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("terms (-want +got):\n%s", diff)
			}
		})
	}
}
