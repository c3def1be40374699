package ensemble

import (
	"crypto/md5" //nolint:gosec // Triton's checksum agent compares MD5 sums
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"recsys/onnx"
	"recsys/tensor"
)

// files checks what lies in the folders of served versions.
func (c *checker) files(r *Repository) {
	m := c.model
	for _, v := range m.Served() {
		switch {
		case m.Config.IsEnsemble():
			c.findings = append(c.findings, m.checkManifest(r, v)...)
		case m.Config.IsONNX():
			c.onnxFile(r, v)
		default:
			c.otherFile(r, v)
		}
	}
}

// maxProtobuf is the size from which on nothing reads a protobuf message.
const maxProtobuf = 1 << 31

// onnxFile reads a version's ONNX model.
func (c *checker) onnxFile(r *Repository, version int64) {
	m := c.model
	path := m.ModelPath(version)
	if !filepath.IsLocal(m.Config.ModelFile()) {
		c.add(RulePath, "default_model_filename", "put the model into the version folder", "leads out of the folder")
		return
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, DefaultModelFile) // with its external data
	}
	file := r.rel(path)
	if info, err := os.Stat(path); err == nil && info.Size() >= maxProtobuf {
		c.addIn(file, RuleModelFile, "", "keep large tensors as external data beside it",
			"has %d bytes, and ONNX Runtime reads less than 2 GiB of protobuf", info.Size())
		return
	}
	g, err := onnx.Read(path)
	inputs, outputs, portsErr := onnx.Ports(path) // a graph that was read lacks inputs that nothing uses
	switch {
	case portsErr != nil:
		if err == nil {
			err = portsErr
		}
		c.addIn(file, RuleModelFile, "", "export the stage again", "%s", relative(r.Dir, err))
		return
	case m.incomplete():
	default:
		c.findings = append(c.findings, checkPorts(m.Config, file, inputs, outputs, c.given())...)
	}
	if err == nil {
		c.tensorRTOperators(file, g)
		return
	}
	if needs, err := onnx.Requires(path); err == nil { // it was read a moment ago
		c.requirements(file, needs)
	}
	c.addIn(file, RuleUnreadModel, "", "try it on a server: only the model's inputs and outputs were checked", "%s", relative(r.Dir, err))
}

// givenInput is an input of a model that the server makes itself.
type givenInput struct {
	field string       // what says so
	dtype tensor.DType // Invalid where that does not say it
}

// given returns the inputs of a model that the server makes itself, by name: the controls and states of sequences, and what is made of a
// whole batch.
func (c *checker) given() map[string]givenInput {
	inputs := map[string]givenInput{}
	for _, path := range []string{"sequence_batching.state.input_name", "batch_input.target_name"} {
		for _, f := range c.at(path) {
			inputs[f.Text] = givenInput{field: path}
		}
	}
	for _, f := range c.at("sequence_batching.control_input") {
		in := givenInput{field: "sequence_batching.control_input"}
		for _, control := range f.Block.At("control") {
			for key, dtype := range map[string]tensor.DType{
				"int32_false_true": tensor.Int32, "fp32_false_true": tensor.Float32, "bool_false_true": tensor.Bool,
			} {
				if len(control.Block.At(key)) > 0 {
					in.dtype = dtype
				}
			}
		}
		for _, name := range f.Block.At("name") {
			inputs[name.Text] = in
		}
	}
	return inputs
}

// modelFiles returns the names that a backend gives a version's model, one of which is there; none for a backend that we do not know.
func modelFiles(backend string) []string {
	switch backend {
	case "python":
		return []string{"model.py"}
	case backendTensorRT:
		return []string{"model.plan"}
	case "pytorch":
		return []string{"model.pt", "model.pt2", "model.py"}
	case "tensorflow":
		return []string{"model.graphdef", "model.savedmodel"}
	case "openvino":
		return []string{"model.xml", "model.onnx"}
	case "dali":
		return []string{"model.dali", "dali.py"}
	case "fil":
		return []string{"xgboost.model", "xgboost.json", "xgboost.ubj", "model.txt", "checkpoint.tl"}
	case "vllm":
		return []string{"model.json"}
	case BackendONNX:
		return []string{DefaultModelFile}
	}
	return nil
}

// otherFile looks for a version's model of another backend, which only that can read, and compares the graph that stands in for it in
// checks, if there is one.
func (c *checker) otherFile(r *Repository, version int64) {
	m := c.model
	c.standIn(r, filepath.Join(m.VersionDir(version), StandInFile))
	backend := m.Config.Backend
	if backend == "" {
		backend = backendOf(m.Config.Platform)
	}
	names := modelFiles(backend)
	switch {
	case m.Config.DefaultModelFilename != "":
		if !filepath.IsLocal(m.Config.DefaultModelFilename) {
			c.add(RulePath, "default_model_filename", "put the model into the version folder", "leads out of the folder")
			return
		}
		names = []string{m.Config.DefaultModelFilename}
	case c.has("cc_model_filenames"):
		return // which of them is needed depends on the GPU
	}
	if len(names) == 0 || slices.ContainsFunc(names, func(name string) bool {
		_, err := os.Stat(filepath.Join(m.VersionDir(version), name))
		return err == nil
	}) {
		return
	}
	c.addIn(r.rel(m.VersionDir(version)), RuleModelFile, "", "add the model or take the version out of the policy",
		"has no %s for the backend %s", strings.Join(names, ", "), backend)
}

func (c *checker) standIn(r *Repository, path string) {
	g, err := onnx.Read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		c.addIn(r.rel(path), RuleModelFile, "", "export the stage again", "%s", relative(r.Dir, err))
	default:
		c.findings = append(c.findings, CheckGraph(c.model.Config, r.rel(path), g)...)
	}
}

// sums returns the MD5 sums that the checksum agent compares files with, by name.
func (c *checker) sums() map[string]string {
	sums := map[string]string{}
	for _, agent := range c.at("model_repository_agents.agents") {
		if name := agent.Block.At("name"); len(name) != 1 || name[0].Text != agentChecksum {
			continue
		}
		for _, p := range agent.Block.At("parameters") {
			key, value := p.Block.At("key"), p.Block.At("value")
			if len(key) != 1 || len(value) != 1 {
				continue
			}
			if name, ok := strings.CutPrefix(key[0].Text, "MD5:"); ok {
				sums[name] = value[0].Text
			}
		}
	}
	return sums
}

func (c *checker) checksum(name, want string) {
	const field = "model_repository_agents"
	if !filepath.IsLocal(name) {
		c.add(RulePath, field, "name a file of the model", "leads out of the folder, to %q", name)
		return
	}
	f, err := os.Open(filepath.Join(c.model.Dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		c.add(RuleChecksum, field, "export the stage again", "has the sum of %q, which is not there", name)
		return
	}
	sum := md5.New() //nolint:gosec // as the agent does
	if err == nil {
		_, err = io.Copy(sum, f)
		err = errors.Join(err, f.Close())
	}
	if got := hex.EncodeToString(sum.Sum(nil)); err != nil || got != want {
		c.add(RuleChecksum, field, "export the stage again, or write the sum of the file that is meant",
			"says %s of %q, whose sum is %s", want, name, got)
	}
}
