package onnxpb

// Model is ModelProto.
type Model struct {
	IRVersion       int64            // 1
	ProducerName    string           // 2
	ProducerVersion string           // 3
	Domain          string           // 4
	ModelVersion    int64            // 5
	Doc             string           // 6
	Graph           *Graph           // 7
	Opsets          []*OperatorSetID // 8
	Metadata        []*StringPair    // 14
	Functions       int              // 25, counted only
}

// OperatorSetID is OperatorSetIdProto.
type OperatorSetID struct {
	Domain  string // 1
	Version int64  // 2
}

// StringPair is StringStringEntryProto.
type StringPair struct {
	Key   string // 1
	Value string // 2
}

// Graph is GraphProto.
type Graph struct {
	Nodes              []*Node      // 1
	Name               string       // 2
	Initializers       []*Tensor    // 5
	Doc                string       // 10
	Inputs             []*ValueInfo // 11
	Outputs            []*ValueInfo // 12
	SparseInitializers int          // 15, counted only
}

// Node is NodeProto.
type Node struct {
	Inputs     []string     // 1
	Outputs    []string     // 2
	Name       string       // 3
	OpType     string       // 4
	Attributes []*Attribute // 5
	Doc        string       // 6
	Domain     string       // 7
}

// AttributeType is AttributeProto.AttributeType.
type AttributeType int32

// The types of attributes that are written; others are read as their number.
const (
	AttributeFloat   AttributeType = 1
	AttributeInt     AttributeType = 2
	AttributeString  AttributeType = 3
	AttributeTensor  AttributeType = 4
	AttributeFloats  AttributeType = 6
	AttributeInts    AttributeType = 7
	AttributeStrings AttributeType = 8
)

// Attribute is AttributeProto. Type says which field holds the value.
type Attribute struct {
	Name    string        // 1
	F       float32       // 2
	I       int64         // 3
	S       string        // 4, bytes
	T       *Tensor       // 5
	Floats  []float32     // 7
	Ints    []int64       // 8
	Strings []string      // 9, bytes
	Type    AttributeType // 20
	RefName string        // 21
}

// DataType is TensorProto.DataType.
type DataType int32

// The element types of tensors.
const (
	Float    DataType = 1
	Uint8    DataType = 2
	Int8     DataType = 3
	Uint16   DataType = 4
	Int16    DataType = 5
	Int32    DataType = 6
	Int64    DataType = 7
	String   DataType = 8
	Bool     DataType = 9
	Float16  DataType = 10
	Double   DataType = 11
	Uint32   DataType = 12
	Uint64   DataType = 13
	BFloat16 DataType = 16
)

// Tensor is TensorProto. The elements are in RawData (little-endian) or in the field for their type.
type Tensor struct {
	Dims         []int64       // 1
	DataType     DataType      // 2
	Segment      bool          // 3, presence only
	FloatData    []float32     // 4
	Int32Data    []int32       // 5
	StringData   []string      // 6, bytes
	Int64Data    []int64       // 7
	Name         string        // 8
	RawData      []byte        // 9
	DoubleData   []float64     // 10
	Uint64Data   []uint64      // 11
	Doc          string        // 12
	ExternalData []*StringPair // 13
	DataLocation int64         // 14: 0 here, 1 in another file
}

// ValueInfo is ValueInfoProto.
type ValueInfo struct {
	Name string // 1
	Type *Type  // 2
	Doc  string // 3
}

// Type is TypeProto with a tensor type; Other marks sequences, maps, optional and sparse types.
type Type struct {
	Tensor *TensorType // 1
	Other  bool        // 4, 5, 7, 8, 9
}

// TensorType is TypeProto.Tensor. A nil Shape is an unknown one.
type TensorType struct {
	ElemType DataType // 1
	Shape    *Shape   // 2
}

// Shape is TensorShapeProto.
type Shape struct {
	Dims []*Dim // 1
}

// Dim is TensorShapeProto.Dimension: a name, or a value if HasValue, or neither for an unknown one.
type Dim struct {
	HasValue bool
	Value    int64  // 1
	Param    string // 2
}
