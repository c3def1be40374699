package gateway

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// What pages of other origins may send and read, and for how many seconds a browser may remember it.
const (
	corsMethods = "GET, POST"
	corsHeaders = "Authorization, Content-Type, X-API-Key, X-Request-ID"
	corsExposed = "RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-ID"
	corsMaxAge  = "600"
)

// crossOrigin lets pages of the configured origins use the public interface, as the Fetch standard, section 3.3, has
// it. Answers to other origins are those without it: it is the browser that keeps pages from them. Cookies are never
// allowed, as nothing here reads them.
func (g *Gateway) crossOrigin(next http.Handler) http.Handler {
	origins := g.config.Origins
	if len(origins) == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		if !slices.Contains(origins, origin) {
			next.ServeHTTP(w, r)
			return
		}
		h.Set("Access-Control-Allow-Origin", origin)
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", corsMethods)
			h.Set("Access-Control-Allow-Headers", corsHeaders)
			h.Set("Access-Control-Max-Age", corsMaxAge)
			w.WriteHeader(http.StatusNoContent)
			return
		}
		h.Set("Access-Control-Expose-Headers", corsExposed)
		next.ServeHTTP(w, r)
	})
}

// checkOrigin refuses what no browser sends as the Origin of a page.
func checkOrigin(origin string) error {
	u, err := url.Parse(origin)
	if err != nil || u.Scheme == "" || u.Hostname() == "" || u.Scheme+"://"+u.Host != origin || strings.ToLower(origin) != origin || strings.Contains(u.Host, "*") {
		return fmt.Errorf("origin %q is not a scheme and a host in small letters, with a port if it has one, such as https://shop.example", origin)
	}
	if port := u.Port(); u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		return fmt.Errorf("origin %q has the port that browsers leave out", origin)
	}
	return nil
}
