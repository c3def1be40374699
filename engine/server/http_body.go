package server

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// body reads a request's body and unpacks it. Neither form is longer than MaxMessage.
func (s *Server) body(r *http.Request) ([]byte, error) {
	var unpacked io.Reader
	var err error
	switch r.Header.Get("Content-Encoding") {
	case "", "identity":
		unpacked = r.Body
	case "gzip":
		unpacked, err = gzip.NewReader(r.Body)
	case "deflate":
		unpacked, err = zlib.NewReader(r.Body)
	default:
		return nil, status.Error(codes.Unimplemented, "Unsupported compression type")
	}
	var data []byte
	if err == nil {
		most := int64(s.options.MaxMessage)
		if data, err = io.ReadAll(io.LimitReader(unpacked, most+1)); int64(len(data)) > most {
			err = &http.MaxBytesError{Limit: most}
		}
	}
	if large, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return nil, status.Errorf(codes.InvalidArgument, "the request is larger than the %d bytes that this server takes", large.Limit)
	}
	if err != nil {
		return nil, status.Errorf(codes.InvalidArgument, "read the request's body: %v", err)
	}
	return data, nil
}

// object reads a body of JSON; an empty one, and one that is no object, has no members.
func (s *Server) object(r *http.Request) (map[string]json.RawMessage, error) {
	data, err := s.body(r)
	if err != nil || len(data) == 0 {
		return nil, err
	}
	return parse(data)
}

// parse takes the members of a JSON text apart; one that is no object has none.
func parse(data []byte) (map[string]json.RawMessage, error) {
	if !json.Valid(data) {
		var v json.RawMessage
		return nil, status.Errorf(codes.Internal, "failed to parse the request JSON buffer: %v", json.Unmarshal(data, &v))
	}
	all, _ := asObject(data)
	return all, nil
}

// What Triton says of JSON that has another kind.
const (
	notBool   = "attempt to access JSON non-boolean as boolean"
	notString = "attempt to access JSON non-string as string"
	notArray  = "attempt to access JSON non-array as array"
	notUint   = "attempt to access JSON non-unsigned-integer as unsigned-integer"
	notInt    = "attempt to access JSON non-signed-integer as signed-integer"
	notNumber = "attempt to access JSON non-number as double"
)

// unparsable is Triton's error of a member that is missing or of another kind.
func unparsable(member, what string) error {
	return status.Errorf(codes.Internal, "Unable to parse '%s': %s", member, what)
}

func missing(member string) error {
	return unparsable(member, "attempt to access non-existing object member '"+member+"'")
}

// The following read JSON that is known to be valid; false for another kind.

func asObject(raw json.RawMessage) (map[string]json.RawMessage, bool) {
	var v map[string]json.RawMessage
	return v, first(raw) == '{' && json.Unmarshal(raw, &v) == nil
}

func asArray(raw json.RawMessage) ([]json.RawMessage, bool) {
	var v []json.RawMessage
	return v, first(raw) == '[' && json.Unmarshal(raw, &v) == nil
}

func asString(raw json.RawMessage) (string, bool) {
	var v string
	return v, first(raw) == '"' && json.Unmarshal(raw, &v) == nil
}

func asBool(raw json.RawMessage) (v, ok bool) {
	text := string(bytes.TrimSpace(raw))
	return text == "true", text == "true" || text == "false"
}

func asUint(raw json.RawMessage) (uint64, bool) {
	v, err := strconv.ParseUint(string(bytes.TrimSpace(raw)), 10, 64)
	return v, err == nil
}

func first(raw json.RawMessage) byte {
	if raw = bytes.TrimLeft(raw, " \t\r\n"); len(raw) == 0 {
		return 0
	}
	return raw[0]
}

// packer returns how to pack an answer: the encoding that the client likes best of those that there are, "" for none.
func packer(accept string) string {
	best, quality := "", 0.0
	for part := range strings.SplitSeq(accept, ",") {
		name, options, _ := strings.Cut(part, ";")
		name = strings.TrimSpace(name)
		q := 1.0
		if text, ok := strings.CutPrefix(strings.TrimSpace(options), "q="); ok {
			var err error
			if q, err = strconv.ParseFloat(text, 64); err != nil {
				continue
			}
		}
		if (name == "gzip" || name == "deflate") && q > quality {
			best, quality = name, q
		}
	}
	return best
}

// pack compresses.
func pack(encoding string, parts ...[]byte) []byte {
	var b bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&b)
	if encoding == "deflate" {
		w = zlib.NewWriter(&b)
	}
	for _, p := range parts {
		_, _ = w.Write(p) // a buffer takes everything
	}
	_ = w.Close() // as above
	return b.Bytes()
}
