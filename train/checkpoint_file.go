package train

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"math"
	"strconv"

	"recsys/tensor"
)

// ErrCheckpoint marks bytes that are no checkpoint, or a damaged one, or one of another version.
var ErrCheckpoint = errors.New("no whole checkpoint of this version")

const (
	checkpointMagic   = "RSCK"
	checkpointVersion = 1
	// checkpointPrefix is the number of bytes before the header: magic, version and the header's length.
	checkpointPrefix = len(checkpointMagic) + 2 + 4
	checkpointSum    = 4 // bytes of the checksum at the end
)

// checkpointHeader describes the tensors that follow it. Floats are in hexadecimal: exact, and able to be infinite.
type checkpointHeader struct {
	Of      string            `json:"of"`
	Steps   int               `json:"steps"`
	Loss    exact             `json:"loss"`
	Epochs  []exactEpoch      `json:"epochs"`
	Best    int               `json:"best"`
	Worse   int               `json:"worse"`
	Tensors []checkpointEntry `json:"tensors"`
}

type exactEpoch struct {
	Loss  exact `json:"loss"`
	Score exact `json:"score"`
}

type checkpointEntry struct {
	// In is the map that has the tensor: parameters, optimizer or best.
	In    string `json:"in"`
	Name  string `json:"name"`
	DType string `json:"dtype"`
	Shape []int  `json:"shape"`
}

type exact float64

func (x exact) MarshalText() ([]byte, error) {
	return strconv.AppendFloat(nil, float64(x), 'x', -1, 64), nil
}

func (x *exact) UnmarshalText(text []byte) error {
	v, err := strconv.ParseFloat(string(text), 64)
	*x = exact(v)
	return err
}

// WriteCheckpoint writes c in the format of docs/reference/formats.md. The same checkpoint gives the same bytes.
func WriteCheckpoint(w io.Writer, c *Checkpoint) error {
	h := checkpointHeader{Of: c.Of, Steps: c.Steps, Loss: exact(c.Loss), Best: c.Best, Worse: c.Worse}
	for _, e := range c.Epochs {
		h.Epochs = append(h.Epochs, exactEpoch{exact(e.Loss), exact(e.Score)})
	}
	var tensors []*tensor.Tensor
	for _, part := range c.parts() {
		for _, name := range part.tensors.Names() {
			t := part.tensors[name]
			h.Tensors = append(h.Tensors, checkpointEntry{part.name, name, t.DType().String(), t.Shape()})
			tensors = append(tensors, t)
		}
	}
	header, err := json.Marshal(h)
	if err != nil {
		return err
	}
	sum := crc32.New(castagnoli())
	out := bufio.NewWriterSize(io.MultiWriter(w, sum), 1<<16)
	prefix := binary.LittleEndian.AppendUint16([]byte(checkpointMagic), checkpointVersion)
	prefix = binary.LittleEndian.AppendUint32(prefix, uint32(len(header)))
	out.Write(prefix) //nolint:errcheck // Flush returns the first error.
	out.Write(header) //nolint:errcheck // Likewise.
	for _, t := range tensors {
		if err := writeElements(out, t); err != nil {
			return err
		}
	}
	if err := out.Flush(); err != nil {
		return err
	}
	_, err = w.Write(binary.LittleEndian.AppendUint32(nil, sum.Sum32()))
	return err
}

type checkpointPart struct {
	name    string
	tensors tensor.Map
}

// parts are the maps of tensors in the order of the file.
func (c *Checkpoint) parts() []checkpointPart {
	return []checkpointPart{{"parameters", c.Parameters}, {"optimizer", c.Optimizer}, {"best", c.BestParameters}}
}

func writeElements(w *bufio.Writer, t *tensor.Tensor) error {
	var word [8]byte
	switch x := t.Any().(type) {
	case []float32:
		for _, v := range x {
			binary.LittleEndian.PutUint32(word[:], math.Float32bits(v))
			w.Write(word[:4]) //nolint:errcheck // Flush returns the first error.
		}
	case []int64:
		for _, v := range x {
			binary.LittleEndian.PutUint64(word[:], uint64(v))
			w.Write(word[:]) //nolint:errcheck // Likewise.
		}
	default:
		return fmt.Errorf("checkpoint: a tensor of %s; those of checkpoints are float32 and int64", t)
	}
	return nil
}

// ReadCheckpoint reads what WriteCheckpoint wrote, all size bytes of r. What is not whole is ErrCheckpoint.
func ReadCheckpoint(r io.Reader, size int64) (*Checkpoint, error) {
	sum := crc32.New(castagnoli())
	in := bufio.NewReaderSize(r, 1<<16)
	h, left, err := readCheckpointHeader(io.TeeReader(in, sum), size)
	if err != nil {
		return nil, err
	}
	c := &Checkpoint{
		Of: h.Of, Steps: h.Steps, Loss: float64(h.Loss), Best: h.Best, Worse: h.Worse,
		Parameters: tensor.Map{}, Optimizer: tensor.Map{},
	}
	for _, e := range h.Epochs {
		c.Epochs = append(c.Epochs, Epoch{Loss: float64(e.Loss), Score: float64(e.Score)})
	}
	best := tensor.Map{}
	for _, e := range h.Tensors {
		to, ok := map[string]tensor.Map{"parameters": c.Parameters, "optimizer": c.Optimizer, "best": best}[e.In]
		if !ok {
			return nil, fmt.Errorf("%w: tensors of %q", ErrCheckpoint, e.In)
		}
		if to[e.Name], err = readElements(in, sum, e, &left); err != nil {
			return nil, err
		}
	}
	if len(best) > 0 {
		c.BestParameters = best
	}
	var stored [checkpointSum]byte
	if _, err := io.ReadFull(in, stored[:]); err != nil || left != 0 || binary.LittleEndian.Uint32(stored[:]) != sum.Sum32() {
		return nil, fmt.Errorf("%w: its checksum or its size is off", ErrCheckpoint)
	}
	return c, nil
}

// readCheckpointHeader returns the header and the number of bytes of elements behind it.
func readCheckpointHeader(r io.Reader, size int64) (h checkpointHeader, left int64, err error) {
	var prefix [checkpointPrefix]byte
	if _, err := io.ReadFull(r, prefix[:]); err != nil || !bytes.HasPrefix(prefix[:], []byte(checkpointMagic)) {
		return h, 0, fmt.Errorf("%w: it does not begin as one", ErrCheckpoint)
	}
	rest := prefix[len(checkpointMagic):]
	if v := binary.LittleEndian.Uint16(rest); v != checkpointVersion {
		return h, 0, fmt.Errorf("%w: version %d, this program reads %d", ErrCheckpoint, v, checkpointVersion)
	}
	n := int64(binary.LittleEndian.Uint32(rest[2:]))
	if left = size - int64(checkpointPrefix) - n - checkpointSum; left < 0 {
		return h, 0, fmt.Errorf("%w: a header of %d bytes in a file of %d", ErrCheckpoint, n, size)
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(r, text); err != nil {
		return h, 0, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	if err := json.Unmarshal(text, &h); err != nil {
		return h, 0, fmt.Errorf("%w: %w", ErrCheckpoint, err)
	}
	return h, left, nil
}

// readElements reads a tensor, of which left bytes are at most there, and takes its bytes off left.
func readElements(r io.Reader, sum hash.Hash32, e checkpointEntry, left *int64) (*tensor.Tensor, error) {
	dtype, err := tensor.ParseDType(e.DType)
	if err != nil || dtype != tensor.Float32 && dtype != tensor.Int64 {
		return nil, fmt.Errorf("%w: tensor %q has the type %q", ErrCheckpoint, e.Name, e.DType)
	}
	n, err := tensor.Count(e.Shape)
	if err != nil || int64(n) > *left/int64(dtype.Size()) {
		return nil, fmt.Errorf("%w: tensor %q of shape %v does not fit", ErrCheckpoint, e.Name, e.Shape)
	}
	*left -= int64(n * dtype.Size())
	t := tensor.Zeros(dtype, e.Shape...)
	chunk := make([]byte, min(n*dtype.Size(), 1<<16))
	for at := 0; at < n; at += len(chunk) / dtype.Size() {
		chunk = chunk[:min(len(chunk), (n-at)*dtype.Size())]
		if _, err := io.ReadFull(r, chunk); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCheckpoint, err)
		}
		sum.Write(chunk)
		switch x := t.Any().(type) {
		case []float32:
			for i := range len(chunk) / 4 {
				x[at+i] = math.Float32frombits(binary.LittleEndian.Uint32(chunk[4*i:]))
			}
		case []int64:
			for i := range len(chunk) / 8 {
				x[at+i] = int64(binary.LittleEndian.Uint64(chunk[8*i:]))
			}
		}
	}
	return t, nil
}

func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }
