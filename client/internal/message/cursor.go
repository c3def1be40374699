package message

import (
	"io"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// cursor reads what lies in several buffers.
type cursor struct {
	buffers mem.BufferSlice // those after rest
	rest    []byte
}

// next goes to the next buffer that has bytes; at the end rest is empty.
func (c *cursor) next() {
	for len(c.rest) == 0 && len(c.buffers) > 0 {
		c.rest = c.buffers[0].ReadOnlyData()
		c.buffers = c.buffers[1:]
	}
}

func (c *cursor) varint() (v uint64, n int, err error) {
	for n < 10 {
		c.next()
		if len(c.rest) == 0 {
			return 0, n, io.ErrUnexpectedEOF
		}
		b := c.rest[0]
		c.rest = c.rest[1:]
		if n == 9 && b > 1 {
			return 0, n, errPlain
		}
		v |= uint64(b&0x7f) << (7 * n)
		n++
		if b < 0x80 {
			return v, n, nil
		}
	}
	return 0, n, errPlain
}

func (c *cursor) tag() (protowire.Number, protowire.Type, int, error) {
	v, n, err := c.varint()
	if err != nil {
		return 0, 0, n, err
	}
	field, kind := protowire.DecodeTag(v)
	if field < protowire.MinValidNumber {
		return 0, 0, n, errPlain
	}
	return field, kind, n, nil
}

// length reads how many bytes follow, of left ones.
func (c *cursor) length(left int) (size, n int, err error) {
	v, n, err := c.varint()
	if err != nil {
		return 0, n, err
	}
	if left -= n; left < 0 || v > uint64(left) {
		return 0, n, io.ErrUnexpectedEOF
	}
	return int(v), n, nil
}

// view returns the next n bytes, which are there, in place where it can.
func (c *cursor) view(n int) []byte {
	c.next()
	if n <= len(c.rest) {
		v := c.rest[:n]
		c.rest = c.rest[n:]
		return v
	}
	v := make([]byte, n)
	c.copy(v)
	return v
}

// copy fills to with the next bytes, which are there.
func (c *cursor) copy(to []byte) {
	for len(to) > 0 {
		c.next()
		n := copy(to, c.rest)
		to, c.rest = to[n:], c.rest[n:]
		if n == 0 {
			return
		}
	}
}
