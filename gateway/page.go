package gateway

import (
	"bytes"
	_ "embed" // The page's template.
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"
)

//go:embed page.html
var pageText string

// page is what the template of /docs shows.
type page struct {
	Title, Description string
	Operations         []pageOperation
}

type pageOperation struct {
	Method, Path, Summary string
	Rows                  []pageRow
}

type pageRow struct {
	Name, Type, Limits, Description string
	Required                        bool
}

// getDocs shows openapi.json to people. The page loads nothing.
func (g *Gateway) getDocs(w http.ResponseWriter, r *http.Request) {
	t, err := template.New("page").Parse(pageText)
	if err != nil {
		g.fail(w, r, fmt.Errorf("read page: %w", err))
		return
	}
	var body bytes.Buffer
	if err := t.Execute(&body, g.page()); err != nil {
		g.fail(w, r, fmt.Errorf("write page: %w", err))
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	_, _ = w.Write(body.Bytes()) // The client may have gone.
}

func (g *Gateway) page() page {
	v := g.views.now.Load()
	info, _ := g.openAPI()["info"].(schemaNode)
	p := page{Title: fmt.Sprint(info["title"]), Description: fmt.Sprint(info["description"])}
	for _, o := range g.operations() {
		row := pageOperation{Method: o.method, Path: o.path, Summary: o.summary}
		for _, n := range o.parameters {
			schema, _ := n["schema"].(schemaNode)
			row.Rows = append(row.Rows, newRow(fmt.Sprint(n["name"]), schema, n["required"] == true))
		}
		if o.body != nil {
			row.Rows = append(row.Rows, bodyRows("", o.body(v))...)
		}
		p.Operations = append(p.Operations, row)
	}
	return p
}

// bodyRows lists the fields of an object, those of its lists of objects below them.
func bodyRows(prefix string, n schemaNode) []pageRow {
	var rows []pageRow
	if choices, ok := n["anyOf"].([]schemaNode); ok {
		for _, c := range choices {
			rows = append(rows, bodyRows(prefix, c)...)
		}
		return rows
	}
	properties, _ := n["properties"].(schemaNode)
	required, _ := n["required"].([]string)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		child, _ := properties[name].(schemaNode)
		rows = append(rows, newRow(prefix+name, child, slices.Contains(required, name)))
		rows = append(rows, bodyRows(prefix+name+".", child)...)
		if items, ok := child["items"].(schemaNode); ok {
			rows = append(rows, bodyRows(prefix+name+"[].", items)...)
		}
	}
	return rows
}

func newRow(name string, n schemaNode, required bool) pageRow {
	row := pageRow{Name: name, Required: required}
	switch t := n["type"].(type) {
	case string:
		row.Type = t
	case []string:
		row.Type = strings.Join(t, " or ")
	}
	var limits []string
	for _, k := range []string{"minimum", "maximum", "minItems", "maxItems", "maxLength", "default"} {
		if v, ok := n[k]; ok {
			limits = append(limits, fmt.Sprintf("%s %v", k, v))
		}
	}
	row.Limits = strings.Join(limits, ", ")
	if d, ok := n["description"]; ok {
		row.Description = fmt.Sprint(d)
	}
	return row
}
