package client

import (
	"fmt"

	"google.golang.org/protobuf/encoding/prototext"

	"recsys/client/tritonpb"
)

// ParseModelConfig reads the text of a config.pbtxt, such as for [LoadOptions]. Fields that Triton does not know are an error.
func ParseModelConfig(text []byte) (*tritonpb.ModelConfig, error) {
	m := &tritonpb.ModelConfig{}
	if err := prototext.Unmarshal(text, m); err != nil {
		return nil, fmt.Errorf("%w: model configuration: %w", ErrInvalidArgument, err)
	}
	return m, nil
}
