package tune

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"

	"recsys/internal/atomicfile"
)

// RecordFormat is the only format of records that this package reads and writes.
const RecordFormat = 1

// maxRecordBytes bounds what ReadRecord reads.
const maxRecordBytes = 16 << 20

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
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.WriteBytes(path, append(text, '\n'))
}

// ReadRecord reads what Write wrote.
func ReadRecord(path string) (_ *Record, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r := &Record{}
	if err := json.NewDecoder(io.LimitReader(f, maxRecordBytes)).Decode(r); err != nil {
		return nil, fmt.Errorf("%s: not evidence of a search: %w", path, err)
	}
	if r.Format != RecordFormat {
		return nil, fmt.Errorf("%s: format %d, this version reads %d", path, r.Format, RecordFormat)
	}
	return r, nil
}

// Comparable reports whether evidence of one record is worth something in the other.
func (r Record) Comparable(other *Record) bool {
	return maps.Equal(r.Origin, other.Origin) && r.Subject == other.Subject && r.Budget == other.Budget && r.Seconds == other.Seconds &&
		r.Processors == other.Processors
}
