package gateway

import (
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"unicode"

	"recsys/schema"
	"recsys/tensor"
)

// operation is a route of the public interface with what openapi.json says of it.
type operation struct {
	method, path, id, summary string
	handler                   http.HandlerFunc
	parameters                []schemaNode
	// body describes the request's, nil for none; answer is a value of the answer's type, nil for another type than JSON.
	body   func(*view) schemaNode
	status int
	answer any
	// open routes need no key and have no rate limit.
	open bool
}

// operations are all routes of the public interface.
func (g *Gateway) operations() []operation {
	v := g.views.now.Load()
	number := schemaNode{
		"name": "num_results", "in": "query",
		"schema": schemaNode{"type": "integer", "minimum": 1, "maximum": v.manifest.Limits.MaxResults, "default": v.defaultResults()},
	}
	user := schemaNode{
		"name": "id", "in": "path", "required": true,
		"schema": idNode(v.manifest.UserKey.DType.DType, "The user.").with("type", "string"), // A path has no integers such as 42.0.
	}
	return []operation{
		{
			method: http.MethodPost, path: "/v1/recommendations", id: "recommend", summary: "What to recommend to a user",
			handler: g.postRecommendations, status: http.StatusOK, answer: Answer{},
			body: func(v *view) schemaNode { return objectNode(append(v.recommendationFields(), timeoutField())) },
		},
		{
			method: http.MethodPost, path: "/v1/recommendations:batch", id: "recommendBatch", summary: "The same for many users",
			handler: g.postBatch, status: http.StatusOK, answer: Batch{},
			body: func(v *view) schemaNode { return objectNode(v.batchFields()) },
		},
		{
			method: http.MethodPost, path: "/v1/rankings", id: "rank", summary: "Given items for a user, best first",
			handler: g.postRankings, status: http.StatusOK, answer: Ranking{},
			body: func(v *view) schemaNode { return objectNode(v.rankingFields()) },
		},
		{
			method: http.MethodGet, path: "/v1/popular", id: "listPopular", summary: "What most users like",
			handler: g.getPopular, parameters: []schemaNode{number}, status: http.StatusOK, answer: Answer{},
		},
		{
			method: http.MethodGet, path: "/v1/users/{id}/recommendations", id: "recommendShort", summary: "What to recommend to a user, short",
			handler: g.getRecommendations, parameters: []schemaNode{user, number}, status: http.StatusOK, answer: Answer{},
		},
		{
			method: http.MethodPost, path: "/v1/events", id: "addEvents", summary: "What a user did; the very next answer knows it",
			handler: g.postEvents, status: http.StatusAccepted, answer: accepted{}, body: (*view).eventsNode,
		},
		{
			method: http.MethodGet, path: "/healthz", id: "health", summary: "Whether the process serves",
			handler: g.getHealth, status: http.StatusOK, answer: health{}, open: true,
		},
		{
			method: http.MethodGet, path: "/readyz", id: "ready", summary: "Whether requests should come here; 503 if not",
			handler: g.getReady, status: http.StatusOK, answer: readiness{}, open: true,
		},
		{
			method: http.MethodGet, path: "/openapi.json", id: "openapi", summary: "This description",
			handler: g.getOpenAPI, status: http.StatusOK, answer: schemaNode{},
		},
		{
			method: http.MethodGet, path: "/docs", id: "docs", summary: "This description to read",
			handler: g.getDocs, status: http.StatusOK,
		},
	}
}

// getOpenAPI describes the public interface, with the limits and columns of the generation that is served, by OpenAPI 3.1.
func (g *Gateway) getOpenAPI(w http.ResponseWriter, r *http.Request) {
	g.write(w, r, http.StatusOK, g.openAPI())
}

func (g *Gateway) openAPI() schemaNode {
	v := g.views.now.Load()
	types := schemaNode{}
	problem := schemaNode{
		"description": "The request has failed.",
		"content":     schemaNode{"application/problem+json": schemaNode{"schema": typeNode(reflect.TypeFor[Problem](), types)}},
	}
	paths := schemaNode{}
	for _, o := range g.operations() {
		answer := schemaNode{"description": o.summary + "."}
		if o.answer != nil {
			answer["content"] = schemaNode{"application/json": schemaNode{"schema": typeNode(reflect.TypeOf(o.answer), types)}}
		} else {
			answer["content"] = schemaNode{"text/html": schemaNode{}}
		}
		responses := schemaNode{strconv.Itoa(o.status): answer, "default": problem}
		if _, probe := o.answer.(readiness); probe {
			responses["503"] = answer
		}
		n := schemaNode{"operationId": o.id, "summary": o.summary, "responses": responses}
		if g.config.Keys != nil && !o.open {
			n["security"] = []schemaNode{{"key": []string{}}, {"bearer": []string{}}}
			responses["401"] = problem
		}
		if g.limits != nil && !o.open {
			responses["429"] = problem
		}
		if o.parameters != nil {
			n["parameters"] = o.parameters
		}
		if o.body != nil {
			n["requestBody"] = schemaNode{
				"required": true, "content": schemaNode{"application/json": schemaNode{"schema": o.body(v)}},
			}
		}
		path, _ := paths[o.path].(schemaNode)
		if path == nil {
			path = schemaNode{}
			paths[o.path] = path
		}
		path[strings.ToLower(o.method)] = n
	}
	version := g.config.Version
	if version == "" {
		version = "unknown"
	}
	components := schemaNode{"schemas": types}
	if g.config.Keys != nil {
		components["securitySchemes"] = schemaNode{
			"key":    schemaNode{"type": "apiKey", "in": "header", "name": "X-API-Key"},
			"bearer": schemaNode{"type": "http", "scheme": "bearer"},
		}
	}
	return schemaNode{
		"openapi": "3.1.0", "paths": paths, "components": components,
		"info": schemaNode{
			"title": "Recommendations by " + v.manifest.Name, "version": version,
			"description": "Generation " + strconv.Itoa(v.manifest.Generation) + ". Limits and columns are those of this generation.",
		},
	}
}

// typeNode describes an answer's Go type as encoding/json writes it; structs are put into types and referred to.
func typeNode(t reflect.Type, types schemaNode) schemaNode {
	switch t.Kind() {
	case reflect.Pointer:
		return typeNode(t.Elem(), types)
	case reflect.Slice:
		return schemaNode{"type": "array", "items": typeNode(t.Elem(), types)}
	case reflect.Bool:
		return schemaNode{"type": "boolean"}
	case reflect.Int:
		return schemaNode{"type": "integer"}
	case reflect.Float32, reflect.Float64:
		return schemaNode{"type": "number"}
	case reflect.String:
		return schemaNode{"type": "string"}
	case reflect.Struct:
	default:
		return schemaNode{"type": "object"}
	}
	name := string(unicode.ToUpper(rune(t.Name()[0]))) + t.Name()[1:]
	if types[name] == nil {
		properties, required := schemaNode{}, []string{}
		for _, f := range reflect.VisibleFields(t) {
			member, options, _ := strings.Cut(f.Tag.Get("json"), ",")
			if member == "" {
				continue // An embedded struct; its fields are visible.
			}
			properties[member] = typeNode(f.Type, types)
			if options != "omitempty" {
				required = append(required, member)
			}
		}
		types[name] = schemaNode{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
	}
	return schemaNode{"$ref": "#/components/schemas/" + name}
}

// contextNode describes the columns that a request may give.
func (v *view) contextNode() schemaNode {
	properties := schemaNode{}
	for _, name := range v.contextColumns() {
		c, _ := v.merger.contextColumn(name)
		properties[name] = columnNode(c)
	}
	return schemaNode{
		"type": []string{"object", "null"}, "properties": properties, "additionalProperties": false, "maxProperties": maxContext,
		"description": "Raw values of input columns; they win over the stored row, the defaults and the time of the request.",
	}
}

func columnNode(c schema.Column) schemaNode {
	d := c.DType.DType
	kind := "integer"
	switch {
	case d == tensor.String:
		kind = "string"
	case d == tensor.Bool:
		kind = "boolean"
	case d.IsFloat():
		kind = "number"
	}
	scalar := schemaNode{"type": []string{kind, "null"}}
	bits := 8 * d.Size()
	switch {
	case kind != "integer":
	case d == tensor.Uint64:
		scalar["minimum"] = 0
	case d < tensor.Uint64:
		scalar["minimum"], scalar["maximum"] = 0, 1<<bits-1
	case d < tensor.Int64:
		scalar["minimum"], scalar["maximum"] = -1<<(bits-1), 1<<(bits-1)-1
	}
	if c.Length == 0 {
		return scalar
	}
	return schemaNode{"type": []string{"array", "null"}, "items": scalar, "maxItems": c.Length}
}
