package rest

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"recsys/client/internal/message"
	"recsys/client/tritonpb"
)

// Invoke makes a call of the gRPC service.
func (c *Conn) Invoke(ctx context.Context, method string, request, reply any, _ ...grpc.CallOption) error {
	switch q := request.(type) {
	case *message.Request:
		return c.infer(ctx, q, reply.(*message.Response))
	case *tritonpb.ServerLiveRequest:
		return c.ask(ctx, "health/live", &reply.(*tritonpb.ServerLiveResponse).Live)
	case *tritonpb.ServerReadyRequest:
		return c.ask(ctx, "health/ready", &reply.(*tritonpb.ServerReadyResponse).Ready)
	case *tritonpb.ModelReadyRequest:
		return c.ask(ctx, model(q.GetName(), q.GetVersion(), "ready"), &reply.(*tritonpb.ModelReadyResponse).Ready)
	case *tritonpb.ServerMetadataRequest:
		return c.get(ctx, "", reply.(proto.Message), "")
	case *tritonpb.ModelMetadataRequest:
		return c.get(ctx, model(q.GetName(), q.GetVersion()), reply.(proto.Message), "")
	case *tritonpb.ModelConfigRequest:
		return c.get(ctx, model(q.GetName(), q.GetVersion(), "config"), reply.(proto.Message), "config")
	case *tritonpb.ModelStatisticsRequest:
		path := "models/stats"
		if q.GetName() != "" {
			path = model(q.GetName(), q.GetVersion(), "stats")
		}
		return c.get(ctx, path, reply.(proto.Message), "")
	case *tritonpb.RepositoryIndexRequest:
		return c.post(ctx, "repository/index", map[string]any{"ready": q.GetReady()}, reply.(proto.Message), "models")
	case *tritonpb.RepositoryModelLoadRequest:
		return c.post(ctx, repository(q.GetModelName(), "load"), repositoryParameters(q.GetParameters()), nil, "")
	case *tritonpb.RepositoryModelUnloadRequest:
		return c.post(ctx, repository(q.GetModelName(), "unload"), repositoryParameters(q.GetParameters()), nil, "")
	case *tritonpb.TraceSettingRequest:
		return c.trace(ctx, q, reply.(*tritonpb.TraceSettingResponse))
	case *tritonpb.LogSettingsRequest:
		return c.logging(ctx, q, reply.(*tritonpb.LogSettingsResponse))
	}
	if shared, ok := reply.(proto.Message); ok {
		if done, err := c.sharedMemory(ctx, request, shared); done {
			return err
		}
	}
	return status.Errorf(codes.Unimplemented, "the HTTP endpoint has no %s", method)
}

func repository(name, verb string) string {
	return "repository/models/" + url.PathEscape(name) + "/" + verb
}

// repositoryParameters has files in base 64.
func repositoryParameters(given map[string]*tritonpb.ModelRepositoryParameter) map[string]any {
	out := make(map[string]any, len(given))
	for name, p := range given {
		switch v := p.GetParameterChoice().(type) {
		case *tritonpb.ModelRepositoryParameter_BoolParam:
			out[name] = v.BoolParam
		case *tritonpb.ModelRepositoryParameter_Int64Param:
			out[name] = v.Int64Param
		case *tritonpb.ModelRepositoryParameter_StringParam:
			out[name] = v.StringParam
		case *tritonpb.ModelRepositoryParameter_BytesParam:
			out[name] = base64.StdEncoding.EncodeToString(v.BytesParam)
		}
	}
	return map[string]any{"parameters": out}
}

// ask is for questions whose answer is the status code: Triton says no by 400, others by 503.
func (c *Conn) ask(ctx context.Context, path string, yes *bool) error {
	a, err := c.send(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	defer a.close()
	switch a.response.StatusCode {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusServiceUnavailable:
		_, err := a.rest() // so that the connection can be used again
		return err
	}
	*yes = a.response.StatusCode == http.StatusOK
	return a.failure()
}

// get reads the answer to a question, as the field of reply if one is named.
func (c *Conn) get(ctx context.Context, path string, reply proto.Message, field string) error {
	data, err := c.fetch(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	return read(data, reply, field)
}

// post is get with JSON that is sent; a nil reply takes no answer.
func (c *Conn) post(ctx context.Context, path string, what any, reply proto.Message, field string) error {
	data, err := c.fetch(ctx, http.MethodPost, path, what)
	if err != nil || reply == nil {
		return err
	}
	return read(data, reply, field)
}

// fetch returns the JSON of an answer.
func (c *Conn) fetch(ctx context.Context, method, path string, what any) ([]byte, error) {
	var b *body
	if what != nil {
		header, err := json.Marshal(what)
		if err != nil {
			return nil, status.Errorf(codes.InvalidArgument, "write request: %v", err)
		}
		b = &body{header: header}
	}
	a, err := c.send(ctx, method, path, b)
	if err != nil {
		return nil, err
	}
	defer a.close()
	if err := a.failure(); err != nil {
		return nil, err
	}
	return a.rest()
}

// read reads JSON with the names of the protobuf message's fields.
func read(data []byte, reply proto.Message, field string) error {
	if field != "" {
		wrapped, err := json.Marshal(map[string]json.RawMessage{field: data})
		if err != nil {
			return status.Errorf(codes.Internal, "read answer: %v", err)
		}
		data = wrapped
	}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(data, reply); err != nil {
		return status.Errorf(codes.Internal, "read answer: %v", err)
	}
	return nil
}
