package message

import "google.golang.org/grpc/mem"

// Fast is tested from outside to see that usual messages do not take the general decoder.
func (r *Response) Fast(data mem.BufferSlice) error { return r.fast(data) }
