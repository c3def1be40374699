package pipeline

import (
	"encoding/json"

	"recsys/eval"
)

// Metrics is metrics.json.
type Metrics struct {
	// Split is Config.Split.By.
	Split string `json:"split"`
	// Retrieval holds, by model and part ("valid", "test"), recall@k, ndcg@k and mrr over the whole catalogue. Those of an
	// item-item model are of the full history; behind ServedHistory stand those of the newest items that are served.
	Retrieval map[string]map[string]eval.Metrics `json:"retrieval,omitempty"`
	// Ranking holds, by model, part and task, auc, gauc and log_loss.
	Ranking map[string]map[string]map[string]eval.Metrics `json:"ranking,omitempty"`
	// Pipeline holds, by part, what the whole ensemble answers.
	Pipeline map[string]AnswerMetrics `json:"pipeline,omitempty"`
	Manifest Origin                   `json:"manifest"`
}

// ServedHistory begins the names of an item-item model's metrics on as much history as requests have.
const ServedHistory = "served_history/"

// AnswerMetrics are the metrics of the final answer, and of the ranking as each stage leaves it: the difference of
// two stages is what the later one wins or loses.
type AnswerMetrics struct {
	Answer   eval.Metrics
	PerStage map[string]eval.Metrics
}

// MarshalJSON writes the answer's metrics and "per_stage" side by side.
func (m AnswerMetrics) MarshalJSON() ([]byte, error) {
	flat := map[string]any{"per_stage": m.PerStage}
	for name, v := range m.Answer {
		flat[name] = v
	}
	return json.Marshal(flat)
}

// UnmarshalJSON reads what MarshalJSON writes.
func (m *AnswerMetrics) UnmarshalJSON(text []byte) error {
	flat := map[string]json.RawMessage{}
	if err := json.Unmarshal(text, &flat); err != nil {
		return err
	}
	m.Answer = eval.Metrics{}
	for name, raw := range flat {
		if name == "per_stage" {
			if err := json.Unmarshal(raw, &m.PerStage); err != nil {
				return err
			}
			continue
		}
		var v float64
		if err := json.Unmarshal(raw, &v); err != nil {
			return err
		}
		m.Answer[name] = v
	}
	return nil
}
