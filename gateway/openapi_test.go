package gateway_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/google/go-cmp/cmp"

	"recsys/gateway"
)

func openAPI(t *testing.T, s *stand) map[string]any {
	t.Helper()
	w := do(t, s.public, http.MethodGet, "/openapi.json", "")
	var d map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &d); err != nil || w.Code != http.StatusOK {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return d
}

// at walks through objects.
func at(t *testing.T, node any, path ...string) any {
	t.Helper()
	for _, name := range path {
		m, ok := node.(map[string]any)
		if !ok || m[name] == nil {
			t.Fatalf("no %q of %v", name, path)
		}
		node = m[name]
	}
	return node
}

func object(t *testing.T, node any, path ...string) map[string]any {
	t.Helper()
	m, ok := at(t, node, path...).(map[string]any)
	if !ok {
		t.Fatalf("%v is no object", path)
	}
	return m
}

// TestOpenAPIRoutes compares the routes of the router with those of the description.
func TestOpenAPIRoutes(t *testing.T) {
	s := newStand(t, nil)
	var got, want []string
	for path, methods := range object(t, openAPI(t, s), "paths") {
		for method := range object(t, methods) {
			got = append(got, strings.ToUpper(method)+" "+path)
		}
	}
	routes, ok := s.public.(chi.Routes)
	if !ok {
		t.Fatal("the handler does not tell its routes")
	}
	err := chi.Walk(routes, func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		want = append(want, method+" "+route)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(got, want); diff != "" || len(want) < 10 {
		t.Errorf("described routes (-got +want):\n%s", diff)
	}
}

// TestOpenAPIFields sends every described field of every body, and one more: the handlers know those and not this.
func TestOpenAPIFields(t *testing.T) {
	s := newStand(t, nil)
	n := 0
	for path, methods := range object(t, openAPI(t, s), "paths") {
		post, ok := object(t, methods)["post"]
		if !ok {
			continue
		}
		schema := object(t, post, "requestBody", "content", "application/json", "schema")
		objects := []any{schema}
		if choices, ok := schema["anyOf"].([]any); ok {
			objects = choices
		}
		var names []string
		for _, o := range objects {
			names = slices.AppendSeq(names, maps.Keys(object(t, o, "properties")))
			required, _ := object(t, o)["required"].([]any)
			for _, name := range required {
				if w := do(t, s.public, http.MethodPost, path, `{}`); len(objects) == 1 && !strings.Contains(w.Body.String(), fmt.Sprintf(`{"pointer":"/%s","detail":"it is required"}`, name)) {
					t.Errorf("%s does not require %s: %s", path, name, w.Body)
				}
			}
		}
		for _, name := range append(names, "colour") {
			w := do(t, s.public, http.MethodPost, path, fmt.Sprintf(`{%q: {"x": 1}}`, name))
			unknown := strings.Contains(w.Body.String(), fmt.Sprintf(`{"pointer":"/%s","detail":"unknown field"}`, name))
			if w.Code != http.StatusUnprocessableEntity || unknown != (name == "colour") {
				t.Errorf("%s: field %q: status %d: %s", path, name, w.Code, w.Body)
			}
			n++
		}
	}
	if n < 20 {
		t.Errorf("%d fields were sent; does the test still read them?", n)
	}
}

// TestOpenAPILimits compares limits with those of the generation.
func TestOpenAPILimits(t *testing.T) {
	schema := object(t, openAPI(t, newStand(t, nil)), "paths", "/v1/recommendations", "post", "requestBody", "content", "application/json", "schema", "properties")
	for field, want := range map[string]string{
		"num_results":        `{"default":6,"description":"How many items to answer with.","maximum":6,"minimum":1,"type":["integer","null"]}`,
		"candidate_item_ids": `"maxItems":10,`,
		"user_id":            `"pattern":"^[+-]?0*[0-9]{1,18}$"`,
	} {
		text, err := json.Marshal(schema[field])
		if err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s is %s, want %s", field, text, want)
		}
	}
	hour := object(t, schema, "context", "properties", "hour") // int8
	if hour["minimum"] != -128.0 || hour["maximum"] != 127.0 {
		t.Errorf("hour is %v", hour)
	}
	got := slices.Sorted(maps.Keys(object(t, schema, "context", "properties")))
	if diff := cmp.Diff(got, []string{"age", "device", "gender", "hour", "likes", "new", "timestamp"}); diff != "" {
		t.Errorf("columns (-got +want):\n%s", diff)
	}
}

// conform checks a document against a schema as far as the description uses JSON Schema for answers.
func conform(t *testing.T, root map[string]any, schema, document any, where string) {
	t.Helper()
	s := object(t, schema)
	if ref, ok := s["$ref"].(string); ok {
		path := strings.Split(strings.TrimPrefix(ref, "#/"), "/")
		conform(t, root, at(t, root, path...), document, where)
		return
	}
	kind := map[string]bool{}
	switch v := document.(type) {
	case map[string]any:
		kind["object"] = true
		properties, _ := s["properties"].(map[string]any)
		for name, member := range v {
			if properties[name] == nil {
				if s["additionalProperties"] == false {
					t.Errorf("%s.%s is not described", where, name)
				}
				continue
			}
			conform(t, root, properties[name], member, where+"."+name)
		}
		required, _ := s["required"].([]any)
		for _, name := range required {
			if _, ok := v[fmt.Sprint(name)]; !ok {
				t.Errorf("%s.%s is required and absent", where, name)
			}
		}
	case []any:
		kind["array"] = true
		for i, element := range v {
			conform(t, root, s["items"], element, fmt.Sprintf("%s[%d]", where, i))
		}
	case string:
		kind["string"] = true
	case bool:
		kind["boolean"] = true
	case float64:
		kind["number"], kind["integer"] = true, v == float64(int64(v))
	}
	if !kind[fmt.Sprint(s["type"])] {
		t.Errorf("%s is %v, described as %v", where, document, s["type"])
	}
}

// TestOpenAPIAnswers holds answers of every route, and problems, against their descriptions.
func TestOpenAPIAnswers(t *testing.T) {
	requests := map[string][]string{
		"POST /v1/recommendations":             {`{"user_id": 42, "exclude_item_ids": ["zz"]}`, `{"user_id": "x"}`, `{`},
		"POST /v1/recommendations:batch":       {`{"requests": [{"user_id": 42}, {}]}`, `{"requests": []}`},
		"POST /v1/rankings":                    {`{"user_id": 42, "item_ids": ["a", "zz"]}`, `{}`},
		"GET /v1/popular":                      {""},
		"GET /v1/users/{id}/recommendations":   {""},
		"POST /v1/events":                      {`{"user_id": 42, "item_id": "a"}`, `{"events": []}`},
		"GET /healthz":                         {""},
		"GET /readyz":                          {""},
		"GET /openapi.json":                    {""},
		"GET /docs":                            {""},
		"GET /readyz while the model is away":  {""},
		"GET /v1/popular with a bad parameter": {""},
	}
	root := openAPI(t, newStand(t, nil))
	for path, methods := range object(t, root, "paths") {
		for method := range object(t, methods) {
			if requests[strings.ToUpper(method)+" "+path] == nil {
				t.Errorf("no request for %s %s", method, path)
			}
		}
	}
	for route, bodies := range requests {
		words := strings.Fields(route)
		method, path := words[0], words[1]
		s := newStand(t, nil)
		url := strings.ReplaceAll(path, "{id}", "42")
		switch {
		case strings.Contains(route, "away"):
			s.ranker.ready = errors.New("away")
		case strings.Contains(route, "bad"):
			url += "?num_results=0"
		}
		for _, body := range bodies {
			w := do(t, s.public, method, url, body)
			responses := object(t, root, "paths", path, strings.ToLower(method), "responses")
			name := fmt.Sprint(w.Code)
			if responses[name] == nil {
				name = "default"
			}
			media, _, _ := strings.Cut(w.Header().Get("Content-Type"), ";")
			content := object(t, responses, name, "content", media)
			if media == "text/html" {
				continue
			}
			var document any
			if err := json.Unmarshal(w.Body.Bytes(), &document); err != nil {
				t.Fatal(err)
			}
			conform(t, root, content["schema"], document, route)
		}
	}
}

// TestDocs looks for every route and field in the page, which must not load anything.
func TestDocs(t *testing.T) {
	s := newStand(t, func(c *gateway.Config) { c.Manifest.Name = "a<b" })
	w := do(t, s.public, http.MethodGet, "/docs", "")
	text := w.Body.String()
	for _, want := range []string{
		"<h1>Recommendations by a&lt;b</h1>", "POST /v1/rankings", "<code>requests[].candidate_item_ids</code>", "<code>context.likes</code>",
		"<code>user_id</code> (required)", "minimum 1, maximum 60000", "<code>events[].timestamp</code>", "<code>num_results</code>",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page has no %s", want)
		}
	}
	if strings.Contains(text, "src=") || strings.Contains(text, "http://") || strings.Contains(text, "https://") ||
		!strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
		t.Error("the page may load something")
	}
}
