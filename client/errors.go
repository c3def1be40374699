package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// What can be told apart about a failed call, with errors.Is.
var (
	// ErrUnavailable: no server, a server that shuts down, or a model that is not ready. Another try, or another
	// replica, may answer.
	ErrUnavailable = errors.New("unavailable")
	// ErrOverloaded: the model's queue is full. Such an error is an ErrUnavailable too.
	ErrOverloaded = errors.New("overloaded")
	// ErrNotFound: the server does not know the model, or not this version.
	ErrNotFound = errors.New("not found")
	// ErrInvalidArgument: the request does not fit the model. It would fail again.
	ErrInvalidArgument = errors.New("invalid argument")
	// ErrDeadline: the time was over, in the client or in the model's queue. If it was the context's, the error
	// matches context.DeadlineExceeded too.
	ErrDeadline = errors.New("deadline exceeded")
	// ErrTooLarge: a message is above the limit of one side.
	ErrTooLarge = errors.New("message too large")
	// ErrDenied: the server wants credentials, or others.
	ErrDenied = errors.New("denied")
	// ErrInternal: the model or the server failed.
	ErrInternal = errors.New("internal error")
	// ErrProtocol: the answer is no valid answer to the request.
	ErrProtocol = errors.New("protocol violated")
	// ErrClosed: the client was closed.
	ErrClosed = errors.New("client is closed")
)

// Error is a failed call. It matches one or more of the package's sentinels, or errors.ErrUnsupported for a call that
// the server does not implement, and context.Canceled for one that the caller has given up.
type Error struct {
	Call  string // what was being done, such as "infer"
	Model string // empty for calls about the server
	Kinds []error
	// InputsHeld is true where a connection that is stuck may still read the inputs of an inference: do not change them
	// any more.
	InputsHeld bool
	// Cause is what came from below: usually an error with a gRPC status, which status.FromError finds.
	Cause error
}

// Error writes the call, the model, the kind, the server's words and what may help.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Call)
	if e.Model != "" {
		fmt.Fprintf(&b, " %q", e.Model)
	}
	kind := ""
	if len(e.Kinds) > 0 {
		kind = e.Kinds[0].Error()
	}
	cause := ""
	if e.Cause != nil {
		cause = e.Cause.Error()
	}
	if s, ok := status.FromError(e.Cause); ok && e.Cause != nil {
		cause = strings.TrimSpace(s.Message())
	}
	for _, part := range []string{kind, strings.TrimPrefix(cause, kind+": ")} {
		if part != "" {
			b.WriteString(": " + part)
		}
	}
	if remedy := e.remedy(); remedy != "" {
		b.WriteString(" (" + remedy + ")")
	}
	return b.String()
}

// Unwrap returns the kinds and the cause.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return e.Kinds
	}
	return append(slices.Clip(e.Kinds), e.Cause)
}

// Kind names in a word or two how a call has failed, for the labels of figures: the text of a sentinel, such as "unavailable", "other" for an error that is
// no [*Error], and "" for nil.
func Kind(err error) string {
	if err == nil {
		return ""
	}
	if e, ok := errors.AsType[*Error](err); ok && len(e.Kinds) > 0 {
		return e.Kinds[0].Error()
	}
	return "other"
}

func (e *Error) remedy() string {
	if len(e.Kinds) == 0 {
		return ""
	}
	kind := e.Kinds[0]
	switch {
	case errors.Is(kind, ErrUnavailable):
		return "check the address and that the server is up and ready, then try again"
	case errors.Is(kind, ErrOverloaded):
		return "send less, or give the model more instances or a longer queue"
	case errors.Is(kind, ErrNotFound):
		return "compare the name and version with the repository index, or load the model"
	case errors.Is(kind, ErrDeadline):
		return "give calls more time, or find the slow stage in the model statistics"
	case errors.Is(kind, ErrTooLarge):
		return "raise the client's WithMaxMessageSize, or send fewer rows"
	case errors.Is(kind, ErrDenied):
		return "check the credentials and the server's restricted protocols"
	}
	return ""
}

// callError makes an [*Error] of what a call returned; nil, and what is one already, stays.
func callError(ctx context.Context, call, model string, err error) error {
	if err == nil {
		return nil
	}
	if e := (*Error)(nil); errors.As(err, &e) {
		return err
	}
	return &Error{Call: call, Model: model, Kinds: kinds(ctx, err), Cause: err}
}

// kinds maps a gRPC status. Triton's own codes are in src/grpc/grpc_utils.cc of triton-inference-server/server.
func kinds(ctx context.Context, err error) []error {
	switch {
	case errors.Is(err, ErrDeadline), errors.Is(err, context.DeadlineExceeded):
		return []error{ErrDeadline, context.DeadlineExceeded}
	case errors.Is(err, context.Canceled):
		return []error{context.Canceled}
	}
	for _, kind := range []error{ErrClosed, ErrInvalidArgument, ErrProtocol, ErrDenied} {
		if errors.Is(err, kind) {
			return []error{kind}
		}
	}
	s, _ := status.FromError(err)
	switch s.Code() {
	case codes.Unavailable:
		return unavailable(s.Message())
	case codes.Canceled:
		if ctx.Err() == nil {
			return []error{ErrUnavailable} // a server that shuts down cancels what it has
		}
		return []error{context.Canceled}
	case codes.DeadlineExceeded:
		return []error{ErrDeadline, context.DeadlineExceeded}
	case codes.NotFound:
		return []error{ErrNotFound}
	case codes.InvalidArgument, codes.OutOfRange, codes.FailedPrecondition, codes.AlreadyExists:
		return []error{ErrInvalidArgument}
	case codes.ResourceExhausted:
		return []error{ErrTooLarge}
	case codes.PermissionDenied, codes.Unauthenticated:
		return []error{ErrDenied}
	case codes.Unimplemented:
		return []error{errors.ErrUnsupported}
	case codes.OK, codes.Unknown, codes.Internal, codes.Aborted, codes.DataLoss:
	}
	return []error{ErrInternal}
}

// unavailable tells Triton's reasons apart, which only their words do: src/dynamic_batch_scheduler.cc and
// src/scheduler_utils.cc of triton-inference-server/core.
func unavailable(message string) []error {
	switch {
	case strings.Contains(message, "maximum queue size"):
		return []error{ErrOverloaded, ErrUnavailable}
	case strings.Contains(message, "timeout expired"):
		return []error{ErrDeadline}
	case strings.Contains(message, "unknown model"):
		return []error{ErrNotFound, ErrUnavailable}
	}
	return []error{ErrUnavailable}
}

// kindsOfText is for errors of streams that come without a code.
func kindsOfText(message string) []error {
	if found := unavailable(message); !errors.Is(found[0], ErrUnavailable) {
		return found
	}
	return []error{ErrInternal}
}
