package conformance_test

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// request is a raw HTTP request of the script.
type request struct {
	name   string
	method string // GET if there is no body, POST otherwise
	path   string
	header map[string]string
	body   string
	// binary says how many bytes of the body are JSON; the rest are tensors. 0 sends no such header.
	binary int
	encode string // Content-Encoding to apply
}

// httpScript is the script of raw HTTP calls, in order.
func httpScript(dir string) []request {
	list := []request{
		{name: "live", path: "health/live"},
		{name: "ready", path: "health/ready"},
		{name: "server", path: ""},
		{name: "server/", path: "/"},
		{name: "nowhere", path: "nowhere"},
		{name: "health", path: "health"},
		{name: "post to health", path: "health/live", body: "{}"},
		{name: "post to metadata", path: "models/add", body: "{}"},
		{name: "get infer", path: "models/add/infer"},
		{name: "a query", path: "models/latest?x=1"},
		{name: "a slash at the end", path: "models/latest/"},
		{name: "post to statistics", path: "models/stats", body: "{}"},
		{name: "get load", path: "repository/models/cold/load"},
		{name: "unknown verb of the repository", path: "repository/models/cold/fly", body: "{}"},
		{name: "delete model", method: "DELETE", path: "models/add"},
		{name: "unknown model", path: "models/nobody"},
		{name: "empty model", path: "models/"},
		{name: "escape", path: "models/..%2f..%2fetc"},
		{name: "unknown verb", path: "models/add/fly"},
		{name: "metadata", path: "models/add"},
		{name: "metadata of a version", path: "models/add/versions/3"},
		{name: "metadata of all", path: "models/all"},
		{name: "metadata of lookup", path: "models/lookup"},
		{name: "metadata of an unserved version", path: "models/add/versions/2"},
		{name: "metadata of a version that is none", path: "models/add/versions/x"},
		{name: "metadata of version -1", path: "models/add/versions/-1"},
		{name: "metadata of version 0", path: "models/add/versions/0"},
		{name: "metadata of a huge version", path: "models/add/versions/99999999999999999999"},
		{name: "metadata of an ensemble", path: "models/square"},
		{name: "metadata of identity", path: "models/identity"},
		{name: "metadata of latest", path: "models/latest"},
		{name: "model ready", path: "models/add/ready"},
		{name: "version ready", path: "models/add/versions/1/ready"},
		{name: "version not ready", path: "models/add/versions/2/ready"},
		{name: "version x ready", path: "models/add/versions/x/ready"},
		{name: "model not ready", path: "models/nobody/ready"},
		{name: "cold not ready", path: "models/cold/ready"},
		{name: "ensemble ready", path: "models/square/ready"},
		{name: "config of add", path: "models/add/config"},
		{name: "config of a version", path: "models/add/versions/1/config"},
		{name: "config of an unserved version", path: "models/add/versions/2/config"},
		{name: "config of an ensemble", path: "models/square/config"},
		{name: "config of lookup", path: "models/lookup/config"},
		{name: "config of queue", path: "models/queue/config"},
		{name: "config of all", path: "models/all/config"},
		{name: "config of nobody", path: "models/nobody/config"},
		{name: "index", path: "repository/index", body: "{}"},
		{name: "index by get", path: "repository/index"},
		{name: "index without a body", method: "POST", path: "repository/index"},
		{name: "index of what is ready", path: "repository/index", body: `{"ready":true}`},
		{name: "index of a wrong question", path: "repository/index", body: `{"ready":7}`},
		{name: "index of no JSON", path: "repository/index", body: `{"ready"`},
	}
	list = append(list, inferScript()...)
	list = append(list, bytesScript()...)
	return append(list, controlScript(dir)...)
}

const (
	x3  = `{"name":"x","shape":[1,3],"datatype":"FP32","data":[1,2,3]}`
	ab3 = `{"name":"a","shape":[1,3],"datatype":"FP32","data":[1,2,3]},{"name":"b","shape":[1,3],"datatype":"FP32","data":[10,20,30]}`
)

func inputs(list string) string { return `{"inputs":[` + list + `]}` }

// inferScript has inferences of numbers, good and bad.
func inferScript() []request {
	const latest, add = "models/latest/infer", "models/add/infer"
	return []request{
		{name: "infer", path: latest, body: inputs(x3)},
		{name: "infer with an id", path: latest, body: `{"id":"r-7","inputs":[` + x3 + `]}`},
		{name: "infer with a number as id", path: latest, body: `{"id":7,"inputs":[` + x3 + `]}`},
		{name: "infer a version", path: "models/latest/versions/2/infer", body: inputs(x3)},
		{name: "infer the latest version", path: "models/latest/versions/10/infer", body: inputs(x3)},
		{name: "infer an unserved version", path: "models/latest/versions/1/infer", body: inputs(x3)},
		{name: "infer version x", path: "models/latest/versions/x/infer", body: inputs(x3)},
		{name: "infer nobody", path: "models/nobody/infer", body: inputs(x3)},
		{name: "infer cold", path: "models/cold/infer", body: inputs(x3)},
		{name: "infer an ensemble", path: "models/square/infer", body: inputs(x3)},
		{name: "infer an ensemble's version", path: "models/square/versions/7/infer", body: inputs(x3)},
		{name: "infer all outputs", path: add, body: inputs(ab3)},
		{name: "infer one output", path: add, body: `{"inputs":[` + ab3 + `],"outputs":[{"name":"product"}]}`},
		{name: "infer both the other way", path: add, body: `{"inputs":[` + ab3 + `],"outputs":[{"name":"product"},{"name":"sum"}]}`},
		{name: "infer an output twice", path: add, body: `{"inputs":[` + ab3 + `],"outputs":[{"name":"sum"},{"name":"sum"}]}`},
		{name: "infer no outputs", path: add, body: `{"inputs":[` + ab3 + `],"outputs":[]}`},
		{name: "infer an unknown output", path: add, body: `{"inputs":[` + ab3 + `],"outputs":[{"name":"z"}]}`},
		{name: "infer an output of an ensemble", path: "models/square/infer", body: `{"inputs":[` + x3 + `],"outputs":[{"name":"squared"}]}`},
		{name: "infer an unknown output of an ensemble", path: "models/square/infer", body: `{"inputs":[` + x3 + `],"outputs":[{"name":"z"}]}`},
		{name: "nested data", path: latest, body: inputs(`{"name":"x","shape":[2,3],"datatype":"FP32","data":[[1,2,3],[4,5,6]]}`)},
		{name: "ragged data", path: latest, body: inputs(`{"name":"x","shape":[2,3],"datatype":"FP32","data":[[1,2],[3,4,5,6]]}`)},
		{name: "integers as floats", path: latest, body: inputs(`{"name":"x","shape":[1,3],"datatype":"FP32","data":[1.5,-2e3,0]}`)},
		{name: "strings as floats", path: latest, body: inputs(`{"name":"x","shape":[1,3],"datatype":"FP32","data":["1","2","3"]}`)},
		{name: "null as float", path: latest, body: inputs(`{"name":"x","shape":[1,3],"datatype":"FP32","data":[null,1,2]}`)},
		{name: "too few values", path: latest, body: inputs(`{"name":"x","shape":[1,3],"datatype":"FP32","data":[1,2]}`)},
		{name: "too many values", path: latest, body: inputs(`{"name":"x","shape":[1,3],"datatype":"FP32","data":[1,2,3,4]}`)},
		{name: "no data", path: latest, body: inputs(`{"name":"x","shape":[1,3],"datatype":"FP32"}`)},
		{name: "data is no list", path: latest, body: inputs(`{"name":"x","shape":[1,3],"datatype":"FP32","data":7}`)},
		{name: "no name", path: latest, body: inputs(`{"shape":[1,3],"datatype":"FP32","data":[1,2,3]}`)},
		{name: "no shape", path: latest, body: inputs(`{"name":"x","datatype":"FP32","data":[1,2,3]}`)},
		{name: "no type", path: latest, body: inputs(`{"name":"x","shape":[1,3],"data":[1,2,3]}`)},
		{name: "shape of strings", path: latest, body: inputs(`{"name":"x","shape":["1",3],"datatype":"FP32","data":[1,2,3]}`)},
		{name: "negative shape", path: latest, body: inputs(`{"name":"x","shape":[-1,3],"datatype":"FP32","data":[1,2,3]}`)},
		{name: "huge shape", path: latest, body: inputs(`{"name":"x","shape":[4611686018427387904,4],"datatype":"FP32","data":[1,2,3]}`)},
		{name: "unknown type", path: latest, body: inputs(`{"name":"x","shape":[1,3],"datatype":"FP33","data":[1,2,3]}`)},
		{name: "other type", path: latest, body: inputs(`{"name":"x","shape":[1,3],"datatype":"INT32","data":[1,2,3]}`)},
		{name: "config's name of a type", path: latest, body: inputs(`{"name":"x","shape":[1,3],"datatype":"TYPE_FP32","data":[1,2,3]}`)},
		{name: "other shape", path: latest, body: inputs(`{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}`)},
		{name: "other rank", path: latest, body: inputs(`{"name":"x","shape":[3],"datatype":"FP32","data":[1,2,3]}`)},
		{name: "rank 0", path: latest, body: inputs(`{"name":"x","shape":[],"datatype":"FP32","data":[1]}`)},
		{name: "batch 0", path: latest, body: inputs(`{"name":"x","shape":[0,3],"datatype":"FP32","data":[]}`)},
		{name: "largest batch", path: latest, body: inputs(`{"name":"x","shape":[4,3],"datatype":"FP32","data":[1,2,3,4,5,6,7,8,9,10,11,12]}`)},
		{name: "too large a batch", path: latest, body: inputs(`{"name":"x","shape":[5,3],"datatype":"FP32","data":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]}`)},
		{name: "too large a batch of an ensemble", path: "models/square/infer", body: inputs(`{"name":"x","shape":[5,3],"datatype":"FP32","data":[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]}`)},
		{name: "batches differ", path: add, body: inputs(`{"name":"a","shape":[1,3],"datatype":"FP32","data":[1,2,3]},{"name":"b","shape":[2,3],"datatype":"FP32","data":[1,2,3,4,5,6]}`)},
		{name: "an input twice", path: latest, body: inputs(x3 + "," + x3)},
		{name: "an unknown input", path: latest, body: inputs(x3 + `,{"name":"w","shape":[1,3],"datatype":"FP32","data":[1,2,3]}`)},
		{name: "another input", path: latest, body: inputs(`{"name":"w","shape":[1,3],"datatype":"FP32","data":[1,2,3]}`)},
		{name: "a missing input", path: add, body: inputs(`{"name":"a","shape":[1,3],"datatype":"FP32","data":[1,2,3]}`)},
		{name: "inputs of numbers", path: latest, body: `{"inputs":[7]}`},
		{name: "outputs of another kind", path: latest, body: `{"inputs":[` + x3 + `],"outputs":{}}`},
		{name: "an output without a name", path: latest, body: `{"inputs":[` + x3 + `],"outputs":[{}]}`},
		{name: "parameters of another kind", path: latest, body: `{"parameters":7,"inputs":[` + x3 + `]}`},
		{name: "more behind the JSON", path: latest, body: inputs(x3) + "more"},
		{name: "a wrong shape with an id", path: latest, body: `{"id":"a","inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}]}`},
		{name: "numbers as strings of another model", path: latest, body: inputs(`{"name":"x","shape":[1,3],"datatype":"BYTES","data":[1,2,3]}`)},
		{name: "no inputs", path: latest, body: `{"inputs":[]}`},
		{name: "inputs left out", path: latest, body: `{}`},
		{name: "inputs of another kind", path: latest, body: `{"inputs":{}}`},
		{name: "body is a list", path: latest, body: `[]`},
		{name: "no JSON", path: latest, body: `{"inputs":`},
		{name: "an empty body", method: "POST", path: latest},
		{name: "unbatched", path: "models/all/infer", body: inputs(`{"name":"x","shape":[2,3],"datatype":"FP32","data":[1,2,3,4,5,6]}`)},
		{name: "unbatched and empty", path: "models/all/infer", body: inputs(`{"name":"x","shape":[0,3],"datatype":"FP32","data":[]}`)},
		{name: "unbatched of a wrong size", path: "models/all/infer", body: inputs(`{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]}`)},
		{name: "unbatched of a wrong rank", path: "models/all/infer", body: inputs(`{"name":"x","shape":[3],"datatype":"FP32","data":[1,2,3]}`)},
		{name: "reshape", path: "models/lookup/infer", body: inputs(`{"name":"i","shape":[4,1],"datatype":"INT64","data":[0,3,2,1]}`)},
		{name: "reshape of a wrong rank", path: "models/lookup/infer", body: inputs(`{"name":"i","shape":[4],"datatype":"INT64","data":[0,3,2,1]}`)},
		{name: "fault of the model", path: "models/lookup/infer", body: inputs(`{"name":"i","shape":[4,1],"datatype":"INT64","data":[4,4,4,4]}`)},
		{name: "fault of a step", path: "models/chain/infer", body: inputs(`{"name":"i","shape":[4,1],"datatype":"INT64","data":[4,4,4,4]}`)},
		{name: "fraction as integer", path: "models/lookup/infer", body: inputs(`{"name":"i","shape":[4,1],"datatype":"INT64","data":[0.5,1,1,1]}`)},
		{name: "huge integer", path: "models/lookup/infer", body: inputs(`{"name":"i","shape":[4,1],"datatype":"INT64","data":[9223372036854775808,1,1,1]}`)},
		{name: "unknown parameters", path: latest, body: `{"parameters":{"tenant":"shop","n":3,"b":true},"inputs":[` + x3 + `]}`},
		{name: "reserved parameter", path: latest, body: `{"parameters":{"triton_x":3},"inputs":[` + x3 + `]}`},
		{name: "list as parameter", path: latest, body: `{"parameters":{"tenant":[1]},"inputs":[` + x3 + `]}`},
		{name: "priority and timeout", path: latest, body: `{"parameters":{"priority":1,"timeout":1000000},"inputs":[` + x3 + `]}`},
		{name: "priority of another kind", path: latest, body: `{"parameters":{"priority":"high"},"inputs":[` + x3 + `]}`},
		{name: "sequence", path: latest, body: `{"parameters":{"sequence_id":1,"sequence_start":true,"sequence_end":true},"inputs":[` + x3 + `]}`},
		{name: "classification", path: latest, body: `{"inputs":[` + x3 + `],"outputs":[{"name":"y","parameters":{"classification":2}}]}`},
		{name: "shared memory", path: latest, body: inputs(`{"name":"x","shape":[1,3],"datatype":"FP32","parameters":{"shared_memory_region":"r","shared_memory_byte_size":12}}`)},
		{name: "shared memory for an output", path: latest, body: `{"inputs":[` + x3 + `],"outputs":[{"name":"y","parameters":{"shared_memory_region":"r","shared_memory_byte_size":12}}]}`},
	}
}

// bytesScript has the extension of binary data, strings, every type, and compressed bodies.
func bytesScript() []request {
	const latest, identity = "models/latest/infer", "models/identity/infer"
	raw := floats(1, 2, 3)
	binaryInput := func(size int) string {
		return `{"name":"x","shape":[1,3],"datatype":"FP32","parameters":{"binary_data_size":` + strconv.Itoa(size) + `}}`
	}
	split := func(name, path, head, tail string) request {
		return request{name: name, path: path, body: head + tail, binary: len(head)}
	}
	list := []request{
		split("binary in", latest, inputs(binaryInput(12)), raw),
		split("binary in and out", latest, `{"inputs":[`+binaryInput(12)+`],"outputs":[{"name":"y","parameters":{"binary_data":true}}]}`, raw),
		split("binary by default", latest, `{"parameters":{"binary_data_output":true},"inputs":[`+binaryInput(12)+`]}`, raw),
		split("binary by default but for one", "models/square/infer", `{"parameters":{"binary_data_output":true},"inputs":[`+binaryInput(12)+`],"outputs":[{"name":"doubled"},{"name":"squared","parameters":{"binary_data":false}}]}`, raw),
		{name: "JSON in, binary out", path: latest, body: `{"inputs":[` + x3 + `],"outputs":[{"name":"y","parameters":{"binary_data":true}}]}`},
		{name: "JSON in, all binary out", path: "models/add/infer", body: `{"parameters":{"binary_data_output":true},"inputs":[` + ab3 + `]}`},
		split("binary and JSON mixed", "models/add/infer", inputs(`{"name":"a","shape":[1,3],"datatype":"FP32","data":[1,2,3]},{"name":"b","shape":[1,3],"datatype":"FP32","parameters":{"binary_data_size":12}}`), raw),
		split("binary too short", latest, inputs(binaryInput(12)), raw[:8]),
		split("binary too long", latest, inputs(binaryInput(12)), raw+raw),
		split("binary of another size", latest, inputs(binaryInput(8)), raw[:8]),
		split("binary of a negative size", latest, inputs(binaryInput(-1)), raw),
		split("binary and data", latest, inputs(`{"name":"x","shape":[1,3],"datatype":"FP32","data":[1,2,3],"parameters":{"binary_data_size":12}}`), raw),
		{name: "header longer than the body", path: latest, body: inputs(x3), binary: 10000},
		{name: "header that is no number", path: latest, body: inputs(x3), header: map[string]string{"Inference-Header-Content-Length": "x"}},
		{name: "header that is negative", path: latest, body: inputs(x3), header: map[string]string{"Inference-Header-Content-Length": "-1"}},
		split("header of the whole", latest, inputs(x3), ""),
		{name: "the body is the input", path: latest, body: raw, header: map[string]string{"Inference-Header-Content-Length": "0"}},
		{name: "the body is too long an input", path: latest, body: raw + raw, header: map[string]string{"Inference-Header-Content-Length": "0"}},
		{name: "the body is one of two inputs", path: "models/add/infer", body: raw, header: map[string]string{"Inference-Header-Content-Length": "0"}},
		{name: "another content type", path: latest, body: inputs(x3), header: map[string]string{"Content-Type": "text/plain"}},
		{name: "gzip in", path: latest, body: inputs(x3), encode: "gzip"},
		{name: "deflate in", path: latest, body: inputs(x3), encode: "deflate"},
		{name: "gzip that is none", path: latest, body: inputs(x3), header: map[string]string{"Content-Encoding": "gzip"}},
		{name: "unknown encoding", path: latest, body: inputs(x3), header: map[string]string{"Content-Encoding": "br"}},
		{name: "gzip out", path: latest, body: inputs(x3), header: map[string]string{"Accept-Encoding": "gzip"}},
		{name: "deflate out", path: latest, body: inputs(x3), header: map[string]string{"Accept-Encoding": "deflate"}},
		{name: "gzip or deflate out", path: latest, body: inputs(x3), header: map[string]string{"Accept-Encoding": "deflate;q=0.5, gzip;q=0.8"}},
		{name: "an unknown encoding out", path: latest, body: inputs(x3), header: map[string]string{"Accept-Encoding": "br"}},
		identityInputs("every type, JSON", nil),
		identityInputs("strings", map[string]string{"string": `["a\\\"b","naïve \u00e9 日本"]`}),
		identityInputs("numbers as strings", map[string]string{"string": `[1,2]`}),
		identityInputs("int8 out of range", map[string]string{"int8": `[128,0]`}),
		identityInputs("uint8 out of range", map[string]string{"uint8": `[-1,0]`}),
		identityInputs("bool of numbers", map[string]string{"bool": `[1,0]`}),
		identityInputs("floats too large", map[string]string{"float32": `[1e39,-1e39]`}),
		identityInputs("floats of all sizes", map[string]string{"float32": `[123456789,1e-10]`, "float64": `[1e21,123456.789]`}),
		{name: "half precision, JSON", path: identity, body: `{"inputs":[{"name":"x_float16","shape":[1,2],"datatype":"FP16","data":[1,2]}]}`},
	}
	head, tail := identityBinary()
	mixed := split("every type, binary", identity, head, tail)
	list = append(list, mixed)
	mixed.name, mixed.encode = "every type, binary and gzip", "gzip"
	short := split("strings whose bytes end early", identity, strings.Replace(head, `"binary_data_size":12`, `"binary_data_size":11`, 1), tail[:len(tail)-1])
	return append(list, mixed, short)
}

func floats(values ...float32) string {
	var b []byte
	for _, v := range values {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return string(b)
}

// identityInputs is a request with [1,2] of every type, in JSON but for half precision, which has no JSON; data replaces some.
func identityInputs(name string, data map[string]string) request {
	all := map[string]string{
		"bool": "[true,false]", "uint8": "[0,255]", "uint16": "[0,65535]", "uint32": "[0,4294967295]", "uint64": "[0,18446744073709551615]",
		"int8": "[-128,127]", "int16": "[-32768,32767]", "int32": "[-2147483648,2147483647]", "int64": "[-9223372036854775808,9223372036854775807]",
		"float32": "[0.1,3.4028234663852886e38]", "float64": "[0.1,1e-300]", "string": `["",""]`,
	}
	maps.Copy(all, data)
	var in, out []string
	for _, t := range types {
		form := `"data":` + all[t[0]]
		if t[0] == "float16" {
			form = `"parameters":{"binary_data_size":4}`
		}
		in = append(in, fmt.Sprintf(`{"name":"x_%s","shape":[1,2],"datatype":%q,%s}`, t[0], wireName(t[1]), form))
		out = append(out, fmt.Sprintf(`{"name":"y_%s","parameters":{"binary_data":%t}}`, t[0], t[0] == "float16"))
	}
	head := `{"inputs":[` + strings.Join(in, ",") + `],"outputs":[` + strings.Join(out, ",") + `]}`
	return request{name: name, path: "models/identity/infer", body: head + "\x00\x38\x00\x3c", binary: len(head)}
}

func wireName(config string) string {
	if config == "STRING" {
		return "BYTES"
	}
	return config
}

// identityBinary is a request with [1,2] of every type in binary, answered in binary. The strings come last: "" and "abcd".
func identityBinary() (head, tail string) {
	sizes := map[string]int{
		"bool": 1, "uint8": 1, "uint16": 2, "uint32": 4, "uint64": 8, "int8": 1, "int16": 2, "int32": 4, "int64": 8, "float16": 2, "float32": 4, "float64": 8,
	}
	var b []string
	for i, t := range types {
		part := "\x00\x00\x00\x00\x04\x00\x00\x00abcd"
		if n := sizes[t[0]]; n > 0 {
			part = strings.Repeat("\x00", n) + "\x01" + strings.Repeat("\x00", n-1)
		}
		tail += part
		b = append(b, fmt.Sprintf(`{"name":"x_%s","shape":[1,2],"datatype":%q,"parameters":{"binary_data_size":%d}}`, types[i][0], wireName(t[1]), len(part)))
	}
	return `{"parameters":{"binary_data_output":true},"inputs":[` + strings.Join(b, ",") + `]}`, tail
}

// controlScript loads and unloads. It comes last: what it leaves is another world.
func controlScript(dir string) []request {
	model, err := os.ReadFile(filepath.Join(dir, "cold/1/model.onnx"))
	if err != nil {
		panic(err) // the repository was written a moment ago
	}
	quoted := func(config string) string {
		text, _ := json.Marshal(config) // a string is JSON
		return string(text)
	}
	const config = `{"name":"cold","backend":"onnxruntime","max_batch_size":2,"input":[{"name":"x","data_type":"TYPE_FP32","dims":[3]}],` +
		`"output":[{"name":"y","data_type":"TYPE_FP32","dims":[3]}],"instance_group":[{"kind":"KIND_CPU","count":1}]%s}`
	file := base64.StdEncoding.EncodeToString(model)
	load := func(name, model, body string) request {
		return request{name: name, path: "repository/models/" + model + "/load", body: body}
	}
	unload := func(name, model, body string) request {
		return request{name: name, path: "repository/models/" + model + "/unload", body: body}
	}
	return []request{
		{name: "statistics of an unserved version", path: "models/latest/versions/1/stats"},
		{name: "statistics of nobody", path: "models/nobody/stats"},
		load("load nobody", "nobody", "{}"),
		load("load a path", "..%2fadd", "{}"),
		load("load what is wrong", "wrong", "{}"),
		load("load no JSON", "cold", "{"),
		load("load", "cold", "{}"),
		{name: "infer what was loaded", path: "models/cold/infer", body: inputs(x3)},
		{name: "index after a load", path: "repository/index", body: "{}"},
		{name: "load again", method: "POST", path: "repository/models/cold/load"},
		load("load with a list of parameters", "cold", `{"parameters":[]}`),
		load("load with a configuration", "cold", `{"parameters":{"config":`+quoted(fmt.Sprintf(config, `,"version_policy":{"all":{}}`))+`}}`),
		{name: "metadata after a configuration", path: "models/cold"},
		{name: "infer a version of it", path: "models/cold/versions/1/infer", body: inputs(x3)},
		{name: "configuration of it", path: "models/cold/config"},
		load("load with a configuration that is none", "cold", `{"parameters":{"config":"{"}}`),
		load("load with a configuration of a wrong kind", "cold", `{"parameters":{"config":7}}`),
		load("load with an unknown parameter", "cold", `{"parameters":{"speed":"7"}}`),
		load("load files without a configuration", "cold", `{"parameters":{"file:1/model.onnx":"`+file+`"}}`),
		load("load files", "cold", `{"parameters":{"config":`+quoted(fmt.Sprintf(config, ""))+`,"file:5/model.onnx":"`+file+`"}}`),
		{name: "metadata after files", path: "models/cold"},
		{name: "infer files", path: "models/cold/infer", body: inputs(x3)},
		load("load files that escape", "cold", `{"parameters":{"config":`+quoted(fmt.Sprintf(config, ""))+`,"file:../../evil":"`+file+`"}}`),
		load("load files that are no base64", "cold", `{"parameters":{"config":`+quoted(fmt.Sprintf(config, ""))+`,"file:1/model.onnx":"*"}}`),
		{name: "infer after bad loads", path: "models/cold/infer", body: inputs(x3)},
		unload("unload", "cold", "{}"),
		{name: "infer what was unloaded", path: "models/cold/infer", body: inputs(x3)},
		{name: "ready after unload", path: "models/cold/ready"},
		unload("unload again", "cold", "{}"),
		unload("unload nobody", "nobody", "{}"),
		unload("unload no JSON", "cold", "{"),
		unload("unload an ensemble", "square", `{"parameters":{"unload_dependents":true}}`),
		{name: "infer an unloaded ensemble", path: "models/square/infer", body: inputs(x3)},
		{name: "infer a part of it", path: "models/add/infer", body: inputs(ab3)},
		load("load the ensemble", "square", "{}"),
		{name: "infer the loaded ensemble", path: "models/square/infer", body: inputs(x3)},
		{name: "index at the end", path: "repository/index", body: "{}"},
		{name: "trace settings", path: "trace/setting"},
		{name: "trace settings of a model", path: "models/add/trace/setting"},
		{name: "log settings", path: "logging"},
		{name: "system shared memory", path: "systemsharedmemory/status"},
		{name: "cuda shared memory", path: "cudasharedmemory/status"},
		{name: "ready at the end", path: "health/ready"},
	}
}

// runHTTP does the requests and returns what was answered.
func runHTTP(t *testing.T, address string, script []request) []answer {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer client.CloseIdleConnections()
	var list []answer
	for _, r := range script {
		list = append(list, answer{"http: " + r.name, r.do(t, client, address)})
	}
	return list
}

func (r request) do(t *testing.T, client *http.Client, address string) any {
	t.Helper()
	method := r.method
	if method == "" {
		method = http.MethodGet
		if r.body != "" {
			method = http.MethodPost
		}
	}
	path := "http://" + address + "/v2"
	if r.path != "" {
		path += "/" + strings.TrimPrefix(r.path, "/")
	}
	q, err := http.NewRequestWithContext(t.Context(), method, path, bytes.NewReader(encode(r.encode, r.body)))
	if err != nil {
		t.Fatal(err)
	}
	for k, v := range r.header {
		q.Header.Set(k, v)
	}
	if r.binary > 0 {
		q.Header.Set("Inference-Header-Content-Length", strconv.Itoa(r.binary))
	}
	if r.encode != "" {
		q.Header.Set("Content-Encoding", r.encode)
	}
	a, err := client.Do(q)
	if err != nil {
		return map[string]any{"error": "no answer: " + err.Error()}
	}
	defer func() { _ = a.Body.Close() }() // it was read
	body, err := io.ReadAll(a.Body)
	if err != nil {
		return map[string]any{"error": "no body: " + err.Error()}
	}
	out := map[string]any{"status": a.StatusCode}
	for _, name := range []string{"Content-Type", "Inference-Header-Content-Length", "Content-Encoding"} {
		if v := a.Header.Get(name); v != "" {
			out[strings.ToLower(name)] = v
		}
	}
	maps.Copy(out, readBody(decode(t, a.Header.Get("Content-Encoding"), body), a.Header.Get("Inference-Header-Content-Length")))
	return out
}

// readBody takes JSON and what is behind it apart.
func readBody(body []byte, header string) map[string]any {
	if n, err := strconv.Atoi(header); err == nil && n <= len(body) {
		out := readBody(body[:n], "")
		out["binary"] = hex.EncodeToString(body[n:])
		return out
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return map[string]any{"text": string(body)}
	}
	return map[string]any{"json": v}
}

func encode(encoding, body string) []byte {
	var b bytes.Buffer
	var w io.WriteCloser
	switch encoding {
	case "gzip":
		w = gzip.NewWriter(&b)
	case "deflate":
		w = zlib.NewWriter(&b)
	default:
		return []byte(body)
	}
	_, _ = io.WriteString(w, body) // a buffer takes everything
	_ = w.Close()                  // as above
	return b.Bytes()
}

func decode(t *testing.T, encoding string, body []byte) []byte {
	t.Helper()
	var r io.Reader
	var err error
	switch encoding {
	case "gzip":
		r, err = gzip.NewReader(bytes.NewReader(body))
	case "deflate":
		r, err = zlib.NewReader(bytes.NewReader(body))
	default:
		return body
	}
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
