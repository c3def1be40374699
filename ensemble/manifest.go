package ensemble

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"recsys/internal/atomicfile"
	"recsys/ordering"
	"recsys/schema"
)

// ManifestFormat is the only manifest format that this package reads and writes.
const ManifestFormat = 1

// ManifestFile is the manifest's file name inside the ensemble's version folder: NAME/N/recsys.json.
const ManifestFile = "recsys.json"

// maxManifestBytes bounds what ReadManifest reads; a fallback list of a thousand keys takes a few kilobytes.
const maxManifestBytes = 64 << 20

// ErrManifestFormat is wrapped by the error for a manifest of another format than [ManifestFormat].
var ErrManifestFormat = errors.New("unknown manifest format")

// Manifest says what a caller of a serving ensemble has to know and config.pbtxt cannot say: which raw
// columns go in, how a user's packed row is laid out, which output holds what, and the item index.
// It is plain data; safe for concurrent readers.
type Manifest struct {
	// Format is ManifestFormat.
	Format int `json:"format"`
	// Name is the ensemble's name in the repository, Generation its version folder, from 1.
	Name       string `json:"name"`
	Generation int    `json:"generation"`
	// UserKey and ItemKey are the raw key columns: scalars of int64 or string.
	UserKey schema.Column `json:"user_key"`
	ItemKey schema.Column `json:"item_key"`
	// Inputs holds every raw column that the ensemble takes, in order, except the blocked bitmap.
	// A scalar column has wire shape [B,1], a list column [B,L].
	Inputs schema.Schema `json:"inputs"`
	// UserRow holds the columns of a packed user row, in order; RowHash is the row codec's hash of it.
	UserRow schema.Schema `json:"user_row"`
	RowHash string        `json:"row_hash,omitempty"`
	// Defaults gives the raw value of an input for requests that bring none: int64, float64, string, bool or
	// a []any of them for lists. A column without one takes its null sentinel.
	Defaults map[string]any `json:"defaults,omitempty"`
	// History is nil for an ensemble that takes no history.
	History *ManifestHistory `json:"history,omitempty"`
	// Time names the request-time input (int64, Unix seconds); empty for an ensemble that takes none.
	Time    string          `json:"time,omitempty"`
	Blocked ManifestBlocked `json:"blocked"`
	Outputs ManifestOutputs `json:"outputs"`
	Limits  ManifestLimits  `json:"limits"`
	Items   ManifestItems   `json:"items"`
	// Sources are the models that candidates come from, in the order of candidate_sources; empty for one.
	Sources []ManifestSource `json:"sources,omitempty"`
	// Ranking is nil where one ensemble does it all. Otherwise it describes the second one, whose outputs are then those that Outputs
	// names.
	Ranking *ManifestRanking `json:"ranking,omitempty"`
	// Precision is nil for an ensemble of float32 models.
	Precision *ManifestPrecision `json:"precision,omitempty"`
	// KeepSeen lets an answer hold items that the user has seen; otherwise they are blocked.
	KeepSeen bool `json:"keep_seen,omitempty"`
	// Where are conditions on columns of items and of the request that an item has to meet, all of them, to be recommended.
	// Attributes are the columns of users and context that they read and the ensemble does not take; those of users are in UserRow.
	Where      []string      `json:"where,omitempty"`
	Attributes schema.Schema `json:"attributes,omitempty"`
	// Ordering says how answers are made of what the ensemble returns, which then is all candidates; nil where it returns answers.
	Ordering *ordering.Policy `json:"ordering,omitempty"`
	// Fallback lists popular item keys, best first.
	Fallback []string `json:"fallback,omitempty"`
	// Fuse is "none", "groups" or "all"; Origin tells where the ensemble comes from: data hash, seed, config
	// hash, version. Readers show Origin and never act on it.
	Fuse   string            `json:"fuse"`
	Origin map[string]string `json:"origin,omitempty"`
	// Weights are hashes, sha256:HEX, of what was fitted and trained: "features", "query", "tower" and "ranker", as
	// far as there are such, and "query of NAME" and "tower of NAME" for further sources. A
	// run of refreshed items has those of the run that was trained.
	Weights map[string]string `json:"weights,omitempty"`
	// Metrics are those of the run that was exported; nil for one that was not evaluated.
	Metrics *ManifestMetrics `json:"metrics,omitempty"`
}

// RequestColumns are the raw columns of a request: those of Inputs and Attributes.
func (m *Manifest) RequestColumns() schema.Schema { return slices.Concat(m.Inputs, m.Attributes) }

// ManifestMetrics are the metrics of the answers to held-out users.
type ManifestMetrics struct {
	// Part is "test" or "valid"; Data and Split are hashes of the tables' content and of the part of each interaction.
	Part  string `json:"part"`
	Data  string `json:"data"`
	Split string `json:"split"`
	// Values are metrics by name, such as "ndcg@10".
	Values map[string]float64 `json:"values"`
}

// ManifestHistory describes the input that takes the user's history: the newest Length item keys, oldest
// first, padded at the end with the null sentinel.
type ManifestHistory struct {
	Input  string `json:"input"`
	Length int    `json:"length"`
}

// ManifestBlocked describes the bitmap input UINT8 [B,Bytes]: bit i of byte j blocks item index 8j+i.
// An empty Input means that the ensemble takes no bitmap.
type ManifestBlocked struct {
	Input string `json:"input"`
	Bytes int    `json:"bytes"`
}

// ManifestOutputs names the ensemble's outputs: raw item keys [B,N], scores [B,N] float32 best first, and
// the intermediate tensors that explain an answer.
type ManifestOutputs struct {
	ItemIDs string   `json:"item_ids"`
	Scores  string   `json:"scores"`
	Explain []string `json:"explain,omitempty"`
}

// ManifestLimits bounds requests: users of one call, candidates K, and returned items N.
type ManifestLimits struct {
	MaxBatch   int `json:"max_batch"`
	Candidates int `json:"candidates"`
	MaxResults int `json:"max_results"`
}

// ManifestItems is the range of recommendable item indices, [First, First+Count). Record i of
// features/items.rows belongs to item index First+i.
type ManifestItems struct {
	First int `json:"first"`
	Count int `json:"count"`
}

// ManifestSource is one of several models that candidates come from, and how many come from it.
type ManifestSource struct {
	Name  string `json:"name"`
	Quota int    `json:"quota"`
}

// ManifestPrecision says what is stored in less than float32, and what answers lose by it, measured on held-out users.
type ManifestPrecision struct {
	// ItemMatrix is "fp16", "int8" or "int8_dequantized", and Ranker "fp16"; empty is float32.
	ItemMatrix string `json:"item_matrix,omitempty"`
	Ranker     string `json:"ranker,omitempty"`
	// Users is the number of held-out users.
	Users int `json:"users"`
	// Overlap is the mean share of the candidates in float32 that are candidates still, in [0,1].
	Overlap float64 `json:"overlap"`
	// NDCG is that of the answers in float32 at 10, NDCGNarrow that of the ensemble.
	NDCG       float64 `json:"ndcg"`
	NDCGNarrow float64 `json:"ndcg_narrow"`
}

// ReadManifest reads and validates the manifest at path. Unknown fields and unknown formats are refused, the
// latter with an error that wraps [ErrManifestFormat]; a missing file gives fs.ErrNotExist.
func ReadManifest(path string) (*Manifest, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	defer f.Close() //nolint:errcheck // Nothing was written.
	data, err := io.ReadAll(io.LimitReader(f, maxManifestBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	if len(data) > maxManifestBytes {
		return nil, fmt.Errorf("read manifest %s: larger than %d bytes", path, maxManifestBytes)
	}
	m, err := ParseManifest(data)
	if err != nil {
		return nil, fmt.Errorf("manifest %s: %w", path, err)
	}
	return m, nil
}

// ParseManifest is ReadManifest for bytes in memory.
func ParseManifest(data []byte) (*Manifest, error) {
	var head struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, fmt.Errorf("not a manifest: %w", err)
	}
	if head.Format != ManifestFormat {
		return nil, fmt.Errorf("%w %d, this version reads %d: export again or use the recsys that wrote it",
			ErrManifestFormat, head.Format, ManifestFormat)
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	dec.UseNumber()
	m := new(Manifest)
	if err := dec.Decode(m); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("data after the manifest's closing brace")
	}
	if err := readDefaults(m.Inputs, m.Defaults); err != nil {
		return nil, err
	}
	if m.Ranking != nil {
		if err := readDefaults(m.Ranking.Columns, m.Ranking.Defaults); err != nil {
			return nil, err
		}
	}
	if err := m.Validate(); err != nil {
		return nil, err
	}
	return m, nil
}

// Write validates m and writes it to path as indented JSON, by way of a temporary sibling and a rename. The
// same manifest always gives the same bytes.
func (m *Manifest) Write(path string) error {
	if err := m.Validate(); err != nil {
		return fmt.Errorf("write manifest %s: %w", path, err)
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(m); err != nil {
		return fmt.Errorf("write manifest %s: %w", path, err)
	}
	if err := atomicfile.WriteBytes(path, buf.Bytes()); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	return nil
}
