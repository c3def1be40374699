package ensemble

import "recsys/tensor"

// ConfigFile is the name of a model's configuration inside its folder.
const ConfigFile = "config.pbtxt"

// The values of Config.Platform and Config.Backend that we write and read.
const (
	PlatformEnsemble = "ensemble"
	PlatformONNX     = "onnxruntime_onnx" // the older way to say BackendONNX
	BackendONNX      = "onnxruntime"
)

// DefaultModelFile is the model's file name in a version folder when a configuration names none.
const DefaultModelFile = "model.onnx"

// Config is the part of Triton's ModelConfig message that we write and read. It is plain data, safe for
// concurrent readers. The zero value of a field means that it is not written and Triton's default holds.
type Config struct {
	// Name is the model's name: that of its folder.
	Name string
	// Platform is PlatformEnsemble for ensembles; stages say Backend instead.
	Platform string
	Backend  string
	// DefaultModelFilename replaces DefaultModelFile.
	DefaultModelFilename string
	// MaxBatchSize bounds the leading axis, which Dims leave out; 0 says that Dims are the whole shape.
	MaxBatchSize  int
	VersionPolicy VersionPolicy
	Inputs        []TensorConfig
	Outputs       []TensorConfig
	// Steps are the parts of an ensemble; empty for other models.
	Steps           []Step
	DynamicBatching *DynamicBatching
	InstanceGroups  []InstanceGroup
	Optimization    *Optimization
	// Parameters hold the backend's settings; written in ascending order of key.
	Parameters map[string]string
	Warmup     []Warmup
	// ResponseCache switches on the cache of whole answers; the server has to offer one.
	ResponseCache bool
	// MetricTags become labels of the model's metrics; written in ascending order of key.
	MetricTags map[string]string
	// Decoupled is for models that answer a request several times; none of ours does.
	Decoupled bool
}

// IsEnsemble reports whether the model is a composition of others.
func (c *Config) IsEnsemble() bool { return c.Platform == PlatformEnsemble }

// ModelFile returns the model's file name in a version folder.
func (c *Config) ModelFile() string {
	if c.DefaultModelFilename != "" {
		return c.DefaultModelFilename
	}
	return DefaultModelFile
}

// VersionPolicy says which version folders are served. The zero value serves the latest one.
type VersionPolicy struct {
	Latest   int     // this many of the highest numbers
	All      bool    // every one
	Specific []int64 // these; numbers without a folder are passed over
}

// TensorConfig describes an input or output.
type TensorConfig struct {
	Name  string
	DType tensor.DType
	// Dims is the shape that clients send and get, without the batch axis if MaxBatchSize is not 0. It has at
	// least one entry; -1 is free.
	Dims []int64
	// Reshape is the shape that the model itself has instead of Dims; nil for the same.
	Reshape *Reshape
}

// Reshape holds a shape without the batch axis; unlike Dims it may be empty.
type Reshape struct{ Shape []int64 }

// ModelDims returns the shape that the model itself has, without the batch axis.
func (t TensorConfig) ModelDims() []int64 {
	if t.Reshape != nil {
		return t.Reshape.Shape
	}
	return t.Dims
}

// Step is one model of an ensemble.
type Step struct {
	Model string
	// Version is the pinned version; -1 takes the latest one at each request.
	Version int64
	// Inputs map the model's inputs, and Outputs its outputs, to tensors of the ensemble.
	Inputs  []Mapping
	Outputs []Mapping
}

// Mapping joins a tensor of a step's model with a tensor of the ensemble.
type Mapping struct{ Model, Ensemble string }

// DynamicBatching joins requests into batches. The zero value joins those that wait, without a delay.
type DynamicBatching struct {
	PreferredBatchSizes        []int64
	MaxQueueDelayMicroseconds  int64
	PreserveOrdering           bool
	PriorityLevels             int64
	DefaultPriorityLevel       int64
	DefaultTimeoutMicroseconds int64 // of the default queue policy
	AllowTimeoutOverride       bool
	MaxQueueSize               int64
}

// InstanceGroup says how many copies of a model run, and where.
type InstanceGroup struct {
	Name  string
	Kind  string // KIND_AUTO, KIND_CPU, KIND_GPU or KIND_MODEL
	Count int
	GPUs  []int64
}

// Optimization are settings for the backend's optimiser.
type Optimization struct {
	// GraphLevel: 0 optimises most (ONNX Runtime's ENABLE_ALL), 1 less, -1 less again, 2 not at all.
	GraphLevel      *int
	GPUAccelerators []Accelerator
	CPUAccelerators []Accelerator
}

// Accelerator is an execution provider with its parameters, written in ascending order of key.
type Accelerator struct {
	Name       string
	Parameters map[string]string
}

// Warmup is a request that a model answers before it is ready.
type Warmup struct {
	Name      string
	BatchSize int
	Count     int
	Inputs    []WarmupInput
}

// WarmupInput is one tensor of a warm-up; exactly one of Zero, Random and File is set. Random is not for ids:
// a value beyond a table refuses the load or ends the server.
type WarmupInput struct {
	Name   string
	DType  tensor.DType
	Dims   []int64 // without the batch axis
	Zero   bool
	Random bool
	File   string
}
