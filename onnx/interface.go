package onnx

import (
	"errors"
	"fmt"
	"os"

	"recsys/graph"
	"recsys/internal/onnxpb"
	"recsys/tensor"
)

// Port is an input or output as a model declares it: its name, type and shape, in which a free dimension has a name of its own.
type Port struct {
	Name  string
	DType tensor.DType
	Shape graph.Shape
}

// Ports reads what the model at path declares to take and to give, without its nodes: also of one that has operators which [Read] does not
// know, and of any IR version. Initialisers are no inputs. A missing file gives fs.ErrNotExist.
func Ports(path string) (inputs, outputs []Port, err error) {
	data, err := readFile(path)
	if err != nil {
		return nil, nil, err
	}
	if inputs, outputs, err = UnmarshalPorts(data); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return inputs, outputs, nil
}

// UnmarshalPorts is [Ports] of a model's bytes.
func UnmarshalPorts(data []byte) (inputs, outputs []Port, err error) {
	m, err := onnxpb.Unmarshal(data)
	if err == nil && m.Graph == nil {
		err = errors.New("the model has no graph: is it an ONNX file?")
	}
	if err != nil {
		return nil, nil, err
	}
	initialized := map[string]bool{}
	for _, t := range m.Graph.Initializers {
		initialized[t.Name] = true
	}
	read := func(list []*onnxpb.ValueInfo) (ports []Port, err error) {
		for _, v := range list {
			if initialized[v.Name] {
				continue
			}
			d, shape, err := tensorType(v)
			if err == nil && shape == nil {
				err = errNoShape
			}
			if err != nil {
				return nil, fmt.Errorf("%q: %w", v.Name, err)
			}
			dims, err := dimensions(v.Name, shape)
			if err != nil {
				return nil, fmt.Errorf("%q: %w", v.Name, err)
			}
			ports = append(ports, Port{v.Name, d, dims})
		}
		return ports, nil
	}
	if inputs, err = read(m.Graph.Inputs); err == nil {
		outputs, err = read(m.Graph.Outputs)
	}
	return inputs, outputs, err
}

// readFile reads a model's file, if it is one and of a size that protobuf reads.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read ONNX model: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("read ONNX model %s: it is no regular file", path)
	}
	if info.Size() > maxBytes {
		return nil, fmt.Errorf("read ONNX model %s: %d bytes are more than the %d of a protobuf message", path, info.Size(), maxBytes)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read ONNX model: %w", err)
	}
	return data, nil
}
