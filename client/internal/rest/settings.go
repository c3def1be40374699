package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"strconv"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"recsys/client/tritonpb"
)

// trace reads settings, and changes those that are given.
func (c *Conn) trace(ctx context.Context, q *tritonpb.TraceSettingRequest, reply *tritonpb.TraceSettingResponse) error {
	path := "trace/setting"
	if q.GetModelName() != "" {
		path = model(q.GetModelName(), "", path)
	}
	changes := make(map[string]any, len(q.GetSettings()))
	for name, value := range q.GetSettings() {
		switch list := value.GetValue(); {
		case len(list) == 0:
			changes[name] = nil // takes the default again
		case name == "trace_level":
			changes[name] = list
		default:
			changes[name] = list[0]
		}
	}
	values, err := c.settle(ctx, path, changes)
	if err != nil {
		return err
	}
	reply.Settings = make(map[string]*tritonpb.TraceSettingResponse_SettingValue, len(values))
	for name, value := range values {
		setting := &tritonpb.TraceSettingResponse_SettingValue{}
		list, ok := value.([]any)
		if !ok {
			list = []any{value}
		}
		for _, v := range list {
			setting.Value = append(setting.Value, fmt.Sprint(v))
		}
		reply.Settings[name] = setting
	}
	return nil
}

// logging reads settings, and changes those that are given.
func (c *Conn) logging(ctx context.Context, q *tritonpb.LogSettingsRequest, reply *tritonpb.LogSettingsResponse) error {
	changes := make(map[string]any, len(q.GetSettings()))
	for name, value := range q.GetSettings() {
		switch v := value.GetParameterChoice().(type) {
		case *tritonpb.LogSettingsRequest_SettingValue_BoolParam:
			changes[name] = v.BoolParam
		case *tritonpb.LogSettingsRequest_SettingValue_Uint32Param:
			changes[name] = v.Uint32Param
		case *tritonpb.LogSettingsRequest_SettingValue_StringParam:
			changes[name] = v.StringParam
		}
	}
	values, err := c.settle(ctx, "logging", changes)
	if err != nil {
		return err
	}
	reply.Settings = make(map[string]*tritonpb.LogSettingsResponse_SettingValue, len(values))
	for name, value := range values {
		setting := &tritonpb.LogSettingsResponse_SettingValue{}
		switch v := value.(type) {
		case bool:
			setting.ParameterChoice = &tritonpb.LogSettingsResponse_SettingValue_BoolParam{BoolParam: v}
		case json.Number:
			n, err := strconv.ParseUint(string(v), 10, 32)
			if err != nil || n > math.MaxUint32 {
				return status.Errorf(codes.Internal, "read answer: setting %q is %s", name, v)
			}
			setting.ParameterChoice = &tritonpb.LogSettingsResponse_SettingValue_Uint32Param{Uint32Param: uint32(n)}
		case string:
			setting.ParameterChoice = &tritonpb.LogSettingsResponse_SettingValue_StringParam{StringParam: v}
		default:
			return status.Errorf(codes.Internal, "read answer: setting %q is %v", name, v)
		}
		reply.Settings[name] = setting
	}
	return nil
}

// settle makes changes, if there are any, and returns all settings.
func (c *Conn) settle(ctx context.Context, path string, changes map[string]any) (map[string]any, error) {
	method, what := http.MethodGet, any(nil)
	if len(changes) > 0 {
		method, what = http.MethodPost, changes
	}
	data, err := c.fetch(ctx, method, path, what)
	if err != nil {
		return nil, err
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var values map[string]any
	if err := decoder.Decode(&values); err != nil {
		return nil, status.Errorf(codes.Internal, "read answer: %v", err)
	}
	return values, nil
}
