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

// Config is the part of Triton's ModelConfig message that we write and act on. It is plain data, safe for
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
	// Unread are the paths of what the text that was read says and no field here holds, such as "input.optional" and "sequence_batching",
	// ascending. Marshal leaves it out.
	Unread []string
	// Agents work on the model's folder before it is loaded, in order: one that is named checksum compares files with sums.
	Agents []Agent
}

// Agent is a repository agent with its parameters, written in ascending order of key.
type Agent struct {
	Name       string
	Parameters map[string]string
}

// IsEnsemble reports whether the model is a composition of others.
func (c *Config) IsEnsemble() bool { return c.Platform == PlatformEnsemble }

// IsONNX reports whether ONNX Runtime runs the model.
func (c *Config) IsONNX() bool { return c.Backend == BackendONNX || c.Platform == PlatformONNX }

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
	PreferredBatchSizes       []int64 `json:"preferred_batch_size"`
	MaxQueueDelayMicroseconds int64   `json:"max_queue_delay_microseconds"`
	// PreserveOrdering gives answers in the order of requests.
	PreserveOrdering bool `json:"preserve_ordering"`
	// PriorityLevels is the number of queues, 1 being served first; 0 is one queue.
	PriorityLevels       int64 `json:"priority_levels"`
	DefaultPriorityLevel int64 `json:"default_priority_level"`
	// QueuePolicy is the default one; PriorityQueuePolicy replaces it for single levels, written in ascending order.
	QueuePolicy         `json:"default_queue_policy"`
	PriorityQueuePolicy map[int64]QueuePolicy `json:"priority_queue_policy"`
}

// QueuePolicy bounds how many requests wait, and how long. The zero value does not.
type QueuePolicy struct {
	// TimeoutAction says what becomes of a request that has waited too long: REJECT, as if empty, or DELAY, which puts it behind
	// all others.
	TimeoutAction string `json:"timeout_action"`
	// DefaultTimeoutMicroseconds is the longest wait; 0 is any.
	DefaultTimeoutMicroseconds int64 `json:"default_timeout_microseconds"`
	// AllowTimeoutOverride lets requests ask for a shorter one.
	AllowTimeoutOverride bool `json:"allow_timeout_override"`
	// MaxQueueSize is the most requests that wait; more are refused as unavailable. 0 is any number.
	MaxQueueSize int64 `json:"max_queue_size"`
}

// InstanceGroup says how many copies of a model run, and where.
type InstanceGroup struct {
	Name  string  `json:"name"`
	Kind  string  `json:"kind"` // KIND_AUTO, KIND_CPU, KIND_GPU or KIND_MODEL
	Count int     `json:"count"`
	GPUs  []int64 `json:"gpus"`
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
	Name       string            `json:"name"`
	Parameters map[string]string `json:"parameters"`
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
