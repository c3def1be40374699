package op

import (
	"encoding/json"
	"fmt"

	"recsys/feature"
)

// Kinds lists the built-in operators.
func Kinds() []feature.Kind {
	return []feature.Kind{
		kindOf(bucketizeRule(), func() feature.Operator { return &Bucketize{} }),
		kindOf(castRule(), func() feature.Operator { return &Cast{} }),
		encoderKind(categorifyRule(), func() feature.Operator { return &Categorify{} }),
		kindOf(clipRule(), func() feature.Operator { return &Clip{} }),
		crossKind(),
		kindOf(datePartsRule(), func() feature.Operator { return &DateParts{} }),
		kindOf(differenceRule(), func() feature.Operator { return &Difference{} }),
		dropKind(),
		kindOf(expressionRule(), func() feature.Operator { return &Expression{} }),
		kindOf(fillMissingRule(), func() feature.Operator { return &FillMissing{} }),
		filterKind(),
		kindOf(groupStatisticsRule(), func() feature.Operator { return &GroupStatistics{} }),
		kindOf(hashBucketRule(), func() feature.Operator { return &HashBucket{} }),
		kindOf(hashedCrossRule(), func() feature.Operator { return &HashedCross{} }),
		kindOf(historyCountRule(), func() feature.Operator { return &HistoryCount{} }),
		kindOf(lagRule(), func() feature.Operator { return &Lag{} }),
		kindOf(listSliceRule(), func() feature.Operator { return &ListSlice{} }),
		kindOf(listStatisticsRule(), func() feature.Operator { return &ListStatistics{} }),
		kindOf(logRule(), func() feature.Operator { return &Log{} }),
		kindOf(minMaxRule(), func() feature.Operator { return &MinMax{} }),
		kindOf(normalizeRule(), func() feature.Operator { return &Normalize{} }),
		kindOf(renameRule(), func() feature.Operator { return &Rename{} }),
		encoderKind(sequenceRule(), func() feature.Operator { return &Sequence{} }),
		targetEncodingKind(),
		kindOf(timeSinceRule(), func() feature.Operator { return &TimeSince{} }),
		kindOf(vectorRule(), func() feature.Operator { return &Vector{} }),
	}
}

// Registry returns a registry of the built-in operators.
func Registry() *feature.Registry {
	r, err := feature.NewRegistry(Kinds()...)
	if err != nil {
		panic("op.Registry: " + err.Error())
	}
	return r
}

func kindOf[P any](r rule[P], settings func() feature.Operator) feature.Kind {
	return feature.Kind{
		Name: r.name, Version: r.version, New: settings,
		Load: func(state json.RawMessage, _ feature.Vocabularies) (feature.Fitted, error) {
			entries, err := r.read(state)
			if err != nil {
				return nil, err
			}
			return r.fitted(entries)
		},
	}
}

func encoderKind(r rule[lookup], settings func() feature.Operator) feature.Kind {
	return feature.Kind{
		Name: r.name, Version: r.version, New: settings,
		Load: func(state json.RawMessage, vocabularies feature.Vocabularies) (feature.Fitted, error) {
			entries, err := r.read(state)
			if err != nil {
				return nil, err
			}
			for i, e := range entries {
				if entries[i].Learned.vocabulary, err = vocabularies(e.Learned.Name); err != nil {
					return nil, fmt.Errorf("column %q: %w", e.From, err)
				}
			}
			return newEncoder(r, entries)
		},
	}
}
