package server

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"recsys/client/tritonpb"
)

// findRepository takes index and models/NAME/{load,unload}.
func (s *Server) findRepository(parts []string) http.HandlerFunc {
	switch {
	case len(parts) == 1 && parts[0] == "index":
		return s.httpIndex
	case len(parts) == 3 && parts[0] == "models" && parts[2] == "load":
		return func(w http.ResponseWriter, r *http.Request) { s.httpControl(w, r, parts[1], s.httpLoad) }
	case len(parts) == 3 && parts[0] == "models" && parts[2] == "unload":
		return func(w http.ResponseWriter, r *http.Request) { s.httpControl(w, r, parts[1], s.httpUnload) }
	}
	return nil
}

// httpIndex lists the models; what is empty is left out there.
func (s *Server) httpIndex(w http.ResponseWriter, r *http.Request) {
	all, err := s.object(r)
	if err != nil {
		failStatus(w, err)
		return
	}
	ready := false
	if raw, ok := all["ready"]; ok {
		if ready, ok = asBool(raw); !ok {
			failStatus(w, status.Error(codes.Internal, notBool))
			return
		}
	}
	a, err := s.RepositoryIndex(r.Context(), &tritonpb.RepositoryIndexRequest{Ready: ready})
	if err != nil {
		failStatus(w, err)
		return
	}
	b := []byte{'['}
	for i, m := range a.GetModels() {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(append(b, `{"name":`...), m.GetName())
		for _, x := range [][2]string{{"version", m.GetVersion()}, {"state", m.GetState()}, {"reason", m.GetReason()}} {
			if x[1] != "" {
				b = appendString(appendKey(b, x[0]), x[1])
			}
		}
		b = append(b, '}')
	}
	reply(w, append(b, ']'))
}

// httpControl reads the parameters of a load or an unload and answers without a body.
func (s *Server) httpControl(w http.ResponseWriter, r *http.Request, model string, do func(*http.Request, string, map[string]json.RawMessage) error) {
	err := s.controlled()
	if err == nil {
		var all, parameters map[string]json.RawMessage
		if all, err = s.object(r); err == nil {
			if raw, ok := all["parameters"]; ok {
				if parameters, ok = asObject(raw); !ok {
					err = status.Error(codes.Internal, "attempt to get members for non-object")
				}
			}
		}
		if err == nil {
			err = do(r, model, parameters)
		}
	}
	if err != nil {
		failStatus(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
}

func (s *Server) httpLoad(r *http.Request, model string, parameters map[string]json.RawMessage) error {
	q := &tritonpb.RepositoryModelLoadRequest{ModelName: model, Parameters: map[string]*tritonpb.ModelRepositoryParameter{}}
	for key, raw := range parameters {
		isFile := strings.HasPrefix(key, filePrefix)
		if key != "config" && !isFile {
			return status.Errorf(codes.Internal, "unrecognized load parameter '%s'", key)
		}
		text, ok := asString(raw)
		if !ok {
			return status.Error(codes.Internal, notString)
		}
		p := &tritonpb.ModelRepositoryParameter{ParameterChoice: &tritonpb.ModelRepositoryParameter_StringParam{StringParam: text}}
		if isFile {
			data, err := base64.StdEncoding.DecodeString(text)
			if err != nil {
				return status.Errorf(codes.InvalidArgument, "load parameter '%s' is no base64: %v", key, err)
			}
			p.ParameterChoice = &tritonpb.ModelRepositoryParameter_BytesParam{BytesParam: data}
		}
		q.Parameters[key] = p
	}
	_, err := s.RepositoryModelLoad(r.Context(), q)
	return err
}

func (s *Server) httpUnload(r *http.Request, model string, parameters map[string]json.RawMessage) error {
	dependents := false
	if raw, ok := parameters["unload_dependents"]; ok {
		if dependents, ok = asBool(raw); !ok {
			return status.Error(codes.Internal, notBool)
		}
	}
	_, err := s.RepositoryModelUnload(r.Context(), &tritonpb.RepositoryModelUnloadRequest{
		ModelName: model, Parameters: map[string]*tritonpb.ModelRepositoryParameter{
			"unload_dependents": {ParameterChoice: &tritonpb.ModelRepositoryParameter_BoolParam{BoolParam: dependents}},
		},
	})
	return err
}
