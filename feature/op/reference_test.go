package op_test

import (
	"os"
	"reflect"
	"strings"
	"testing"

	"recsys/feature/op"
)

// TestReference wants a section for every operator and a row for every setting in the reference page.
func TestReference(t *testing.T) {
	page, err := os.ReadFile("../../docs/reference/operators.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range op.Kinds() {
		_, section, ok := strings.Cut(string(page), "\n## "+k.Name+"\n")
		if !ok {
			t.Errorf("no section for %s", k.Name)
			continue
		}
		section, _, _ = strings.Cut(section, "\n## ")
		for f := range reflect.TypeOf(k.New()).Elem().Fields() {
			name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
			if name == "" || !strings.Contains(section, "\n| `"+name+"` |") {
				t.Errorf("%s: no row for the setting %q of field %s", k.Name, name, f.Name)
			}
		}
	}
}
