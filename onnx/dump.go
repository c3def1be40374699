package onnx

import (
	"fmt"
	"hash/crc32"
	"strings"

	"recsys/graph"
	"recsys/tensor"
)

// Dump describes a graph as text, one line for each input, initialiser, node and output, for golden files and eyes. Small
// constants are printed; of larger ones, and of parameters, a checksum of their ONNX form stands for the data.
func Dump(g *graph.Graph) (string, error) {
	names, err := newNames(g)
	if err != nil {
		return "", fmt.Errorf("dump graph %q: %w", g.Name, err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "graph %s\n", g.Name)
	for _, v := range g.Inputs {
		fmt.Fprintf(&b, "input %s %s%s\n", v.Name(), v.DType(), v.Shape())
	}
	for v := range initializers(g) {
		kind := "const"
		if v.Kind() == graph.FromParam {
			kind = "param"
		}
		content, err := describe(v.Data())
		if err != nil {
			return "", fmt.Errorf("dump graph %q: %w", g.Name, err)
		}
		fmt.Fprintf(&b, "%s %s %s%s = %s\n", kind, names.of(v), v.DType(), v.Shape(), content)
	}
	for _, n := range g.Nodes {
		dumpNode(&b, n, names)
	}
	for _, o := range g.Outputs {
		fmt.Fprintf(&b, "output %s %s%s\n", o.Name, o.Value.DType(), o.Value.Shape())
	}
	return b.String(), nil
}

func dumpNode(b *strings.Builder, n *graph.Node, names *names) {
	outs := make([]string, len(n.Outputs))
	for i, v := range n.Outputs {
		outs[i] = names.of(v)
	}
	ins := make([]string, len(n.Inputs))
	for i, v := range n.Inputs {
		ins[i] = "-"
		if v != nil {
			ins[i] = names.of(v)
		}
	}
	fmt.Fprintf(b, "%s = %s(%s)", strings.Join(outs, ", "), n.Op, strings.Join(ins, ", "))
	for _, name := range n.Attrs.Names() {
		fmt.Fprintf(b, " %s=%s", name, describeAttribute(n.Attrs[name]))
	}
	for _, v := range n.Outputs {
		fmt.Fprintf(b, " %s%s", v.DType(), v.Shape())
	}
	b.WriteByte('\n')
}

// printed is the number of elements up to which they are printed.
const printed = 8

func describe(t *tensor.Tensor) (string, error) {
	switch {
	case t == nil:
		return "uninitialised", nil
	case t.Len() <= printed && t.DType() == tensor.String:
		return fmt.Sprintf("%q", t.Any()), nil
	case t.Len() <= printed:
		return fmt.Sprint(t.Any()), nil
	case t.DType() == tensor.String:
		return checksum([]byte(strings.Join(tensor.MustData[string](t), "\x00"))), nil
	}
	p, err := writeTensor("", t)
	if err != nil {
		return "", err
	}
	return checksum(p.RawData), nil
}

func describeAttribute(value any) string {
	text := fmt.Sprintf("%v", value)
	if s, ok := value.(string); ok {
		text = fmt.Sprintf("%q", s)
	}
	if list, ok := value.([]string); ok {
		text = fmt.Sprintf("%q", list)
	}
	if len(text) > 80 {
		return checksum([]byte(text))
	}
	return text
}

func checksum(data []byte) string { return fmt.Sprintf("crc32 %08x", crc32.ChecksumIEEE(data)) }
