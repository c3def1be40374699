package ensemble

import (
	"fmt"

	"recsys/graph"
	"recsys/tensor"
)

// Port is an input or output of a stage as other stages see it.
type Port struct {
	Name  string
	DType tensor.DType
	// Shape has the users' axis in front; axes of any size are named.
	Shape graph.Shape
	// wire says that the shape is one that servers send: [B,1] stands for [B] too.
	wire bool
}

func (p Port) String() string { return p.DType.String() + p.Shape.String() }

// scalar reports whether the port holds one element for each user, which travels as [B,1].
func (p Port) scalar() bool { return len(p.Shape) == 1 || len(p.Shape) == 2 && p.Shape[1].Is(1) }

// misfit says why what maker makes cannot be what reader reads, and what to do; empty if it can.
func misfit(maker, reader Port) string {
	if maker.DType != reader.DType {
		return "make both of one type, or join another tensor by renaming"
	}
	if maker.scalar() && reader.scalar() {
		return ""
	}
	if len(maker.Shape) != len(reader.Shape) {
		return "make both of as many axes, the users' first, or join another tensor by renaming"
	}
	for i, d := range reader.Shape[1:] {
		if m := maker.Shape[i+1]; d.IsFixed() && m.IsFixed() && d != m {
			return fmt.Sprintf("make axis %d of the same size, or join another tensor by renaming", i+1)
		}
	}
	return ""
}

// seenBy returns the shape that the tensor has in a graph that declares it as own: as exact as either knows.
func (p Port) seenBy(own graph.Shape) graph.Shape {
	if !p.wire {
		return p.Shape
	}
	shape := append(graph.Shape{}, own...)
	for i := range shape {
		if len(p.Shape) == len(shape) && !shape[i].IsFixed() {
			shape[i] = p.Shape[i]
		}
	}
	return shape
}

// Inputs returns what the stage reads under the ensemble's names.
func (s Stage) Inputs() []Port {
	switch {
	case s.Folder != nil:
		return s.Folder.ports(s.Folder.Config.Inputs, s.Folder.Inputs)
	case s.Graph == nil:
		return nil
	}
	list := make([]Port, len(s.Graph.Inputs))
	for i, v := range s.Graph.Inputs {
		list[i] = Port{Name: v.Name(), DType: v.DType(), Shape: v.Shape()}
	}
	return list
}

// Outputs returns what the stage makes under the ensemble's names.
func (s Stage) Outputs() []Port {
	switch {
	case s.Folder != nil:
		return s.Folder.ports(s.Folder.Config.Outputs, s.Folder.Outputs)
	case s.Graph == nil:
		return nil
	}
	list := make([]Port, len(s.Graph.Outputs))
	for i, o := range s.Graph.Outputs {
		list[i] = Port{Name: o.Name, DType: o.Value.DType(), Shape: o.Value.Shape()}
	}
	return list
}
