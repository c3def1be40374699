package tritontest

import (
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"recsys/client/tritonpb"
)

// Handler is the server's HTTP endpoint, for tests that want it on a port of their own or with TLS; [Server.DialHTTP]
// reaches it without. It is of the running server and of a stopped one.
func (s *Server) Handler() http.Handler { return s.service.routes() }

func (s *service) routes() http.Handler {
	mux := http.NewServeMux()
	yes := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusOK) }
	mux.HandleFunc("GET /v2/health/live", yes)
	mux.HandleFunc("GET /v2/health/ready", yes)
	mux.HandleFunc("GET /v2", answer(s.ServerMetadata, func(*http.Request) *tritonpb.ServerMetadataRequest { return nil }))
	for _, model := range []string{"/v2/models/{name}", "/v2/models/{name}/versions/{version}"} {
		mux.HandleFunc("GET "+model, answer(s.ModelMetadata, func(r *http.Request) *tritonpb.ModelMetadataRequest {
			return &tritonpb.ModelMetadataRequest{Name: r.PathValue("name"), Version: r.PathValue("version")}
		}))
		mux.HandleFunc("GET "+model+"/ready", s.modelReady)
		mux.HandleFunc("GET "+model+"/config", s.modelConfig)
		mux.HandleFunc("GET "+model+"/stats", answer(s.ModelStatistics, func(r *http.Request) *tritonpb.ModelStatisticsRequest {
			return &tritonpb.ModelStatisticsRequest{Name: r.PathValue("name"), Version: r.PathValue("version")}
		}))
		mux.HandleFunc("POST "+model+"/infer", s.infer)
	}
	mux.HandleFunc("GET /v2/models/stats", answer(s.ModelStatistics, func(*http.Request) *tritonpb.ModelStatisticsRequest { return nil }))
	mux.HandleFunc("POST /v2/repository/index", s.index)
	mux.HandleFunc("POST /v2/repository/models/{name}/load", s.load)
	mux.HandleFunc("POST /v2/repository/models/{name}/unload", func(w http.ResponseWriter, r *http.Request) {
		_, err := s.RepositoryModelUnload(r.Context(), &tritonpb.RepositoryModelUnloadRequest{ModelName: r.PathValue("name")})
		finish(w, nil, err)
	})
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		finish(w, nil, status.Error(codes.NotFound, "Not Found"))
	})
	return unpacked(mux)
}

// answer makes a handler of a call of the gRPC service.
func answer[Q any, A proto.Message](call func(context.Context, Q) (A, error), question func(*http.Request) Q) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		got, err := call(r.Context(), question(r))
		if err != nil {
			finish(w, nil, err)
			return
		}
		data, err := plain(got)
		finish(w, data, err)
	}
}

// plain writes JSON as Triton does: by the names of the protocol's fields, and all of them.
func plain(m proto.Message) ([]byte, error) {
	return protojson.MarshalOptions{UseProtoNames: true, EmitUnpopulated: true}.Marshal(m)
}

// finish writes an answer or an error.
func finish(w http.ResponseWriter, data []byte, err error) {
	if err == nil {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(data) // to a client that may be gone
		return
	}
	data, _ = json.Marshal(map[string]string{"error": status.Convert(err).Message()}) // text
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(numberOf(status.Code(err)))
	_, _ = w.Write(data)
}

// numberOf is what Triton makes of its codes: src/http_server.cc of triton-inference-server/server.
func numberOf(code codes.Code) int {
	switch code { //nolint:exhaustive // Triton knows no more
	case codes.InvalidArgument, codes.Canceled:
		return http.StatusBadRequest
	case codes.NotFound:
		return http.StatusNotFound
	case codes.Unavailable:
		return http.StatusServiceUnavailable
	case codes.Unimplemented:
		return http.StatusNotImplemented
	case codes.AlreadyExists:
		return http.StatusConflict
	}
	return http.StatusInternalServerError
}

func (s *service) modelReady(w http.ResponseWriter, r *http.Request) {
	got, err := s.ModelReady(r.Context(), &tritonpb.ModelReadyRequest{Name: r.PathValue("name"), Version: r.PathValue("version")})
	if err == nil && !got.GetReady() {
		err = status.Error(codes.InvalidArgument, "Model version not ready")
	}
	finish(w, nil, err)
}

func (s *service) modelConfig(w http.ResponseWriter, r *http.Request) {
	got, err := s.ModelConfig(r.Context(), &tritonpb.ModelConfigRequest{Name: r.PathValue("name"), Version: r.PathValue("version")})
	if err != nil {
		finish(w, nil, err)
		return
	}
	data, err := plain(got.GetConfig())
	finish(w, data, err)
}

func (s *service) index(w http.ResponseWriter, r *http.Request) {
	var said struct {
		Ready bool `json:"ready"`
	}
	if data, err := io.ReadAll(r.Body); err != nil || len(data) > 0 && json.Unmarshal(data, &said) != nil {
		finish(w, nil, status.Error(codes.InvalidArgument, "failed to parse the request JSON buffer"))
		return
	}
	got, err := s.RepositoryIndex(r.Context(), &tritonpb.RepositoryIndexRequest{Ready: said.Ready})
	list := make([]json.RawMessage, len(got.GetModels()))
	for i, m := range got.GetModels() {
		if list[i], err = plain(m); err != nil {
			break
		}
	}
	data, broken := json.Marshal(list)
	if err == nil {
		err = broken
	}
	finish(w, data, err)
}

func (s *service) load(w http.ResponseWriter, r *http.Request) {
	var said struct {
		Parameters map[string]any `json:"parameters"`
	}
	if data, err := io.ReadAll(r.Body); err != nil || len(data) > 0 && json.Unmarshal(data, &said) != nil {
		finish(w, nil, status.Error(codes.InvalidArgument, "failed to parse the request JSON buffer"))
		return
	}
	request := &tritonpb.RepositoryModelLoadRequest{ModelName: r.PathValue("name")}
	if config, ok := said.Parameters["config"].(string); ok {
		request.Parameters = map[string]*tritonpb.ModelRepositoryParameter{
			"config": {ParameterChoice: &tritonpb.ModelRepositoryParameter_StringParam{StringParam: config}},
		}
	}
	_, err := s.RepositoryModelLoad(r.Context(), request)
	finish(w, nil, err)
}

// unpacked takes compressed bodies, and compresses for those who accept it.
func unpacked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var reader io.Reader
		var err error
		switch r.Header.Get("Content-Encoding") {
		case "gzip":
			reader, err = gzip.NewReader(r.Body)
		case "deflate":
			reader, err = zlib.NewReader(r.Body)
		default:
			reader = r.Body
		}
		if err != nil {
			finish(w, nil, status.Error(codes.InvalidArgument, err.Error()))
			return
		}
		r.Body = io.NopCloser(io.LimitReader(reader, maxMessage))
		accepted := r.Header.Get("Accept-Encoding")
		p := &packed{ResponseWriter: w}
		switch {
		case strings.Contains(accepted, "gzip"):
			w.Header().Set("Content-Encoding", "gzip")
			p.to = gzip.NewWriter(w)
		case strings.Contains(accepted, "deflate"):
			w.Header().Set("Content-Encoding", "deflate")
			p.to = zlib.NewWriter(w)
		default:
			next.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(p, r)
		_ = p.to.Close() // to a client that may be gone
	})
}

// packed compresses what is written.
type packed struct {
	http.ResponseWriter
	to io.WriteCloser
}

func (p *packed) Write(b []byte) (int, error) { return p.to.Write(b) }
