package gateway

import "net/http"

// getPopular answers with the most popular items of the data that the ensemble was trained on, without its help or the store's.
func (g *Gateway) getPopular(w http.ResponseWriter, req *http.Request) {
	v := g.views.now.Load()
	if len(v.manifest.Fallback) == 0 {
		g.fail(w, req, &problemError{kind: unsupported, detail: "the ensemble has no list of popular items: export it with one"})
		return
	}
	q := &recommendation{results: v.defaultResults()}
	r := newStrictReader(nil)
	v.readQuery(r, req, q)
	if err := invalidRequest(r.faults); err != nil {
		g.fail(w, req, err)
		return
	}
	e := &asked{q: q, items: v.popular(q.results, v.everything(g.stocks.now.Load()), nil)}
	g.finish(req.Context(), v, e, v.manifest.Generation)
	g.countAnswer(e.answer)
	g.write(w, req, http.StatusOK, e.answer)
}
