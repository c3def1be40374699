package graphtest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"recsys/graph"
	"recsys/graph/exec"
	"recsys/graph/kernel"
	"recsys/onnx"
	"recsys/tensor"
)

// Forward checks the case's outputs, or its error, with a kernel set: with [Run], and on graph/exec fused and
// unfused.
func Forward(op *graph.Op, c *Case, kernels *kernel.Set) error {
	g, fed, err := c.graph(op, fixed)
	if err != nil {
		return c.judge(nil, err)
	}
	before := make([]*tensor.Tensor, len(c.Inputs))
	for i, in := range c.Inputs {
		if in.Data != nil {
			before[i] = in.Data.Clone()
		}
	}
	out, err := Run(g, fed, kernels)
	if err := c.judge(out, err); err != nil {
		return err
	}
	for i, in := range c.Inputs {
		if in.Data != nil && !in.Data.Equal(before[i]) {
			return fmt.Errorf("the kernel changed input %d", i)
		}
	}
	for _, unfused := range []bool{false, true} {
		out, err := execute(g, fed, exec.Options{Kernels: kernels, Unfused: unfused})
		if err := c.judge(out, err); err != nil {
			return fmt.Errorf("on exec, unfused %t: %w", unfused, err)
		}
	}
	return nil
}

func execute(g *graph.Graph, fed tensor.Map, o exec.Options) (tensor.Map, error) {
	plan, err := exec.Compile(g, o)
	if err != nil {
		return nil, err
	}
	return plan.Run(context.Background(), fed)
}

// judge compares a result with what the case expects.
func (c *Case) judge(out tensor.Map, err error) error {
	if err != nil && strings.Contains(err.Error(), "panic: ") {
		return err // Bad data is an error, whatever the message.
	}
	if c.Error != "" {
		switch {
		case err == nil:
			return fmt.Errorf("got no error, want one with %q", c.Error)
		case !strings.Contains(err.Error(), c.Error):
			return fmt.Errorf("want an error with %q, got: %w", c.Error, err)
		}
		return nil
	}
	if err != nil {
		return err
	}
	if len(c.Want) == 0 {
		return errors.New("the case has no expected outputs; let -update write them from ONNX Runtime")
	}
	if len(out) != len(c.Want) {
		return fmt.Errorf("got %d outputs, want %d", len(out), len(c.Want))
	}
	for i, want := range c.Want {
		if err := Compare(out[fmt.Sprintf("y%d", i)], want, c.Tolerance); err != nil {
			return fmt.Errorf("output %d: %w", i, err)
		}
	}
	return nil
}

// Symbolic checks the shape rule: every input's dimensions are replaced by symbols, one for all dimensions of one
// size, and what the rule makes of them has to agree with the expected shapes. A rule may refuse symbols; it may not
// be wrong about them. Then the symbolic graph has to run as the fixed one does. With first, only the leading
// dimension is replaced.
func Symbolic(op *graph.Op, c *Case, first bool) error {
	if c.Error != "" {
		return nil
	}
	symbolic := func(sizes []int) graph.Shape {
		shape := graph.Dims(sizes...)
		for i, n := range sizes {
			if n != 1 && (i == 0 || !first) {
				shape[i] = graph.Sym("S" + strconv.Itoa(n))
			}
		}
		return shape
	}
	g, fed, err := c.graph(op, symbolic)
	if err != nil {
		return nil //nolint:nilerr // The rule refuses symbols here.
	}
	for i, want := range c.Want {
		v := g.Outputs[i].Value
		if v.DType() != want.DType() || v.Rank() != want.Rank() {
			return fmt.Errorf("output %d is inferred as %s, it is %s", i, v, want)
		}
		for axis, d := range v.Shape() {
			if n, known := sizeOf(d); known && n != want.Dim(axis) {
				return fmt.Errorf("output %d is inferred as %s, it is %s", i, v, want)
			}
		}
	}
	out, err := execute(g, fed, exec.Options{Kernels: kernel.Portable()})
	return c.judge(out, err)
}

// sizeOf evaluates a dimension whose symbols are named after their sizes: "S3", "S2*S3", "(1+S2)*4".
func sizeOf(d graph.Dim) (size int, known bool) {
	if d.IsFixed() {
		return d.Size, true
	}
	product := 1
	for factor := range strings.SplitSeq(d.Name, "*") {
		sum := 0
		for part := range strings.SplitSeq(strings.Trim(factor, "()"), "+") {
			n, err := strconv.Atoi(strings.TrimPrefix(part, "S"))
			if err != nil {
				return 0, false
			}
			sum += n
		}
		product *= sum
	}
	return product, true
}

// RoundTrip checks that the case's graph, written as ONNX and read again, gives the same outputs. It applies to
// operators that package onnx knows: those of [graph.Standard].
func RoundTrip(op *graph.Op, c *Case) error {
	g, fed, err := c.graph(op, fixedUnlessZero)
	if err != nil || c.Error != "" {
		return nil //nolint:nilerr // Forward judges errors.
	}
	data, err := onnx.Marshal(g, onnx.Meta{})
	if err != nil {
		return err
	}
	again, err := onnx.Unmarshal(data)
	if err != nil {
		return err
	}
	return c.judge(Run(again, fed, kernel.Portable()))
}
