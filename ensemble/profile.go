package ensemble

import (
	"fmt"
	"slices"

	"recsys/graph"
	"recsys/tensor"
)

// Profile says for which machines an export is configured: it gives each model its [Settings] to begin with.
type Profile string

// The profiles. The empty Profile means Auto.
const (
	// ProfileAuto takes a GPU where the server has one, else the CPU: KIND_AUTO.
	ProfileAuto Profile = "auto"
	// ProfileCPU never takes a GPU: KIND_CPU.
	ProfileCPU Profile = "cpu"
	// ProfileGPU puts what only CPUs do, such as looking up vocabularies, on the CPU and the rest on GPUs: a server without one
	// does not load it.
	ProfileGPU Profile = "gpu"
	// ProfileTensorRT is ProfileGPU with the dense parts of the models on GPUs cut out and run by TensorRT.
	ProfileTensorRT Profile = "gpu-tensorrt"
)

// Profiles lists every profile.
func Profiles() []Profile { return []Profile{ProfileAuto, ProfileCPU, ProfileGPU, ProfileTensorRT} }

// largeWeights is the size in bytes from which on a model's weights stay out of the arena, which grows in powers of two.
const largeWeights = 64 << 20

// settings are what the profile gives a model.
func (p Profile) settings(s Stage, ensemble string) (Settings, error) {
	out := Settings{
		DynamicBatching: &DynamicBatching{},
		InstanceGroup:   InstanceGroup{Count: 1},
		// More threads fight with those of the other stages: 2.4 times slower with 2 each.
		Parameters: map[string]string{"intra_op_thread_count": "1", "inter_op_thread_count": "1"},
		Warmup:     true,
		MetricTags: map[string]string{"ensemble": ensemble, "stage": s.Name},
	}
	switch p {
	case ProfileAuto, "":
		out.InstanceGroup.Kind = kindAuto
	case ProfileCPU:
		out.InstanceGroup.Kind = kindCPU
	case ProfileGPU, ProfileTensorRT:
		out.InstanceGroup.Kind = kindGPU
		if cpuWork(s.Graph) {
			out.InstanceGroup.Kind = kindCPU
		}
	default:
		return out, fmt.Errorf("profile %q: want auto, cpu, gpu or gpu-tensorrt", p)
	}
	if out.InstanceGroup.Kind != kindCPU {
		// TF32 keeps 10 bits of a factor: answers would be 1e-3 off those of a CPU.
		out.GPUAccelerators = []Accelerator{{Name: acceleratorCUDA, Parameters: map[string]string{"use_tf32": "0"}}}
	}
	if p == ProfileTensorRT && s.dense {
		out.GPUAccelerators = append([]Accelerator{{Name: acceleratorTensorRT}}, out.GPUAccelerators...)
	}
	if weights(s.Graph) >= largeWeights {
		out.Parameters["session.use_device_allocator_for_initializers"] = "1"
	}
	return out, nil
}

// cpuWork reports whether a model's work is that of a CPU: it looks up vocabularies, hashes or handles strings, which ONNX Runtime does
// on CPUs alone, and does not rank, which is worth a GPU in spite of them.
func cpuWork(graphs ...*graph.Graph) bool {
	found := false
	for _, g := range graphs {
		for _, n := range g.Nodes {
			if n.Op.Type == "TopK" {
				return false
			}
			found = found || n.Op.Domain != "" // all of them are such
		}
		found = found || slices.ContainsFunc(g.Inputs, isText) ||
			slices.ContainsFunc(g.Outputs, func(o graph.Output) bool { return isText(o.Value) })
	}
	return found
}

func isText(v *graph.Value) bool { return v.DType() == tensor.String }
