package gateway

import (
	"log/slog"
	"net/http"
	"strings"
)

// authenticate lets requests with a key through. Without a file of keys everybody may come in.
func (g *Gateway) authenticate(next http.Handler) http.Handler {
	keys := g.config.Keys
	if keys == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		changed, err := keys.refresh(g.now())
		switch {
		case err != nil:
			g.warnings.warn(r.Context(), "API keys not read again", slog.Any("error", err))
		case changed:
			g.log.InfoContext(r.Context(), "API keys read again", slog.Int("keys", len(*keys.table.Load())))
		}
		key, name := presented(r), ""
		if key != "" {
			name = keys.find(key)
		}
		if name == "" {
			challenge, detail := `Bearer realm="recsys"`, "send a key in X-API-Key, or in Authorization as Bearer"
			reason := "missing"
			if key != "" {
				// RFC 6750, section 3.1, has this word for tokens that are sent and do not hold.
				challenge, detail, reason = challenge+`, error="invalid_token"`, "the key is not known here", "unknown"
			}
			g.metrics.unauthorized.WithLabelValues(reason).Inc()
			w.Header().Set("WWW-Authenticate", challenge)
			g.fail(w, r, &problemError{kind: unauthorized, detail: detail})
			return
		}
		g.metrics.keyRequests.WithLabelValues(name).Inc()
		if rec, ok := w.(*recorder); ok {
			rec.key = name
		}
		next.ServeHTTP(w, r)
	})
}

// presented returns the key that a request brings, "" for none. X-API-Key goes before Authorization, whose
// scheme may be in any case (RFC 9110, section 11.1).
func presented(r *http.Request) string {
	if key := r.Header.Get("X-API-Key"); key != "" {
		return key
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
