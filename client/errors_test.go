package client_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"recsys/client"
	"recsys/client/tritontest"
	"recsys/tensor"
)

func TestErrorsCanBeToldApart(t *testing.T) {
	sentinels := []error{
		client.ErrUnavailable, client.ErrOverloaded, client.ErrNotFound, client.ErrInvalidArgument, client.ErrDeadline,
		client.ErrTooLarge, client.ErrDenied, client.ErrInternal, client.ErrProtocol, client.ErrClosed,
		errors.ErrUnsupported, context.Canceled, context.DeadlineExceeded,
	}
	tests := []struct {
		name string
		err  error // the server's
		want []error
		text string
	}{
		{
			"unavailable", status.Error(codes.Unavailable, "Server is stopping"),
			[]error{client.ErrUnavailable},
			`infer "m": unavailable: Server is stopping (check the address`,
		},
		{
			"queue full", status.Error(codes.Unavailable, "Exceeds maximum queue size"),
			[]error{client.ErrOverloaded, client.ErrUnavailable},
			`infer "m": overloaded: Exceeds maximum queue size (send less`,
		},
		{
			"queue timeout", status.Error(codes.Unavailable, "Request timeout expired"),
			[]error{client.ErrDeadline},
			`infer "m": deadline exceeded: Request timeout expired (give calls more time`,
		},
		{
			"unknown version", status.Error(codes.NotFound, "no version 9"),
			[]error{client.ErrNotFound},
			`infer "m": not found: no version 9 (compare the name`,
		},
		{
			"unknown model, as older servers say it", status.Error(codes.Unavailable, "Request for unknown model: 'm'"),
			[]error{client.ErrNotFound, client.ErrUnavailable},
			`infer "m": not found: Request for unknown`,
		},
		{
			"invalid argument", status.Error(codes.InvalidArgument, "unexpected shape"),
			[]error{client.ErrInvalidArgument},
			`infer "m": invalid argument: unexpected shape`,
		},
		{"cancelled by the server", status.Error(codes.Canceled, "shutting down"), []error{client.ErrUnavailable}, `infer "m": unavailable: shutting down`},
		{
			"deadline", status.Error(codes.DeadlineExceeded, "late"),
			[]error{client.ErrDeadline, context.DeadlineExceeded},
			`infer "m": deadline exceeded: late`,
		},
		{"too large", status.Error(codes.ResourceExhausted, "9 vs. 4"), []error{client.ErrTooLarge}, `infer "m": message too large: 9 vs. 4 (raise`},
		{"denied", status.Error(codes.Unauthenticated, "who"), []error{client.ErrDenied}, `infer "m": denied: who (check the credentials`},
		{"unsupported", status.Error(codes.Unimplemented, "no"), []error{errors.ErrUnsupported}, `infer "m": unsupported operation: no`},
		{"internal", status.Error(codes.Internal, "onnx runtime error"), []error{client.ErrInternal}, `infer "m": internal error: onnx runtime error`},
		{"unknown", status.Error(codes.Unknown, "?"), []error{client.ErrInternal}, `infer "m": internal error: ?`},
	}
	server := tritontest.Start(t, tritontest.Model{Name: "m"})
	c := server.Client(t, once())
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server.Inject("m", tritontest.Fault{Times: 1, Err: tt.err})
			_, _, err := c.Infer(t.Context(), "m", scalar(), []string{"x"})
			for _, sentinel := range sentinels {
				want := false
				for _, w := range tt.want {
					want = want || errors.Is(sentinel, w)
				}
				if got := errors.Is(err, sentinel); got != want {
					t.Errorf("error %v: is %q: got %v, want %v", err, sentinel, got, want)
				}
			}
			if err == nil || !strings.HasPrefix(err.Error(), tt.text) {
				t.Errorf("got error %v, want %s...", err, tt.text)
			}
			if got, want := status.Code(err), status.Code(tt.err); got != want {
				t.Errorf("got gRPC code %v, want %v", got, want)
			}
			var typed *client.Error
			if !errors.As(err, &typed) || typed.Call != "infer" || typed.Model != "m" {
				t.Errorf("got %#v, want an *Error about infer and m", err)
			}
		})
	}
}

func TestNoServerIsUnavailable(t *testing.T) {
	server := tritontest.Start(t, tritontest.Model{Name: "m"})
	server.Stop()
	_, _, err := server.Client(t).Infer(t.Context(), "m", scalar(), []string{"x"})
	if !errors.Is(err, client.ErrUnavailable) {
		t.Errorf("got error %v, want one that is ErrUnavailable", err)
	}
}

func TestMessageLimit(t *testing.T) {
	server := tritontest.Start(t, tritontest.Model{Name: "m"})
	large := tensor.Map{"x": tensor.Zeros(tensor.Float32, 2, 1024, 1024)} // 8 MiB, above grpc-go's own 4 MiB
	if _, _, err := server.Client(t).Infer(t.Context(), "m", large, []string{"x"}); err != nil {
		t.Errorf("8 MiB with the default limit: %v", err)
	}
	small := server.Client(t, client.WithMaxMessageSize(1<<20))
	_, _, err := small.Infer(t.Context(), "m", large, []string{"x"})
	if !errors.Is(err, client.ErrTooLarge) {
		t.Errorf("8 MiB with a limit of 1 MiB: got error %v, want one that is ErrTooLarge", err)
	}
}

func TestNewRefusesBadSettings(t *testing.T) {
	tests := []struct {
		name   string
		target string
		option client.Option
		want   string
	}{
		{"target", "", nil, "the target is empty"},
		{"message size", "localhost:1", client.WithMaxMessageSize(0), "maximum message size 0"},
		{"timeout", "localhost:1", client.WithTimeout(0), "timeout 0s: must be above 5ms"},
		{"connections", "localhost:1", client.WithConnections(0), "0 connections"},
		{"logger", "localhost:1", client.WithLogger(nil), "the logger is nil"},
		{"empty address", "localhost:1,", nil, "has an empty address"},
		{"address twice", "localhost:1,localhost:1", nil, "has address localhost:1 twice"},
		{"name without port", "dns:///triton", nil, "give dns:///NAME:PORT"},
		{"in flight", "localhost:1", client.WithMaxInFlight(-1), "-1 inferences in flight"},
		{"discovery", "triton", client.WithDiscovery(nil, 0), "discovery each 0s"},
		{"retry", "localhost:1", client.WithRetry(client.Retry{Budget: 2}), "the budget must be in [0,1]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var options []client.Option
			if tt.option != nil {
				options = append(options, tt.option)
			}
			if _, err := client.New(t.Context(), tt.target, options...); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := client.New(ctx, "localhost:1"); !errors.Is(err, context.Canceled) {
		t.Errorf("with a cancelled context: got error %v", err)
	}
}

func TestKind(t *testing.T) {
	for want, err := range map[string]error{
		"": nil, "other": errors.New("x"), "not found": fmt.Errorf("call: %w", &client.Error{Kinds: []error{client.ErrNotFound}}),
		"overloaded": &client.Error{Kinds: []error{client.ErrOverloaded, client.ErrUnavailable}},
	} {
		if got := client.Kind(err); got != want {
			t.Errorf("%v is of kind %q, want %q", err, got, want)
		}
	}
}
