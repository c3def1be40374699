// Package ensemble exports graphs as a Triton model repository whose models a native Triton ensemble joins, and
// reads and checks such repositories.
//
// A [Stage] is a graph with a name, or a [Folder] with a model of another backend of Triton, which is copied; its inputs
// and outputs meet those of other stages by tensor name. An [Ensemble] is a list of groups of stages in the order in
// which a request passes them. [Ensemble.Fuse] makes each stage, each
// group or all of them together one graph; [Write] exports those as one generation:
//
//	NAME_prep/config.pbtxt      NAME_prep/N/model.onnx      one folder for each fused stage
//	NAME/config.pbtxt           NAME/N/recsys.json          the ensemble and its manifest
//	                            NAME/N/config.pbtxt         the ensemble's configuration of generation N
//
// The ensemble's steps pin versions and its own version is the generation, so that every answer names it. A generation
// that joins an existing one lies beside it; NAME/config.pbtxt, which says which one is served, stays as it is.
//
// [Config] is config.pbtxt, [Manifest] is recsys.json, [Open] reads a repository and [Validate] checks one by the
// rules that Triton applies when it loads it.
package ensemble
