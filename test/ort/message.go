package ort

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"

	"recsys/tensor"
)

// The operations of runner.py.
const (
	opLoad  = "load"
	opRun   = "run"
	opCheck = "check"
)

// request is the header of a message to runner.py, which says what each operation needs.
type request struct {
	Op      string        `json:"op"`
	Model   string        `json:"model,omitempty"`
	Inputs  []description `json:"inputs"`
	Outputs []string      `json:"outputs"`
}

// answer is the header of a message from runner.py.
type answer struct {
	Outputs []description `json:"outputs"`
	Error   string        `json:"error"`
	Missing bool          `json:"missing"`
}

// description tells what a tensor is and how many bytes of the body are its own: those after the tensor before it.
type description struct {
	Name  string `json:"name"`
	DType string `json:"dtype"` // as Triton writes it
	Shape []int  `json:"shape"`
	Bytes int    `json:"bytes"`
}

func writeMessage(w io.Writer, r request, body []byte) error {
	raw, err := json.Marshal(r)
	if err != nil {
		return err
	}
	head := binary.LittleEndian.AppendUint32(nil, uint32(len(raw))) // names and shapes, far below 4 GiB
	head = append(head, raw...)
	head = binary.LittleEndian.AppendUint64(head, uint64(len(body)))
	if _, err := w.Write(head); err != nil {
		return err
	}
	_, err = w.Write(body)
	return err
}

func readMessage(r io.Reader) (answer, []byte, error) {
	var length uint32
	if err := binary.Read(r, binary.LittleEndian, &length); err != nil {
		return answer{}, nil, err
	}
	raw := make([]byte, length)
	if _, err := io.ReadFull(r, raw); err != nil {
		return answer{}, nil, err
	}
	var a answer
	if err := json.Unmarshal(raw, &a); err != nil {
		return answer{}, nil, err
	}
	var size uint64
	if err := binary.Read(r, binary.LittleEndian, &size); err != nil {
		return answer{}, nil, err
	}
	body := make([]byte, size)
	_, err := io.ReadFull(r, body)
	return a, body, err
}

// encode describes tensors, in the order of their names, and joins their bytes.
func encode(tensors tensor.Map) ([]description, []byte, error) {
	described := make([]description, 0, len(tensors))
	var body []byte
	for _, name := range tensors.Names() {
		t := tensors[name]
		from := len(body)
		if list, ok := t.Any().([]string); ok {
			for _, s := range list {
				body = binary.LittleEndian.AppendUint32(body, uint32(len(s))) // a test's string
				body = append(body, s...)
			}
		} else {
			var err error
			if body, err = binary.Append(body, binary.LittleEndian, t.Any()); err != nil {
				return nil, nil, fmt.Errorf("input %q: %w", name, err)
			}
		}
		shape := append([]int{}, t.Shape()...) // [] and not null for a scalar
		described = append(described, description{name, t.DType().Triton(), shape, len(body) - from})
	}
	return described, body, nil
}

// decode is the inverse of encode.
func decode(described []description, body []byte) (tensor.Map, error) {
	tensors := make(tensor.Map, len(described))
	for _, d := range described {
		dtype, err := tensor.ParseDType(d.DType)
		if err != nil {
			return nil, fmt.Errorf("output %q: %w", d.Name, err)
		}
		t := tensor.Zeros(dtype, d.Shape...)
		if list, ok := t.Any().([]string); ok {
			decodeStrings(list, body[:d.Bytes])
		} else if _, err := binary.Decode(body[:d.Bytes], binary.LittleEndian, t.Any()); err != nil {
			return nil, fmt.Errorf("output %q: %w", d.Name, err)
		}
		tensors[d.Name] = t
		body = body[d.Bytes:]
	}
	return tensors, nil
}

func decodeStrings(list []string, data []byte) {
	for i := range list {
		size := binary.LittleEndian.Uint32(data)
		list[i] = string(data[4 : 4+size])
		data = data[4+size:]
	}
}
