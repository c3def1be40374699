package engine

import (
	"errors"
	"fmt"
)

// The kinds of errors that a caller can tell apart. What is none of them is a fault of a model at work or of the repository.
var (
	// ErrNotFound is for a model or version that is not served.
	ErrNotFound = errors.New("not found")
	// ErrInvalidArgument is for a request that does not fit the model, and for a model that does not fit its configuration.
	ErrInvalidArgument = errors.New("invalid argument")
	// ErrUnavailable is for a request that found its model's queue full or waited there too long. Another time it may be served.
	ErrUnavailable = errors.New("unavailable")
	// ErrUnimplemented is for a model of a backend that the engine has not, and for an ensemble with one.
	ErrUnimplemented = errors.New("not implemented by the embedded engine")
	// ErrClosed is for calls after Close.
	ErrClosed = errors.New("engine is closed")
)

// kindError has the text that a client of Triton gets for the same fault, word for word, and one of the kinds above.
type kindError struct {
	kind error
	text string
}

func (e *kindError) Error() string { return e.text }
func (e *kindError) Unwrap() error { return e.kind }

func notFound(format string, args ...any) error {
	return &kindError{ErrNotFound, fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) error {
	return &kindError{ErrInvalidArgument, fmt.Sprintf(format, args...)}
}

func unavailable(format string, args ...any) error {
	return &kindError{ErrUnavailable, fmt.Sprintf(format, args...)}
}
