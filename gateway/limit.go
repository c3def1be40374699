package gateway

import (
	"container/list"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Limits of rate limits.
const (
	maxRate = 1_000_000
	// maxCallers bounds the buckets that are remembered; the caller that was not there for longest is forgotten.
	maxCallers = 1 << 16
)

// Rate is how many requests a caller may do: as many as Requests at once, and Requests in every Per from then on. The
// zero value is no limit.
type Rate struct {
	// Requests is from 1 to 1,000,000.
	Requests int
	// Per is a second, a minute or an hour.
	Per time.Duration
}

// UnmarshalText reads "100/s", "100/m" or "100/h".
func (r *Rate) UnmarshalText(text []byte) error {
	count, unit, _ := strings.Cut(string(text), "/")
	per := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[unit]
	n, err := strconv.Atoi(count)
	read := Rate{n, per}
	if err != nil || read.validate() != nil {
		return fmt.Errorf("%q is not a number of requests from 1 to %d and a unit, such as 100/s, 100/m or 100/h", text, maxRate)
	}
	*r = read
	return nil
}

func (r Rate) validate() error {
	if r.Requests < 1 || r.Requests > maxRate || r.Per != time.Second && r.Per != time.Minute && r.Per != time.Hour {
		return errors.New("a rate limit that is not of 1 to 1,000,000 requests in a second, a minute or an hour")
	}
	return nil
}

// limiter has a token bucket for every caller. It is safe for concurrent use.
type limiter struct {
	rate     Rate
	interval time.Duration // in which a token comes

	mu      sync.Mutex
	buckets map[string]*list.Element // of the callers in order
	order   list.List                // of *bucket, the caller that came last in front
}

// bucket is a token bucket as the time at which it is full: each token that is missing moves it by an interval.
type bucket struct {
	caller string
	full   time.Time
}

// quota is what a caller has left.
type quota struct {
	left int           // requests that may come at once
	wait time.Duration // until the next may come; 0 where this one may
	full time.Duration // until the bucket is full
}

func newLimiter(r Rate) *limiter {
	return &limiter{rate: r, interval: r.Per / time.Duration(r.Requests), buckets: map[string]*list.Element{}}
}

// take takes a token, unless there is none.
func (l *limiter) take(now time.Time, caller string) quota {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(now, caller)
	q := l.quota(now, b)
	if q.left < 1 {
		q.wait = q.full - time.Duration(l.rate.Requests-1)*l.interval
		return q
	}
	b.full = b.full.Add(l.interval)
	return l.quota(now, b)
}

// charge takes n tokens, whether they are there or not: the next requests wait for them.
func (l *limiter) charge(now time.Time, caller string, n int) quota {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(now, caller)
	b.full = b.full.Add(time.Duration(n) * l.interval)
	return l.quota(now, b)
}

// bucket finds a caller's bucket, or makes a full one.
func (l *limiter) bucket(now time.Time, caller string) *bucket {
	e := l.buckets[caller]
	if e == nil {
		if l.order.Len() >= maxCallers {
			oldest := l.order.Back()
			if b, ok := l.order.Remove(oldest).(*bucket); ok {
				delete(l.buckets, b.caller)
			}
		}
		e = l.order.PushFront(&bucket{caller: caller})
		l.buckets[caller] = e
	}
	l.order.MoveToFront(e)
	b, _ := e.Value.(*bucket)
	if b.full.Before(now) {
		b.full = now
	}
	return b
}

func (l *limiter) quota(now time.Time, b *bucket) quota {
	full := b.full.Sub(now)
	missing := int((full + l.interval - 1) / l.interval)
	return quota{left: max(0, l.rate.Requests-missing), full: full}
}

// tell writes a quota into the headers of an answer, as draft-ietf-httpapi-ratelimit-headers-10 has them, sections 3 and 4.
func (l *limiter) tell(h http.Header, q quota) {
	h.Set("RateLimit-Policy", fmt.Sprintf(`"default";q=%d;w=%d`, l.rate.Requests, l.rate.Per/time.Second))
	h.Set("RateLimit", fmt.Sprintf(`"default";r=%d;t=%d`, q.left, seconds(q.full)))
}

// seconds rounds up: who comes then is not early.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }

// limit refuses requests of callers that have done too many.
func (g *Gateway) limit(next http.Handler) http.Handler {
	if g.limits == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := g.limits.take(g.now(), callerOf(w, r))
		g.limits.tell(w.Header(), q)
		if q.wait > 0 {
			g.metrics.shed.WithLabelValues("rate_limit").Inc()
			w.Header().Set("Retry-After", strconv.Itoa(seconds(q.wait)))
			rate := g.limits.rate
			g.fail(w, r, &problemError{kind: limited, detail: fmt.Sprintf("at most %d in %d s", rate.Requests, rate.Per/time.Second)})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// chargeMore counts further requests that the body of one has held.
func (g *Gateway) chargeMore(w http.ResponseWriter, r *http.Request, n int) {
	if g.limits != nil {
		g.limits.tell(w.Header(), g.limits.charge(g.now(), callerOf(w, r), n))
	}
}

// callerOf names who does a request: its key, or its address. Of IPv6 addresses a network of 64 bits is one caller,
// as a single machine may take any address of it.
func callerOf(w http.ResponseWriter, r *http.Request) string {
	if rec, ok := w.(*recorder); ok && rec.key != "" {
		return rec.key
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	if a = a.Unmap(); a.Is4() {
		return a.String()
	}
	network, err := a.WithZone("").Prefix(64)
	if err != nil {
		return host
	}
	return network.String()
}
