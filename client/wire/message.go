package wire

import (
	"errors"
	"fmt"

	"recsys/client/tritonpb"
	"recsys/tensor"
)

// SetInputs puts inputs, in the order of their names, and the wanted outputs into a request. The request shares the
// tensors' memory: they must not change before it is sent.
func SetInputs(r *tritonpb.ModelInferRequest, inputs tensor.Map, outputs []string) error {
	names := inputs.Names()
	// One allocation each, not one per tensor.
	described := make([]tritonpb.ModelInferRequest_InferInputTensor, len(names))
	wanted := make([]tritonpb.ModelInferRequest_InferRequestedOutputTensor, len(outputs))
	dims := make([]int64, 0, ranks(inputs))
	r.Inputs = make([]*tritonpb.ModelInferRequest_InferInputTensor, len(names))
	r.RawInputContents = make([][]byte, len(names))
	r.Outputs = make([]*tritonpb.ModelInferRequest_InferRequestedOutputTensor, len(outputs))
	for i, name := range names {
		t := inputs[name]
		if t == nil {
			return fmt.Errorf("input %q is nil", name)
		}
		raw, err := Encode(t)
		if err != nil {
			return fmt.Errorf("input %q: %w", name, err)
		}
		from := len(dims)
		dims = appendDims(dims, t)
		d := &described[i]
		d.Name, d.Datatype, d.Shape = name, t.DType().Triton(), dims[from:len(dims):len(dims)]
		r.Inputs[i], r.RawInputContents[i] = d, raw
	}
	for i, name := range outputs {
		wanted[i].Name = name
		r.Outputs[i] = &wanted[i]
	}
	return nil
}

// Inputs reads the tensors of a request, raw or typed, which then belong to them. Inputs in shared memory are
// refused.
func Inputs(r *tritonpb.ModelInferRequest) (tensor.Map, error) {
	raw := r.GetRawInputContents()
	if len(raw) != 0 && len(raw) != len(r.GetInputs()) {
		return nil, fmt.Errorf("request has %d inputs but %d raw contents: give one for each, in their order", len(r.GetInputs()), len(raw))
	}
	tensors := make(tensor.Map, len(r.GetInputs()))
	for i, d := range r.GetInputs() {
		if _, ok := d.GetParameters()["shared_memory_region"]; ok {
			return nil, fmt.Errorf("input %q is in shared memory: send its contents", d.GetName())
		}
		t, err := read(d.GetDatatype(), d.GetShape(), at(raw, i), d.GetContents())
		if err != nil {
			return nil, fmt.Errorf("input %q: %w", d.GetName(), err)
		}
		if tensors[d.GetName()] != nil {
			return nil, fmt.Errorf("input %q is given twice", d.GetName())
		}
		tensors[d.GetName()] = t
	}
	return tensors, nil
}

// SetOutputs puts the named tensors, in this order, into a response, which shares their memory.
func SetOutputs(r *tritonpb.ModelInferResponse, tensors tensor.Map, names []string) error {
	r.Outputs = make([]*tritonpb.ModelInferResponse_InferOutputTensor, len(names))
	r.RawOutputContents = make([][]byte, len(names))
	for i, name := range names {
		t := tensors[name]
		if t == nil {
			return fmt.Errorf("output %q: the model has not made it", name)
		}
		raw, err := Encode(t)
		if err != nil {
			return fmt.Errorf("output %q: %w", name, err)
		}
		r.Outputs[i] = &tritonpb.ModelInferResponse_InferOutputTensor{
			Name: name, Datatype: t.DType().Triton(), Shape: appendDims(make([]int64, 0, t.Rank()), t),
		}
		r.RawOutputContents[i] = raw
	}
	return nil
}

// Outputs reads the tensors of a response, raw or typed, which then belong to them.
func Outputs(r *tritonpb.ModelInferResponse) (tensor.Map, error) {
	raw := r.GetRawOutputContents()
	if len(raw) != 0 && len(raw) != len(r.GetOutputs()) {
		return nil, fmt.Errorf("response has %d outputs but %d raw contents", len(r.GetOutputs()), len(raw))
	}
	tensors := make(tensor.Map, len(r.GetOutputs()))
	for i, d := range r.GetOutputs() {
		t, err := read(d.GetDatatype(), d.GetShape(), at(raw, i), d.GetContents())
		if err != nil {
			return nil, fmt.Errorf("output %q: %w", d.GetName(), err)
		}
		if tensors[d.GetName()] != nil {
			return nil, fmt.Errorf("output %q comes twice", d.GetName())
		}
		tensors[d.GetName()] = t
	}
	return tensors, nil
}

// read decodes one tensor from typed contents where there are any, otherwise from raw ones.
func read(datatype string, dims []int64, raw []byte, contents *tritonpb.InferTensorContents) (*tensor.Tensor, error) {
	dtype, shape, err := Describe(datatype, dims)
	if err != nil {
		return nil, err
	}
	if contents == nil {
		return Decode(dtype, shape, raw)
	}
	if raw != nil {
		return nil, errors.New("has both typed and raw contents: leave the typed ones out")
	}
	return fromContents(dtype, shape, contents)
}

// Describe reads what a message says of a tensor's type and shape.
func Describe(datatype string, dims []int64) (tensor.DType, []int, error) {
	dtype, err := tensor.ParseDType(datatype)
	if err != nil {
		return tensor.Invalid, nil, err
	}
	shape, err := shapeOf(dims)
	return dtype, shape, err
}

func at(raw [][]byte, i int) []byte {
	if i < len(raw) {
		return raw[i]
	}
	return nil
}

func ranks(tensors tensor.Map) int {
	n := 0
	for _, t := range tensors {
		if t != nil {
			n += t.Rank()
		}
	}
	return n
}

func appendDims(dims []int64, t *tensor.Tensor) []int64 {
	for _, d := range t.Shape() {
		dims = append(dims, int64(d))
	}
	return dims
}
