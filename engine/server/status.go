package server

import (
	"context"
	"errors"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"recsys/engine"
)

// failure gives an error of the engine's the code that Triton would. What the engine says is what Triton says.
func failure(err error) error {
	code := codes.Internal
	switch {
	case errors.Is(err, engine.ErrNotFound):
		code = codes.NotFound
	case errors.Is(err, engine.ErrInvalidArgument):
		code = codes.InvalidArgument
	case errors.Is(err, engine.ErrUnimplemented):
		code = codes.Unimplemented
	case errors.Is(err, engine.ErrUnavailable), errors.Is(err, engine.ErrClosed):
		code = codes.Unavailable
	case errors.Is(err, context.DeadlineExceeded):
		code = codes.DeadlineExceeded
	case errors.Is(err, context.Canceled):
		code = codes.Canceled
	}
	return status.Error(code, err.Error())
}
