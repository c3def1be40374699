package client_test

import (
	"errors"
	"testing"

	"recsys/client"
	"recsys/client/tritonpb"
)

func TestParseModelConfig(t *testing.T) {
	c, err := client.ParseModelConfig([]byte(`
		name: "m" max_batch_size: 8
		input { name: "x" data_type: TYPE_FP32 dims: [ 2, -1 ] }
		instance_group [ { count: 3 kind: KIND_CPU } ]
		dynamic_batching { }
		parameters { key: "intra_op_thread_count" value { string_value: "1" } }`))
	if err != nil {
		t.Fatal(err)
	}
	if c.GetMaxBatchSize() != 8 || c.GetInput()[0].GetDims()[1] != -1 || c.GetInput()[0].GetDataType() != tritonpb.DataType_TYPE_FP32 ||
		c.GetInstanceGroup()[0].GetCount() != 3 || c.GetDynamicBatching() == nil ||
		c.GetParameters()["intra_op_thread_count"].GetStringValue() != "1" {
		t.Errorf("the configuration reads as %v", c)
	}
	if _, err := client.ParseModelConfig([]byte(`max_batchsize: 8`)); !errors.Is(err, client.ErrInvalidArgument) {
		t.Errorf("a misspelled field gives %v", err)
	}
}
