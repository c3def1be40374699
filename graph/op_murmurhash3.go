package graph

import (
	"fmt"
	"math/bits"

	"recsys/tensor"
)

// MurmurHash3 returns the 32-bit hash (MurmurHash3_x86_32 of Austin Appleby's smhasher) of every element of x (int32,
// int64: little-endian bytes; string: its bytes) as uint32 when positive is true, else as int32. It is ONNX Runtime's
// contributed operator of that name.
func (b *Builder) MurmurHash3(x *Value, seed uint32, positive bool) *Value {
	return b.op("MurmurHash3", Attrs{"positive": boolAttr(positive), "seed": int64(seed)}, x)
}

func opMurmurHash3() *Op {
	return &Op{
		Type: "MurmurHash3", Domain: "com.microsoft", Since: 1,
		Infer: func(c *InferContext) error {
			if err := c.Want(1, 1); err != nil {
				return err
			}
			dtype := tensor.Uint32
			if c.Node.Attrs.Int("positive", 1) == 0 {
				dtype = tensor.Int32
			}
			c.Out(0, dtype, c.In[0].Shape)
			return c.WantDType(0, tensor.Int32, tensor.Int64, tensor.String)
		},
		Kernel: func(_ *Run, n *Node, in, out []*tensor.Tensor) error {
			seed := uint32(n.Attrs.Int("seed", 0))
			switch y := out[0].Any().(type) {
			case []uint32:
				return murmur(in[0], seed, func(i int, h uint32) { y[i] = h })
			case []int32:
				return murmur(in[0], seed, func(i int, h uint32) { y[i] = int32(h) })
			}
			return fmt.Errorf("no kernel for %s", out[0].DType())
		},
	}
}

// MurmurHash3Int64 is what [Builder.MurmurHash3] computes of an int64.
func MurmurHash3Int64(v int64, seed uint32) uint32 {
	return murmurEnd(murmurWord(murmurWord(seed, uint32(v)), uint32(v>>32)), 8)
}

func murmur(x *tensor.Tensor, seed uint32, put func(i int, h uint32)) error {
	switch data := x.Any().(type) {
	case []int32:
		for i, v := range data {
			put(i, murmurEnd(murmurWord(seed, uint32(v)), 4))
		}
	case []int64:
		for i, v := range data {
			put(i, MurmurHash3Int64(v, seed))
		}
	case []string:
		for i, v := range data {
			put(i, murmurString(v, seed))
		}
	default:
		return fmt.Errorf("no kernel for %s", x.DType())
	}
	return nil
}

// The constants of MurmurHash3_x86_32.
const murmurC1, murmurC2 = 0xcc9e2d51, 0x1b873593

// murmurWord mixes four bytes, the first one lowest, into the state.
func murmurWord(h, k uint32) uint32 {
	h ^= bits.RotateLeft32(k*murmurC1, 15) * murmurC2
	return bits.RotateLeft32(h, 13)*5 + 0xe6546b64
}

// murmurEnd makes the hash of n bytes from the state.
func murmurEnd(h uint32, n int) uint32 {
	h ^= uint32(n)
	h ^= h >> 16
	h *= 0x85ebca6b
	h ^= h >> 13
	h *= 0xc2b2ae35
	return h ^ h>>16
}

func murmurString(key string, seed uint32) uint32 {
	h, n, at := seed, len(key), 0
	for ; at+4 <= n; at += 4 {
		h = murmurWord(h, uint32(key[at])|uint32(key[at+1])<<8|uint32(key[at+2])<<16|uint32(key[at+3])<<24)
	}
	var k uint32
	for i := n - 1; i >= at; i-- {
		k = k<<8 | uint32(key[i])
	}
	h ^= bits.RotateLeft32(k*murmurC1, 15) * murmurC2
	return murmurEnd(h, n)
}
