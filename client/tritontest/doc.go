// Package tritontest is a Triton Inference Server for tests: in process, without network, with models that are Go
// functions and with faults on demand.
//
// [Start] serves [Model] values until the test ends; [Server.Client] gives a client for it, and [Server.Target] with
// [Server.DialOption] what any other gRPC client needs. [Server.Inject] makes calls slow, failing, hanging or
// wrong, [Server.Stop], [Server.Restart] and [Server.Drain] take the server away and bring it back, [Server.Requests]
// tells what has arrived. [Server.Reset], [Server.ResetAfter], [Server.Blackhole], [Server.Throttle] and
// [Server.Garble] harm the connections.
//
//	server := tritontest.Start(t, tritontest.Model{
//		Name: "double",
//		Infer: func(_ context.Context, call tritontest.Call) (tensor.Map, error) {
//			...
//		},
//	})
//	c := server.Client(t)
//
// It answers the calls that recsys/client makes, with Triton's status codes and words where those are known, and
// refuses the others as unimplemented. It does not batch, queue or check inputs: for those there is the real one.
// Everything is safe for concurrent use.
package tritontest
