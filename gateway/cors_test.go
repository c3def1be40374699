package gateway_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"recsys/gateway"
)

const shopOrigin = "https://shop.example"

// corsOf picks the headers of CORS.
func corsOf(h http.Header) map[string]string {
	found := map[string]string{}
	for name, values := range h {
		if what, ok := strings.CutPrefix(name, "Access-Control-"); ok || name == "Vary" {
			found[what] = strings.Join(values, ", ")
		}
	}
	return found
}

func TestCORS(t *testing.T) {
	allowed := map[string]string{"Allow-Origin": shopOrigin, "Vary": "Origin", "Expose-Headers": "RateLimit, RateLimit-Policy, Retry-After, WWW-Authenticate, X-Request-ID"}
	preflight := map[string]string{
		"Allow-Origin": shopOrigin, "Vary": "Origin", "Allow-Methods": "GET, POST",
		"Allow-Headers": "Authorization, Content-Type, X-API-Key, X-Request-ID", "Max-Age": "600",
	}
	refused := map[string]string{"Vary": "Origin"}
	const origin, method = "Origin: " + shopOrigin, "Access-Control-Request-Method: POST"
	tests := []struct {
		name, method string
		headers      []string
		status       int
		want         map[string]string
	}{
		{"no origin", http.MethodGet, nil, 401, refused},
		{"origin", http.MethodGet, []string{origin, "X-API-Key: web-key"}, 200, allowed},
		{"origin without a key", http.MethodGet, []string{origin}, 401, allowed},
		{"second origin", http.MethodGet, []string{"Origin: http://localhost:3000"}, 401, map[string]string{
			"Allow-Origin": "http://localhost:3000", "Vary": "Origin", "Expose-Headers": allowed["Expose-Headers"],
		}},
		{"another origin", http.MethodGet, []string{"Origin: https://shop.example.org"}, 401, refused},
		{"a prefix", http.MethodGet, []string{"Origin: https://shop.exampl"}, 401, refused},
		{"another scheme", http.MethodGet, []string{"Origin: http://shop.example"}, 401, refused},
		{"another port", http.MethodGet, []string{"Origin: https://shop.example:8443"}, 401, refused},
		{"null", http.MethodGet, []string{"Origin: null"}, 401, refused},
		{"preflight", http.MethodOptions, []string{origin, method}, 204, preflight},
		{"preflight of another origin", http.MethodOptions, []string{"Origin: https://other.example", method}, 405, refused},
		{"no preflight", http.MethodOptions, []string{origin}, 405, allowed},
	}
	path := keyFile(t, "web "+hashOf("web-key"))
	s := newStand(t, func(c *gateway.Config) {
		c.Keys, c.Origins = openKeys(t, path), []string{shopOrigin, "http://localhost:3000"}
	})
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := with(t, s.public, tt.method, popularPath, "", tt.headers...)
			if diff := cmp.Diff(corsOf(w.Header()), tt.want); w.Code != tt.status || diff != "" {
				t.Errorf("status %d, want %d; headers (-got +want):\n%s", w.Code, tt.status, diff)
			}
		})
	}
	for name, h := range map[string]http.Handler{"without origins": newStand(t, nil).public, "admin": s.admin} {
		w := with(t, h, http.MethodOptions, "/healthz", "", origin, method)
		if diff := cmp.Diff(corsOf(w.Header()), map[string]string{}); w.Code != http.StatusMethodNotAllowed || diff != "" {
			t.Errorf("%s: status %d; headers (-got +want):\n%s", name, w.Code, diff)
		}
	}
}

// TestCORSExposed looks for headers of answers that pages could not read, and for methods and headers of requests that
// they could not send.
func TestCORSExposed(t *testing.T) {
	path := keyFile(t, "web "+hashOf("web-key"))
	s := newStand(t, func(c *gateway.Config) {
		c.Keys, c.Origins = openKeys(t, path), []string{shopOrigin}
		c.RateLimit = gateway.Rate{Requests: 1, Per: time.Hour}
	})
	// Those of which the Fetch standard lets pages read everywhere (CORS-safelisted response-header names), those that
	// are for the browser, and Allow, which tells of other methods than the description.
	known := []string{"Content-Type", "Content-Length", "Vary", "X-Content-Type-Options", "Allow"}
	statuses := map[int]bool{}
	for _, key := range []string{"web-key", "web-key", "no"} {
		w := with(t, s.public, http.MethodGet, popularPath, "", "Origin: "+shopOrigin, "X-API-Key: "+key)
		statuses[w.Code] = true
		exposed := strings.Split(strings.ToLower(w.Header().Get("Access-Control-Expose-Headers")), ", ")
		for name := range w.Header() {
			if !strings.HasPrefix(name, "Access-Control-") && !slices.Contains(known, name) && !slices.Contains(exposed, strings.ToLower(name)) {
				t.Errorf("status %d: pages cannot read %s", w.Code, name)
			}
		}
	}
	if diff := cmp.Diff(statuses, map[int]bool{200: true, 429: true, 401: true}); diff != "" {
		t.Errorf("statuses (-got +want):\n%s", diff)
	}
	w := with(t, s.public, http.MethodOptions, popularPath, "", "Origin: "+shopOrigin, "Access-Control-Request-Method: GET")
	methods := strings.Split(w.Header().Get("Access-Control-Allow-Methods"), ", ")
	for path, described := range object(t, openAPI(t, newStand(t, nil)), "paths") {
		for method := range object(t, described) {
			if !slices.Contains(methods, strings.ToUpper(method)) {
				t.Errorf("pages cannot do %s %s", method, path)
			}
		}
	}
}

func TestOrigins(t *testing.T) {
	for _, tt := range []struct{ origin, want string }{
		{"https://shop.example", ""},
		{"http://localhost:3000", ""},
		{"http://[::1]:3000", ""},
		{"capacitor://localhost", ""},
		{"", "is not a scheme and a host"},
		{"*", "is not a scheme and a host"},
		{"null", "is not a scheme and a host"},
		{"shop.example", "is not a scheme and a host"},
		{"https://", "is not a scheme and a host"},
		{"https://:8443", "is not a scheme and a host"},
		{"https://*.example", "is not a scheme and a host"},
		{"https://Shop.example", "is not a scheme and a host"},
		{"https://shop.example/", "is not a scheme and a host"},
		{"https://a@shop.example", "is not a scheme and a host"},
		{"https://shop.example?x", "is not a scheme and a host"},
		{"https://shop.example:443", "has the port that browsers leave out"},
		{"http://shop.example:80", "has the port that browsers leave out"},
	} {
		config := gateway.Config{Origins: []string{tt.origin}}
		err := config.Validate() // Has other faults, too.
		if got := strings.Contains(err.Error(), "origin"); got != (tt.want != "") || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%q: error %v, want %q", tt.origin, err, tt.want)
		}
	}
}
