// Package load measures how something answers requests under load.
//
// [Run] sends requests for a while, in an open or a closed loop, and gives a [Result] with the distribution of the answers' times. A
// [Report] is what is printed, saved and compared: the result, what was measured, and the [Budget] that says in which stage a request
// spends its time.
//
//	r, err := load.Run(ctx, load.Config{Rate: 200, Clients: 64, Duration: 10 * time.Second}, ask)
//	p99 := r.Quantile(0.99)
//
// In an open loop requests arrive by a Poisson process whatever the answers do, as users do, and a time counts from when the request
// was due: a server that stops for a second is seen by all who would have come in that second, not by the few who were waiting (what
// Gil Tene calls coordinated omission). A closed loop has a fixed number of clients, each of which asks again when it was answered: it
// finds what a server can do at most, and says nothing of queues.
//
// Times are kept in an HdrHistogram: quantiles are exact to three digits.
package load
