package message

import (
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"
)

// Codec is grpc-go's codec for protobuf messages, and encodes [*Request] and decodes [*Response] too.
type Codec struct{ encoding.CodecV2 }

// NewCodec makes a Codec.
func NewCodec() Codec { return Codec{encoding.GetCodecV2(proto.Name)} }

// Marshal encodes a message.
func (c Codec) Marshal(v any) (mem.BufferSlice, error) {
	if r, ok := v.(*Request); ok {
		return r.marshal(mem.DefaultBufferPool())
	}
	return c.CodecV2.Marshal(v)
}

// Unmarshal decodes a message. What is wrong with a response is kept in its Err, which grpc-go would wrap.
func (c Codec) Unmarshal(data mem.BufferSlice, v any) error {
	if r, ok := v.(*Response); ok {
		r.Err = r.unmarshal(data)
		return nil
	}
	return c.CodecV2.Unmarshal(data, v)
}
