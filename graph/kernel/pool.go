package kernel

import "sync"

// pool lends packing buffers. Each Set has its own.
type pool struct{ buffers sync.Pool }

type buffer struct{ data []float32 }

// get returns a buffer of at least n floats of arbitrary content. put gives it back.
func (p *pool) get(n int) *buffer {
	b, ok := p.buffers.Get().(*buffer)
	if !ok {
		b = &buffer{}
	}
	if len(b.data) < n {
		b.data = make([]float32, n)
	}
	return b
}

func (p *pool) put(b *buffer) { p.buffers.Put(b) }
