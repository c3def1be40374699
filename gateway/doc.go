// Package gateway is the HTTP front of a serving ensemble: it merges what the feature store knows about a user
// with the request, makes one call of the ensemble, and answers in JSON.
//
// [New] makes a [Gateway] from a [Config]: the ensemble's manifest, an [Inferencer] that runs it, and a
// featurestore.Store. [Gateway.Handler] serves users:
//
//	POST /v1/recommendations              what to recommend to a user
//	POST /v1/recommendations:batch        the same for many users, with few calls of the ensemble
//	GET  /v1/users/{id}/recommendations   the same, short
//	POST /v1/rankings                     given items, best first
//	GET  /v1/popular                      what most users like
//	POST /v1/events                       what a user did; the very next answer knows it
//	GET  /openapi.json, GET /docs         this interface, for machines and for people
//	GET  /healthz, GET /readyz
//
// [Gateway.AdminHandler] adds /metrics, for a listener that is not public. [Gateway.Serve] runs both until its
// context ends, and drains them.
//
// With [Config.Keys] all but health needs an API key, with [Config.RateLimit] every caller has a token bucket, and
// [Config.Origins] are those whose pages may call from a browser.
//
// A request never waits longer than its budget, [Config.Timeout]. Where the store or the ensemble does not
// answer in time, the gateway answers with less and says so in "degraded" and "degraded_reasons": without
// features it uses the manifest's defaults, without the ensemble it recommends what is popular. Events are the
// exception: one that the store did not take is refused with 503, so that the caller keeps it.
//
// After a publish another generation answers than the one whose manifest the gateway has read. With [Config.Generations] it reads that
// one's and makes the request anew: an answer is read by the manifest of the generation that gave it, or says that it is not.
//
// Errors are problem details (RFC 9457) with JSON pointers to the fields at fault; problem.go is the only place
// that maps errors to statuses. docs/reference/http-api.md describes the interface.
package gateway
