package message

import (
	"fmt"
	"math"
	"unicode/utf8"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// Request is an inference.ModelInferRequest. It must not change while it is sent, nor its inputs' contents before
// [Request.Released].
type Request struct {
	Model, Version, ID string
	Parameters         []Parameter
	// Timeout is the request parameter in microseconds, 0 for none.
	Timeout int64
	Inputs  []Input
	Outputs []Output

	hold  hold
	again *Request // what is sent beside it
}

// Again returns the request to be sent beside itself, once. Both have to be released.
func (r *Request) Again() *Request {
	r.again = &Request{Model: r.Model, Version: r.Version, ID: r.ID, Parameters: r.Parameters, Inputs: r.Inputs, Outputs: r.Outputs}
	return r.again
}

// Parameter is a named bool, int64, uint64, float64 or string.
type Parameter struct {
	Name  string
	Value any
}

// Input is a tensor that is sent.
type Input struct {
	Name, DType string
	Shape       []int
	Raw         []byte // none if the contents are elsewhere
	Parameters  []Parameter
	// Elsewhere is true for contents in shared memory, which take no place among the raw ones.
	Elsewhere bool
}

// Output is an output that is asked for.
type Output struct {
	Name       string
	Parameters []Parameter
}

// The field numbers of grpc_service.proto.
const (
	modelName, modelVersion, id, parameters = 1, 2, 3, 4

	requestInputs, requestOutputs, requestRaw = 5, 6, 7
	responseOutputs, responseRaw              = 5, 6

	tensorName, tensorDType, tensorShape, tensorParameters = 1, 2, 3, 4
	outputParameters                                       = 2

	boolParam, int64Param, stringParam, doubleParam, uint64Param = 1, 2, 3, 4, 5
)

// inlined is up to how many bytes contents are copied into the rest of the message, which costs less than a buffer;
// grpc-go tells the end of larger buffers only.
const inlined = 1024

// marshal returns the message. Contents above [inlined] are not copied.
func (r *Request) marshal(pool mem.BufferPool) (mem.BufferSlice, error) {
	head := pool.Get(r.sizeHint())
	b := (*head)[:0]
	b = appendText(b, modelName, r.Model)
	b = appendText(b, modelVersion, r.Version)
	b = appendText(b, id, r.ID)
	sent := r.Timeout == 0
	var scratch []byte
	var err error
	for _, p := range r.Parameters {
		if !sent && p.Name > "timeout" {
			b, sent = appendTimeout(b, scratch, r.Timeout), true
		}
		if b, err = appendParameter(b, &scratch, parameters, p); err != nil {
			return nil, err
		}
	}
	if !sent {
		b = appendTimeout(b, scratch, r.Timeout)
	}
	for i := range r.Inputs {
		if scratch, err = r.Inputs[i].describe(scratch[:0]); err != nil {
			return nil, err
		}
		b = protowire.AppendTag(b, requestInputs, protowire.BytesType)
		b = protowire.AppendBytes(b, scratch)
	}
	for i := range r.Outputs {
		if scratch, err = r.Outputs[i].describe(scratch[:0]); err != nil {
			return nil, err
		}
		b = protowire.AppendTag(b, requestOutputs, protowire.BytesType)
		b = protowire.AppendBytes(b, scratch)
	}
	return r.appendRaw(head, b, pool), nil
}

// appendRaw cuts the message where contents go in that are not copied.
func (r *Request) appendRaw(head *[]byte, b []byte, pool mem.BufferPool) mem.BufferSlice {
	var room [16]int
	cuts := room[:0]
	for i := range r.Inputs {
		in := &r.Inputs[i]
		if in.Elsewhere {
			continue
		}
		b = protowire.AppendTag(b, requestRaw, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(len(in.Raw)))
		if len(in.Raw) <= inlined {
			b = append(b, in.Raw...)
		} else {
			cuts = append(cuts, len(b), i)
		}
	}
	*head = b
	whole := mem.NewBuffer(head, pool)
	if len(cuts) == 0 {
		return mem.BufferSlice{whole}
	}
	parts := make(mem.BufferSlice, 0, len(cuts)+1)
	from := 0
	for i := 0; i < len(cuts); i += 2 {
		r.hold.add()
		parts = append(parts, whole.Slice(from, cuts[i]), mem.NewBuffer(&r.Inputs[cuts[i+1]].Raw, &r.hold))
		from = cuts[i]
	}
	if from < len(b) {
		parts = append(parts, whole.Slice(from, len(b)))
	}
	whole.Free() // the parts hold it
	return parts
}

// sizeHint is about the size of the message without contents that are not copied.
func (r *Request) sizeHint() int {
	n := 64 + len(r.Model) + len(r.Version) + len(r.ID) + 64*len(r.Parameters)
	for i := range r.Inputs {
		n += 32 + len(r.Inputs[i].Name) + 2*len(r.Inputs[i].Shape)
		if size := len(r.Inputs[i].Raw); size <= inlined {
			n += size
		}
	}
	for i := range r.Outputs {
		n += 8 + len(r.Outputs[i].Name)
	}
	return n
}

func (in *Input) describe(b []byte) ([]byte, error) {
	b = appendText(b, tensorName, in.Name)
	b = appendText(b, tensorDType, in.DType)
	if len(in.Shape) > 0 {
		size := 0
		for _, d := range in.Shape {
			size += protowire.SizeVarint(uint64(d))
		}
		b = protowire.AppendTag(b, tensorShape, protowire.BytesType)
		b = protowire.AppendVarint(b, uint64(size))
		for _, d := range in.Shape {
			b = protowire.AppendVarint(b, uint64(d))
		}
	}
	return appendParameters(b, tensorParameters, in.Parameters)
}

func (o *Output) describe(b []byte) ([]byte, error) {
	return appendParameters(appendText(b, tensorName, o.Name), outputParameters, o.Parameters)
}

func appendParameters(b []byte, field protowire.Number, list []Parameter) ([]byte, error) {
	var scratch []byte
	var err error
	for _, p := range list {
		if b, err = appendParameter(b, &scratch, field, p); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func appendText(b []byte, field protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func appendTimeout(b, scratch []byte, us int64) []byte {
	const name = "timeout"
	scratch = protowire.AppendTag(scratch[:0], int64Param, protowire.VarintType)
	scratch = protowire.AppendVarint(scratch, uint64(us))
	return appendEntry(b, parameters, name, scratch)
}

// appendEntry appends an entry of a map from names to messages.
func appendEntry(b []byte, field protowire.Number, name string, value []byte) []byte {
	const key, val = 1, 2
	size := protowire.SizeTag(key) + protowire.SizeBytes(len(name)) + protowire.SizeTag(val) + protowire.SizeBytes(len(value))
	b = protowire.AppendTag(b, field, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(size))
	b = protowire.AppendString(protowire.AppendTag(b, key, protowire.BytesType), name)
	return protowire.AppendBytes(protowire.AppendTag(b, val, protowire.BytesType), value)
}

func appendParameter(b []byte, scratch *[]byte, field protowire.Number, p Parameter) ([]byte, error) {
	s := (*scratch)[:0]
	switch v := p.Value.(type) {
	case bool:
		s = protowire.AppendTag(s, boolParam, protowire.VarintType)
		s = protowire.AppendVarint(s, protowire.EncodeBool(v))
	case int64:
		s = protowire.AppendTag(s, int64Param, protowire.VarintType)
		s = protowire.AppendVarint(s, uint64(v))
	case uint64:
		s = protowire.AppendTag(s, uint64Param, protowire.VarintType)
		s = protowire.AppendVarint(s, v)
	case float64:
		s = protowire.AppendTag(s, doubleParam, protowire.Fixed64Type)
		s = protowire.AppendFixed64(s, math.Float64bits(v))
	case string:
		s = protowire.AppendTag(s, stringParam, protowire.BytesType)
		s = protowire.AppendString(s, v)
	default:
		return nil, fmt.Errorf("parameter %q is a %T: make it a bool, int64, uint64, float64 or string", p.Name, p.Value)
	}
	*scratch = s
	return appendEntry(b, field, p.Name, s), nil
}

// Validate says which text is not UTF-8, which a server could not read.
func (r *Request) Validate() error {
	check := func(what, text string) error {
		if utf8.ValidString(text) {
			return nil
		}
		return fmt.Errorf("%s %q is not UTF-8", what, text)
	}
	checkAll := func(list []Parameter) error {
		for _, p := range list {
			value, _ := p.Value.(string)
			if err := check("parameter", p.Name); err != nil {
				return err
			}
			if err := check("the value of parameter "+p.Name, value); err != nil {
				return err
			}
		}
		return nil
	}
	for _, pair := range [][2]string{{"model", r.Model}, {"version", r.Version}, {"id", r.ID}} {
		if err := check(pair[0], pair[1]); err != nil {
			return err
		}
	}
	for i := range r.Inputs {
		if err := check("input", r.Inputs[i].Name); err != nil {
			return err
		}
	}
	for i := range r.Outputs {
		if err := check("output", r.Outputs[i].Name); err != nil {
			return err
		}
	}
	return checkAll(r.Parameters)
}
