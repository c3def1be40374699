package rest

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// HeaderLength is the HTTP header that says how many bytes of a body are JSON; tensors follow.
const HeaderLength = "Inference-Header-Content-Length"

// body is what is sent: JSON, and tensors in their own memory.
type body struct {
	header  []byte
	tensors [][]byte
	free    func() // called when tensors are read no more; may be nil
}

// release ends the use of the tensors. A nil body has none.
func (b *body) release() {
	if b != nil && b.free != nil {
		b.free()
	}
}

func (b *body) size() int {
	n := len(b.header)
	for _, t := range b.tensors {
		n += len(t)
	}
	return n
}

func (b *body) reader() io.Reader {
	readers := make([]io.Reader, 0, 1+len(b.tensors))
	readers = append(readers, bytes.NewReader(b.header))
	for _, t := range b.tensors {
		readers = append(readers, bytes.NewReader(t))
	}
	return io.MultiReader(readers...)
}

// attach makes b the request's body.
func (b *body) attach(request *http.Request, s Settings) error {
	size := b.size()
	if size > s.MaxMessage {
		b.release()
		return status.Errorf(codes.ResourceExhausted, "the request has %d bytes, the limit is %d", size, s.MaxMessage)
	}
	request.Header.Set("Content-Type", "application/json")
	if len(b.tensors) > 0 {
		request.Header.Set("Content-Type", "application/octet-stream")
		request.Header.Set(HeaderLength, strconv.Itoa(len(b.header)))
	}
	reader := b.reader()
	if s.Encoding != "" {
		var packed bytes.Buffer
		var w io.WriteCloser = gzip.NewWriter(&packed)
		if s.Encoding == "deflate" { // which HTTP means by zlib's format (RFC 9110, section 8.4.1.2)
			w = zlib.NewWriter(&packed)
		}
		_, err := io.Copy(w, reader)
		if err = errors.Join(err, w.Close()); err != nil { // of which neither writes to anything but memory
			b.release()
			return status.Errorf(codes.Internal, "compress request: %v", err)
		}
		request.Header.Set("Content-Encoding", s.Encoding)
		reader, size = &packed, packed.Len()
	}
	request.ContentLength = int64(size)
	request.Body = &sent{Reader: reader, release: b.release}
	return nil
}

// sent is a body that the transport reads, and closes when it reads no more, which may be after the call.
type sent struct {
	io.Reader
	once    sync.Once
	release func()
}

func (s *sent) Close() error {
	s.once.Do(s.release)
	return nil
}

// answer is what has come.
type answer struct {
	ctx      context.Context //nolint:containedctx // of the call, whose end explains a body that breaks off
	response *http.Response
	body     io.Reader
	left     int // of the most bytes that may come
	length   int // of the JSON, -1 if it is all
}

func newAnswer(ctx context.Context, response *http.Response, most int) (*answer, error) {
	a := &answer{ctx: ctx, response: response, body: response.Body, left: most, length: -1}
	if text := response.Header.Get(HeaderLength); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 0 {
			a.close()
			return nil, status.Errorf(codes.Internal, "the answer's %s is %q", HeaderLength, text)
		}
		a.length = n
	}
	var err error
	switch encoding := strings.ToLower(response.Header.Get("Content-Encoding")); encoding {
	case "", "identity":
		if response.ContentLength > int64(most) {
			err = a.tooLarge()
		}
	case "gzip":
		a.body, err = gzip.NewReader(response.Body)
	case "deflate":
		a.body, err = zlib.NewReader(response.Body)
	default:
		err = status.Errorf(codes.Internal, "the answer's encoding is %q", encoding)
	}
	if err != nil {
		a.close()
		return nil, a.fault(err)
	}
	return a, nil
}

// close gives the connection back; a body that was not read to its end ends it.
func (a *answer) close() { _ = a.response.Body.Close() } // which tells no more than reading did

func (a *answer) tooLarge() error {
	return status.Errorf(codes.ResourceExhausted, "the answer is larger than the limit")
}

// fault gives an error of reading a status.
func (a *answer) fault(err error) error {
	if _, ok := status.FromError(err); ok {
		return err
	}
	if a.ctx.Err() != nil {
		return status.FromContextError(a.ctx.Err()).Err()
	}
	return status.Errorf(codes.Unavailable, "read answer: %v", err)
}

// fill reads exactly the next bytes.
func (a *answer) fill(to []byte) error {
	if a.left -= len(to); a.left < 0 {
		return a.tooLarge()
	}
	if _, err := io.ReadFull(a.body, to); err != nil {
		return a.fault(err)
	}
	return nil
}

// rest reads all that is left.
func (a *answer) rest() ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(a.body, int64(a.left)+1))
	if err != nil {
		return nil, a.fault(err)
	}
	if a.left -= len(data); a.left < 0 {
		return nil, a.tooLarge()
	}
	return data, nil
}

// failure reads an error's text; nil for an answer.
func (a *answer) failure() error {
	if a.response.StatusCode == http.StatusOK {
		return nil
	}
	data, err := a.rest()
	if err != nil {
		return err
	}
	var said struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(data, &said) != nil { // of a proxy, perhaps
		said.Error = strings.TrimSpace(string(data[:min(len(data), 200)]))
	}
	return statusOf(a.response.StatusCode, said.Error)
}
