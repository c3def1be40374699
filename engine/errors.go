package engine

import "errors"

// The kinds of errors that a caller can tell apart. What is none of them is a fault of a model at work.
var (
	// ErrNotFound is for a model or version that is not served.
	ErrNotFound = errors.New("not found")
	// ErrInvalidArgument is for a request that does not fit the model.
	ErrInvalidArgument = errors.New("invalid argument")
	// ErrClosed is for calls after Close.
	ErrClosed = errors.New("engine is closed")
)
