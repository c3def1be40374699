package stage

import "recsys/ensemble"

// The stages' names.
const (
	FeaturesName = "features"
	QueryName    = "query"
	RetrieveName = "retrieve"
	FilterName   = "filter"
	LookupName   = "lookup"
	// InteractionsName stands between lookup and rank.
	InteractionsName = "interactions"
	RankName         = "rank"
	OrderName        = "order"
)

// The names of the stages that join stages of other origin.
const (
	KeysName  = "keys"
	GuardName = "guard"
	MaskName  = "mask"
	PickName  = "pick"
)

// The names of the stages that two ensembles have in Lookup's place: one before the ranking, one in it.
const (
	ItemKeysName     = "item_keys"
	ItemFeaturesName = "item_features"
)

// The tensors between the stages.
const (
	Query           = "query"            // [B,D] float32
	Blocked         = "blocked"          // [B,ceil(V/8)] uint8
	Candidates      = "candidates"       // [B,K] int64
	CandidateScores = "candidate_scores" // [B,K] float32
	// CandidateSources is [B,K] int64: the place among several sources of the one that a candidate is of.
	CandidateSources = "candidate_sources"
	MaskedScores     = "masked_scores" // [B,K] float32
	ItemIDs          = "item_ids"      // [B,N] int64 or string
	Scores           = "scores"        // [B,N] float32
	ItemIndices      = "item_indices"  // [B,N] int64
)

// The tensors by which stages of other origin are joined.
const (
	FoundCandidates = "found_candidates" // [B,K] int64: what a source found, by item index
	CandidateKeys   = "candidate_keys"   // [B,K] int64 or string: the same by raw item key
	FoundScores     = "found_scores"     // [B,K] float32
	FilteredScores  = "filtered_scores"  // [B,K] float32: what the filter leaves where further filters follow
	Positions       = "positions"        // [B,N] int64: places on the candidates' axis, best first
	OrderScores     = "order_scores"     // [B,N] float32
)

// Encoded names the tensor of an encoded user or context column.
func Encoded(column string) string { return "encoded_" + column }

// Item names the tensor of an encoded item column of the candidates.
func Item(column string) string { return "item_" + column }

// Interaction names the tensor of an encoded column of the request and each candidate together.
func Interaction(column string) string { return "interaction_" + column }

// RawItem names the tensor of a raw item column of the candidates.
func RawItem(column string) string { return ensemble.ItemPrefix + column }

// SourceQuery names the query tensor of a source behind the first one.
func SourceQuery(source string) string { return Query + "_" + source }

// BlockedBytes is the width of the bitmap for V item indices.
func BlockedBytes(v int) int { return (v + 7) / 8 }
