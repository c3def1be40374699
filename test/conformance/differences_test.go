package conformance_test

import "slices"

// difference is a call to which the engine does not answer as Triton does.
type difference struct {
	calls  []string
	reason string
	// text is whether only the words of an error differ: the codes are compared.
	text bool
}

// differences are all that there are.
var differences = []difference{
	{
		reason: "names the program, and no extensions that the engine has not",
		calls:  []string{"grpc: server", "http: server"},
	},
	{
		reason: "not supported by the engine, which says so: classification, shared memory, tracing, log settings",
		calls: []string{
			"grpc: classification", "grpc: shared memory", "grpc: shared memory for an output", "grpc: trace", "grpc: log", "grpc: shared memory status",
			"grpc: register shared memory", "grpc: CUDA memory", "http: classification", "http: shared memory", "http: shared memory for an output",
			"http: trace settings", "http: trace settings of a model", "http: log settings", "http: system shared memory", "http: cuda shared memory",
		},
	},
	{
		reason: "gRPC for Go has gzip, and no deflate",
		calls:  []string{"python grpc: deflate"},
	},
	{
		reason: "a fault at work is told in the words of the one who computes",
		text:   true,
		calls:  []string{"grpc: fault of the model", "grpc: fault of a step", "http: fault of the model", "http: fault of a step"},
	},
	{
		reason: "what is wrong with JSON is told in the words of the one who parses",
		text:   true,
		calls:  []string{"http: index of no JSON", "http: no JSON", "http: more behind the JSON", "http: load no JSON"},
	},
	{
		reason: "the engine says what is wrong with the model, where Triton leaves it to its log",
		text:   true,
		calls: []string{
			"grpc: load nobody", "grpc: load no name", "grpc: load wrong", "http: load nobody", "http: load a path", "http: load what is wrong",
			"http: load with a configuration that is none", "http: load files without a configuration", "http: load files that escape",
			"http: load files that are no base64", "http: load with an unknown parameter", "python grpc: load nobody", "python http: load nobody",
		},
	},
	{
		reason: "Triton multiplies sizes beyond its integers",
		text:   true,
		calls:  []string{"grpc: negative shape"},
	},
	{
		reason: "Triton multiplies sizes beyond its integers, and runs the model on a tensor that there is not",
		calls:  []string{"grpc: huge shape"},
	},
	{
		reason: "Triton names whichever input its hash table has second",
		text:   true,
		calls:  []string{"http: batches differ"},
	},
	{
		reason: "Triton loses a bracket where no input is missing",
		text:   true,
		calls:  []string{"http: an unknown input"},
	},
	{
		reason: "Triton cuts numbers that are too large for their type",
		calls:  []string{"http: int8 out of range"},
	},
	{
		reason: "Triton takes a header that is no number for 0, and a body that cannot be unpacked for an empty one",
		text:   true,
		calls:  []string{"http: header that is no number", "http: gzip that is none"},
	},
	{
		reason: "Triton does not decode percent signs in paths",
		text:   true,
		calls:  []string{"http: escape"},
	},
	{
		reason: "Triton does not look at the body where it expects parameters it does not need",
		calls:  []string{"http: unload no JSON"},
	},
	{
		reason: "after a load that failed Triton is not ready as a whole, though all that was served is; the engine is",
		calls:  []string{"http: ready", "http: ready at the end"},
	},
	{
		reason: "a load with files that are no base64 is no load to the engine; Triton tries, and notes that it failed",
		calls:  []string{"http: index at the end"},
	},
}

// listed returns the difference of a call.
func listed(call string) (difference, bool) {
	for _, d := range differences {
		if slices.Contains(d.calls, call) {
			return d, true
		}
	}
	return difference{}, false
}
