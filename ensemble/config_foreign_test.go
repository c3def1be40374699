package ensemble_test

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/testing/protocmp"

	"recsys/client/tritonpb"
	"recsys/ensemble"
	"recsys/internal/pbtxt"
)

// corpus returns configurations in the manner of other people's repositories, by path; together they give every field that Triton knows.
func corpus(t *testing.T) map[string][]byte {
	t.Helper()
	paths, err := filepath.Glob("testdata/foreign/*/config.pbtxt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no foreign configurations: %v", err)
	}
	texts := map[string][]byte{}
	for _, path := range paths {
		if texts[path], err = os.ReadFile(path); err != nil {
			t.Fatal(err)
		}
	}
	return texts
}

func unmarshal(t *testing.T, text []byte) *tritonpb.ModelConfig {
	t.Helper()
	m := &tritonpb.ModelConfig{}
	if err := prototext.Unmarshal(text, m); err != nil {
		t.Fatal(err)
	}
	return m
}

// TestForeignConfigs reads every configuration. What Config holds together with what it names as unread is what protobuf reads.
func TestForeignConfigs(t *testing.T) {
	given := map[protoreflect.FullName]bool{}
	for path, text := range corpus(t) {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			c, err := ensemble.ParseConfig(path, text)
			if err != nil {
				t.Fatal(err)
			}
			text = withoutRepeatedKeys(text)
			want, got := unmarshal(t, text), unmarshal(t, c.Marshal())
			for _, m := range []*tritonpb.ModelConfig{want, got} {
				for _, path := range c.Unread {
					clearPath(m.ProtoReflect(), strings.Split(path, "."))
				}
			}
			if diff := cmp.Diff(want, got, protocmp.Transform(), protocmp.IgnoreEmptyMessages()); diff != "" {
				t.Errorf("what is held (-protobuf +Config):\n%s\nunread are %q", diff, c.Unread)
			}
			tree, err := pbtxt.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(unmarshal(t, text), unmarshal(t, tree.Marshal()), protocmp.Transform()); diff != "" {
				t.Errorf("the tree written again (-want +got):\n%s", diff)
			}
			walk(unmarshal(t, text).ProtoReflect(), given)
		})
	}
	var missing []string
	eachField((&tritonpb.ModelConfig{}).ProtoReflect().Descriptor(), map[protoreflect.FullName]bool{}, func(f protoreflect.FieldDescriptor) {
		if !given[f.FullName()] {
			missing = append(missing, string(f.FullName()))
		}
	})
	// Of these the only values are those that absent fields have.
	if diff := cmp.Diff([]string{"inference.BatchOutput.kind", "inference.ModelInstanceGroup.SecondaryDevice.kind"}, missing); diff != "" {
		t.Errorf("fields that no configuration gives (-want +got):\n%s", diff)
	}
}

// withoutRepeatedKeys takes out what Go's protobuf, unlike that of Triton, refuses.
func withoutRepeatedKeys(text []byte) []byte {
	return []byte(strings.Replace(string(text), "metric_tags { key: \"team\" value: \"search\" }\n", "", 1))
}

func clearPath(m protoreflect.Message, path []string) {
	f := m.Descriptor().Fields().ByName(protoreflect.Name(path[0]))
	if f == nil || !m.Has(f) {
		return
	}
	if len(path) == 1 || f.IsMap() {
		m.Clear(f)
		return
	}
	if !f.IsList() {
		clearPath(m.Mutable(f).Message(), path[1:])
		return
	}
	for i := range m.Get(f).List().Len() {
		clearPath(m.Get(f).List().Get(i).Message(), path[1:])
	}
}

// walk notes the fields that a message has.
func walk(m protoreflect.Message, given map[protoreflect.FullName]bool) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		given[f.FullName()] = true
		switch {
		case f.IsMap():
			given[f.MapKey().FullName()], given[f.MapValue().FullName()] = true, true
			v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
				if f.MapValue().Message() != nil {
					walk(v.Message(), given)
				}
				return true
			})
		case f.Message() == nil:
		case f.IsList():
			for i := range v.List().Len() {
				walk(v.List().Get(i).Message(), given)
			}
		default:
			walk(v.Message(), given)
		}
		return true
	})
}

func eachField(m protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool, do func(protoreflect.FieldDescriptor)) {
	if seen[m.FullName()] {
		return
	}
	seen[m.FullName()] = true
	for i := range m.Fields().Len() {
		f := m.Fields().Get(i)
		do(f)
		if f.Message() != nil {
			eachField(f.Message(), seen, do)
		}
	}
}

// TestSchemaIsTritons compares the table of fields with the descriptors of Triton's API.
func TestSchemaIsTritons(t *testing.T) {
	text, err := os.ReadFile("model_config.txt")
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]bool{}
	kind := ""
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		switch words[0] {
		case "#":
		case "message", "enum":
			kind = words[1]
			got[strings.Join(words, " ")] = true
		default:
			got[kind+" "+strings.Join(words, " ")] = true
		}
	}
	short := func(d protoreflect.Descriptor) string { return strings.TrimPrefix(string(d.FullName()), "inference.") }
	want := map[string]bool{}
	eachField((&tritonpb.ModelConfig{}).ProtoReflect().Descriptor(), map[protoreflect.FullName]bool{}, func(f protoreflect.FieldDescriptor) {
		want["message "+short(f.Parent())] = true
		typ := f.Kind().String()
		switch {
		case f.Message() != nil:
			typ = short(f.Message())
			want["message "+typ] = true // it may have no fields
		case f.Enum() != nil:
			typ = short(f.Enum())
			want["enum "+typ] = true
			for i := range f.Enum().Values().Len() {
				v := f.Enum().Values().Get(i)
				want[typ+" "+string(v.Name())+" "+strconv.Itoa(int(v.Number()))] = true
			}
		}
		if f.Cardinality() == protoreflect.Repeated {
			typ += "*"
		}
		line := short(f.Parent()) + " " + string(f.Name()) + " " + typ
		if o := f.ContainingOneof(); o != nil {
			line += " " + string(o.Name())
		}
		want[line] = true
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the table of fields (-descriptors +table):\n%s", diff)
	}
}

// TestSpoiledConfigs takes single words out of the corpus and doubles others: Config has to refuse what protobuf refuses, and no more.
func TestSpoiledConfigs(t *testing.T) {
	refused, taken := 0, 0
	for path, text := range corpus(t) {
		words := strings.SplitAfter(string(withoutRepeatedKeys(text)), " ")
		for i := range words {
			for what, spoiled := range map[string][]string{
				"without": slices.Delete(slices.Clone(words), i, i+1),
				"twice":   slices.Insert(slices.Clone(words), i, words[i]),
			} {
				text := strings.Join(spoiled, "")
				want := prototext.Unmarshal([]byte(text), &tritonpb.ModelConfig{})
				_, got := ensemble.ParseConfig(path, []byte(text))
				switch {
				case want != nil && strings.Contains(want.Error(), "duplicate map entry"): // Triton's takes the last one
				case (want == nil) != (got == nil):
					t.Errorf("%s %s %q: protobuf says %v, ParseConfig %v", path, what, words[i], want, got)
				case want == nil:
					taken++
				default:
					refused++
				}
			}
		}
	}
	t.Logf("%d refused, %d taken", refused, taken)
	if refused < 500 || taken < 100 {
		t.Errorf("%d refused and %d taken are too few to tell", refused, taken)
	}
}

// TestForeignFindings holds what the checker says of the repository of foreign models, of which only the configurations are there.
func TestForeignFindings(t *testing.T) {
	findings, err := ensemble.Validate("testdata/foreign")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, f := range findings {
		b.WriteString(f.String() + "\n")
	}
	golden(t, "foreign.txt", []byte(b.String()))
}
