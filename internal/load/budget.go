package load

import "time"

// StageTime is what a server counted of a model over a time: sums over its successful requests.
type StageTime struct {
	Model    string
	Requests uint64
	// Total is the time of whole requests. Queue, Input, Compute and Output are its parts: waiting for an instance, preparing
	// inputs, running the model, and preparing outputs.
	Total, Queue, Input, Compute, Output time.Duration
}

// Since returns what was counted after an earlier count.
func (s StageTime) Since(earlier StageTime) StageTime {
	s.Requests -= earlier.Requests
	s.Total -= earlier.Total
	s.Queue -= earlier.Queue
	s.Input -= earlier.Input
	s.Compute -= earlier.Compute
	s.Output -= earlier.Output
	return s
}

// Part is one entry of a budget: its share of the mean time of an answer, in milliseconds and in [0,1]. A remainder may be below 0,
// where stages work side by side.
type Part struct {
	Name  string  `json:"name"`
	Time  float64 `json:"ms"`
	Share float64 `json:"share"`
}

// Budget divides the mean time of an answer among what the model served and, where it is an ensemble, its stages counted meanwhile;
// of the ensemble's own parts only the queue is taken, and of it what its stages' do not explain, as the others are sums of its stages'.
// The parts add up to the mean: what no count explains is named. outside is the name of what is not the server's: the network, the
// client, and whatever stands between them. It is nil when nothing was answered or counted.
func Budget(r *Result, served StageTime, stages []StageTime, outside string) []Part {
	if r.Answered == 0 || served.Requests == 0 {
		return nil
	}
	total := milliseconds(r.Mean)
	var parts []Part
	add := func(name string, time float64) { parts = append(parts, Part{name, time, time / total}) }
	each := func(sum time.Duration) float64 { return milliseconds(sum) / float64(served.Requests) }
	server := each(served.Total)
	add("before it was sent", milliseconds(r.Wait))
	add(outside, total-milliseconds(r.Wait)-server)
	rest := "between the stages"
	if len(stages) == 0 {
		stages, rest = []StageTime{served}, "the rest of "+served.Model
	} else {
		own := served.Queue
		for _, s := range stages {
			own -= s.Queue
		}
		add(served.Model+" queue", each(max(own, 0)))
		server -= each(max(own, 0))
	}
	for _, s := range stages {
		for _, p := range []struct {
			name string
			sum  time.Duration
		}{{"queue", s.Queue}, {"inputs", s.Input}, {"compute", s.Compute}, {"outputs", s.Output}} {
			add(s.Model+" "+p.name, each(p.sum))
			server -= each(p.sum)
		}
	}
	add(rest, server)
	return parts
}
