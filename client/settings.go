package client

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"recsys/client/tritonpb"
)

// TraceSettings reads the settings of a server's traces, for one model or, if that is empty, for all; one of several
// servers answers. Names and values are Triton's: "trace_level" ["TIMESTAMPS"], "trace_rate" ["1000"].
func (c *Client) TraceSettings(ctx context.Context, model string) (map[string][]string, error) {
	r, err := query(ctx, c, "trace settings", model, &tritonpb.TraceSettingRequest{ModelName: model}, stub.TraceSetting)
	settings := make(map[string][]string, len(r.GetSettings()))
	for name, v := range r.GetSettings() {
		settings[name] = v.GetValue()
	}
	return settings, err
}

// SetTraceSettings changes settings on every replica, for one model or all; no values take a setting back to the one of
// all models, or to the server's start. Settings that are not named stay.
func (c *Client) SetTraceSettings(ctx context.Context, model string, settings map[string][]string) error {
	request := &tritonpb.TraceSettingRequest{ModelName: model, Settings: make(map[string]*tritonpb.TraceSettingRequest_SettingValue, len(settings))}
	for name, values := range settings {
		request.Settings[name] = &tritonpb.TraceSettingRequest_SettingValue{Value: values}
	}
	return everywhere(ctx, c, "set trace settings", request, stub.TraceSetting)
}

// LogSettings reads the settings of a server's log, each a bool, a uint32 or a string: "log_verbose_level" uint32(0),
// "log_info" true. One of several servers answers.
func (c *Client) LogSettings(ctx context.Context) (map[string]any, error) {
	r, err := query(ctx, c, "log settings", "", &tritonpb.LogSettingsRequest{}, stub.LogSettings)
	settings := make(map[string]any, len(r.GetSettings()))
	for name, v := range r.GetSettings() {
		switch p := v.GetParameterChoice().(type) {
		case *tritonpb.LogSettingsResponse_SettingValue_BoolParam:
			settings[name] = p.BoolParam
		case *tritonpb.LogSettingsResponse_SettingValue_Uint32Param:
			settings[name] = p.Uint32Param
		case *tritonpb.LogSettingsResponse_SettingValue_StringParam:
			settings[name] = p.StringParam
		}
	}
	return settings, err
}

// SetLogSettings changes settings on every replica, each a bool, a uint32 or a string. Those that are not named stay.
func (c *Client) SetLogSettings(ctx context.Context, settings map[string]any) error {
	const call = "set log settings"
	request := &tritonpb.LogSettingsRequest{Settings: make(map[string]*tritonpb.LogSettingsRequest_SettingValue, len(settings))}
	for name, value := range settings {
		v := &tritonpb.LogSettingsRequest_SettingValue{}
		switch p := value.(type) {
		case bool:
			v.ParameterChoice = &tritonpb.LogSettingsRequest_SettingValue_BoolParam{BoolParam: p}
		case uint32:
			v.ParameterChoice = &tritonpb.LogSettingsRequest_SettingValue_Uint32Param{Uint32Param: p}
		case string:
			v.ParameterChoice = &tritonpb.LogSettingsRequest_SettingValue_StringParam{StringParam: p}
		default:
			return callError(ctx, call, "", fmt.Errorf("%w: setting %q is a %T: make it a bool, uint32 or string", ErrInvalidArgument, name, value))
		}
		request.Settings[name] = v
	}
	return everywhere(ctx, c, call, request, stub.LogSettings)
}

// sorted returns the keys in ascending order, and allocates nothing for none.
func sorted[V any](m map[string]V) []string {
	if len(m) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(m))
}
