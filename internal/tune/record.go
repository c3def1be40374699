package tune

import (
	"maps"

	"recsys/internal/record"
)

// RecordFormat is the only format of records that this package reads and writes.
const RecordFormat = 1

// Record is the evidence of a search, to be kept.
type Record struct {
	Format int `json:"format"`
	// Origin is that of the run, Subject what was asked.
	Origin  map[string]string `json:"origin"`
	Subject string            `json:"subject"`
	// Budget is in milliseconds. Each number of clients was measured for Seconds, on a machine with so many Processors.
	Budget     float64 `json:"latency_budget_ms"`
	Seconds    float64 `json:"seconds"`
	Processors int     `json:"processors"`
	Result
}

// Write writes the record as JSON.
func (r Record) Write(path string) error {
	r.Format = RecordFormat
	return record.Write(path, r)
}

// ReadRecord reads what Write wrote.
func ReadRecord(path string) (*Record, error) {
	r := &Record{}
	return r, record.Read(path, RecordFormat, r)
}

// Comparable reports whether evidence of one record is worth something in the other.
func (r Record) Comparable(other *Record) bool {
	return maps.Equal(r.Origin, other.Origin) && r.Subject == other.Subject && r.Budget == other.Budget && r.Seconds == other.Seconds &&
		r.Processors == other.Processors
}
