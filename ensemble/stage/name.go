package stage

// The stages' names.
const (
	FeaturesName = "features"
	QueryName    = "query"
	RetrieveName = "retrieve"
	FilterName   = "filter"
	LookupName   = "lookup"
	RankName     = "rank"
	OrderName    = "order"
)

// The tensors between the stages.
const (
	Query           = "query"            // [B,D] float32
	Blocked         = "blocked"          // [B,ceil(V/8)] uint8
	Candidates      = "candidates"       // [B,K] int64
	CandidateScores = "candidate_scores" // [B,K] float32
	MaskedScores    = "masked_scores"    // [B,K] float32
	ItemIDs         = "item_ids"         // [B,N] int64 or string
	Scores          = "scores"           // [B,N] float32
	ItemIndices     = "item_indices"     // [B,N] int64
)

// Encoded names the tensor of an encoded user or context column.
func Encoded(column string) string { return "encoded_" + column }

// Item names the tensor of an encoded item column of the candidates.
func Item(column string) string { return "item_" + column }

// BlockedBytes is the width of the bitmap for V item indices.
func BlockedBytes(v int) int { return (v + 7) / 8 }
