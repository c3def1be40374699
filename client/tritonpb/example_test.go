package tritonpb_test

import (
	"fmt"

	"google.golang.org/protobuf/encoding/prototext"

	"recsys/client/tritonpb"
)

func ExampleModelConfig() {
	const text = `
name: "rank"
backend: "onnxruntime"
max_batch_size: 64
input { name: "user" data_type: TYPE_FP32 dims: 64 }
output { name: "like" data_type: TYPE_FP32 dims: -1 }
`
	var config tritonpb.ModelConfig
	if err := prototext.Unmarshal([]byte(text), &config); err != nil {
		fmt.Println(err)
		return
	}
	for _, input := range config.GetInput() {
		fmt.Println(config.GetName(), input.GetName(), input.GetDataType(), input.GetDims())
	}
	// Output: rank user TYPE_FP32 [64]
}
