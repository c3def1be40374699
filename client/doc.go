// Package client talks to Triton Inference Server, or any server of the KServe v2 protocol, over gRPC or HTTP.
//
// [New] makes a [Client] for a server or several replicas. [Client.Infer] runs a model on tensors; [Client.Do] is the
// same with everything that the protocol can say about one inference, [Client.Stream] has a decoupled model's answers as
// they come, and [Client.Sequence] keeps to the replica that holds a session's state. [Client.WaitReady] and
// [Client.Ready] ask whether models can answer, [Client.ModelMetadata], [Client.ModelConfig] and [Client.Statistics]
// what they are and do, and [Client.Load], [Client.Unload] and [Client.RepositoryIndex] change and list what is served.
// [Client.RegisterShared] has tensors stay in memory that a server on the same machine shares.
//
//	c, err := client.New(ctx, "localhost:8001")
//	if err != nil {
//		return err
//	}
//	defer c.Close()
//	inputs := tensor.Map{"user": tensor.Of([]int64{42}, 1, 1)}
//	outputs, version, err := c.Infer(ctx, "shop", inputs, []string{"item_ids", "scores"})
//
// Tensors go as raw contents, which is much the fastest form, from their own memory: inputs must not change during a
// call, and outputs belong to the caller, who can have them decoded into tensors of an earlier answer. Shapes are those on the wire: a tensor which the
// model's config.pbtxt declares with dims: [1] reshape: {shape: []} has shape [B,1] here.
//
// # Deadlines
//
// Every call has a deadline: the context's, or [WithTimeout]'s where the context has none. The server is told what
// is left of it, so that a model with a queue policy drops requests that nobody waits for. A call with less than 5 ms
// left fails at once with [ErrDeadline]: cancellations so soon have crashed servers
// (https://github.com/triton-inference-server/server/issues/7368).
//
// # Errors
//
// Errors are of type [*Error] and match the package's sentinels: errors.Is(err, client.ErrUnavailable) says
// that another try or another replica may answer.
//
// # HTTP
//
// A target that begins with "http://" or "https://" is reached by Triton's HTTP endpoint, for servers that open no other
// port; everything here works the same but [Client.Stream], which HTTP has not. Tensors travel as raw bytes all the same,
// by the protocol's binary tensor data extension: numbers are sent from the tensors' own memory and read from the connection into
// those of the answer, or of Request.Into, without a buffer of their size between. What is compressed passes through the packer, and
// the JSON that describes the tensors is what makes gRPC the faster of the two.
//
// # Replicas
//
// With several servers a call goes to the least busy one that is connected, knows the model and has not failed five
// times in a row; after a pause one call probes such a replica, see [Breaker]. Inferences and questions that fail as
// unavailable are tried again, on another replica first, within their deadline and a budget for all calls: see [Retry].
// With [WithHedge] one that takes long is asked of a second replica too. [Client.Load] and [Client.Unload] change every
// replica, [Client.WaitServing] waits for every one, [Client.ForEach] does anything with each, and [Client.Replicas]
// shows their state. [WithMaxInFlight] refuses what is too much, [WithObserver] and
// [WithTracer] tell each try, [WithCallTracer] each call, and [ScrapeMetrics] reads a server's own figures. recsys/client/otel and
// recsys/client/prometheus are made of these.
//
// A Client is safe for concurrent use, and one is enough for a process. The stubs of the protocol are in
// recsys/client/tritonpb; recsys/client/tritontest is a server for tests.
package client
