package ensemble

import (
	"fmt"
	"maps"
)

// Profile says for which machines an export is configured.
type Profile string

// The profiles. The empty Profile means Auto.
const (
	ProfileAuto Profile = "auto" // a GPU where the server has one, else the CPU
	ProfileCPU  Profile = "cpu"
	ProfileGPU  Profile = "gpu"
)

func (p Profile) kind() (string, error) {
	switch p {
	case ProfileAuto, "":
		return "KIND_AUTO", nil
	case ProfileCPU:
		return "KIND_CPU", nil
	case ProfileGPU:
		return "KIND_GPU", nil
	}
	return "", fmt.Errorf("profile %q: want auto, cpu or gpu", p)
}

// stageConfig is the configuration of one model for all its versions.
func stageConfig(name string, s Stage, maxBatch int, profile Profile) (*Config, error) {
	kind, err := profile.kind()
	if err != nil {
		return nil, err
	}
	inputs, outputs, err := interfaceOf(s.Graph)
	if err != nil {
		return nil, err
	}
	level := 0 // ONNX Runtime's ENABLE_ALL
	c := &Config{
		Name: name, Backend: BackendONNX, MaxBatchSize: maxBatch, Inputs: inputs, Outputs: outputs,
		DynamicBatching: s.Settings.Batching,
		InstanceGroups:  []InstanceGroup{{Count: max(1, s.Settings.Instances), Kind: kind}},
		Optimization:    &Optimization{GraphLevel: &level, GPUAccelerators: s.Settings.Accelerators},
		// More threads fight with those of the other stages: 2.4 times slower with 2 each.
		Parameters: map[string]string{"intra_op_thread_count": "1"},
		Warmup:     warmups(inputs, maxBatch),
	}
	if c.DynamicBatching == nil {
		c.DynamicBatching = &DynamicBatching{}
	}
	maps.Copy(c.Parameters, s.Settings.Parameters)
	return c, nil
}

// warmups are requests of zeros for one user and for a full batch: ids 0 are padding, which every table has. Random ids
// would be beyond a table and end the server.
func warmups(inputs []TensorConfig, maxBatch int) []Warmup {
	zeros := make([]WarmupInput, len(inputs))
	for i, in := range inputs {
		zeros[i] = WarmupInput{Name: in.Name, DType: in.DType, Dims: in.Dims, Zero: true}
	}
	list := []Warmup{{Name: "zero_1", BatchSize: 1, Count: 1, Inputs: zeros}}
	if maxBatch > 1 {
		list = append(list, Warmup{Name: fmt.Sprintf("zero_%d", maxBatch), BatchSize: maxBatch, Count: 1, Inputs: zeros})
	}
	return list
}

// StageConfig describes a stage as a model of its own, with the default batch size and profile: what conformance tests go by.
func StageConfig(s Stage) (*Config, error) {
	return stageConfig(s.Name, s, DefaultMaxBatch, ProfileAuto)
}
