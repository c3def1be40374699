package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"time"

	"recsys/ensemble"
	"recsys/featurestore"
	"recsys/tensor"
)

// Ranker runs a version of a model: the second of the two ensembles as which a manifest with a Ranking is served. Implementations are safe for
// concurrent use, stop when ctx ends, and neither change nor keep the inputs.
type Ranker interface {
	// InferVersion runs a version of a model and returns the named outputs. The error for a version that is not served wraps ErrGone.
	InferVersion(ctx context.Context, model, version string, inputs tensor.Map, outputs []string) (tensor.Map, error)
}

// ErrGone is wrapped by the error of a [Ranker] for a version that the model does not serve.
var ErrGone = errors.New("the version is not served")

var errNoRanker = errors.New("the manifest describes two ensembles, and there is no ranker to run a version of the second one")

// ranking is what a request needs to know of the second ensemble. It is immutable.
type ranking struct {
	manifest *ensemble.ManifestRanking
	codec    *featurestore.Codec
	blank    tensor.Map // the columns of an item without a row, [1] and [1,L]
	keys     tensor.DType
	k        int
	outputs  []string // of the first ensemble
}

func newRanking(m *ensemble.Manifest) (*ranking, error) {
	of := m.Ranking
	if of == nil {
		return nil, nil //nolint:nilnil // There is one ensemble only.
	}
	codec, err := featurestore.NewCodec(of.Row)
	if err != nil {
		return nil, err
	}
	if codec.Hash() != of.RowHash {
		return nil, fmt.Errorf("the manifest of %s has row hash %s of items, its item row's columns have %s: export again", m.Name, of.RowHash, codec.Hash())
	}
	r := &ranking{manifest: of, codec: codec, blank: tensor.Map{}, keys: m.ItemKey.DType.DType, k: m.Limits.Candidates, outputs: []string{of.Keys}}
	for _, c := range of.Columns {
		t, err := columnTensor(c, of.Defaults[c.Name])
		if err == nil && c.Length == 0 {
			t, err = t.Reshape(1)
		}
		if err != nil {
			return nil, fmt.Errorf("default of item column %q: %w", c.Name, err)
		}
		r.blank[c.Name] = t
	}
	for _, name := range of.Tensors {
		if name := ensemble.RankingPrefix + name; name != of.Keys {
			r.outputs = append(r.outputs, name)
		}
	}
	return r, nil
}

// callBoth asks the first ensemble for candidates, the store for their rows, and the second ensemble, of the generation that has
// answered, for their order. A generation that is gone by then is started over with once: a switch has come between.
func (g *Gateway) callBoth(ctx context.Context, v *view, users []*asked, in tensor.Map) (tensor.Map, int, error) {
	first := make(tensor.Map, len(in))
	for name, t := range in {
		if !slices.Contains(v.ranking.manifest.Own, name) {
			first[name] = t
		}
	}
	for again := true; ; again = false {
		found, generation, err := g.ask(ctx, first, with(v.ranking.outputs, v.ranking.manifest.Explain, users))
		if err != nil {
			return nil, generation, err
		}
		if generation != v.manifest.Generation { // The rows may be of another layout; see answer.
			return nil, generation, fmt.Errorf("%w: generation %d answers and not %d, whose manifest is known", errModel, generation, v.manifest.Generation)
		}
		if err := v.ranking.check(found, len(users)); err != nil {
			return nil, generation, err
		}
		handed, err := g.hand(ctx, v.ranking, users, in, found)
		if err != nil {
			return nil, generation, err
		}
		out, err := g.rank(ctx, strconv.Itoa(generation), handed, with(v.outputs, v.manifest.Outputs.Explain, users))
		if again && errors.Is(err, ErrGone) {
			continue
		}
		if err != nil {
			return nil, generation, modelError(ctx, err)
		}
		if users[0].q.explained {
			out = maps.Clone(out)
			for _, name := range v.ranking.manifest.Explain {
				out[name] = found[name]
			}
		}
		return out, generation, v.checkOutputs(out, len(users))
	}
}

// check checks the outputs of the first ensemble for B users that the gateway itself reads.
func (r *ranking) check(found tensor.Map, users int) error {
	keys := found[r.manifest.Keys]
	if keys == nil || keys.DType() != r.keys || !slices.Equal(keys.Shape(), []int{users, r.k}) {
		return fmt.Errorf("%w: %s is %v, want %s of [%d,%d]", errScore, r.manifest.Keys, keys, r.keys, users, r.k)
	}
	for _, name := range r.outputs {
		if found[name] == nil {
			return fmt.Errorf("%w: outputs %v, want %s", errScore, found.Names(), name)
		}
	}
	return nil
}

// hand makes the second ensemble's inputs.
func (g *Gateway) hand(ctx context.Context, r *ranking, users []*asked, in, found tensor.Map) (tensor.Map, error) {
	out, err := g.itemColumns(ctx, r, users, found[r.manifest.Keys])
	if err != nil {
		return nil, err
	}
	for _, name := range r.manifest.Tensors {
		out[name] = found[ensemble.RankingPrefix+name]
	}
	for _, name := range slices.Concat(r.manifest.Shared, r.manifest.Own) {
		out[name] = in[name]
	}
	return out, nil
}

// rank asks the version of the second ensemble. While a generation is being switched, the pre-flight has the one that the second
// ensemble does not serve yet.
func (g *Gateway) rank(ctx context.Context, version string, in tensor.Map, outputs []string) (out tensor.Map, err error) {
	for _, model := range []string{g.config.Model, ensemble.PreflightName(g.config.Model)} {
		out, err = g.config.Ranker.InferVersion(ctx, ensemble.RankingName(model), version, in, outputs)
		if !errors.Is(err, ErrGone) {
			break
		}
	}
	return out, err
}

// itemColumns reads the rows of the candidates, keys [B,K], into columns [B,K] and [B,K,L]. What the store does not give, defaults
// stand for, and the users' answers say so.
func (g *Gateway) itemColumns(ctx context.Context, r *ranking, users []*asked, keys *tensor.Tensor) (tensor.Map, error) {
	batch, err := r.codec.NewBatch(keys.Len(), r.blank)
	if err != nil {
		return nil, err
	}
	place := make(map[string]int, keys.Len()) // of each item's first slot
	ids := make([]string, 0, keys.Len())
	for slot := range keys.Len() {
		id, err := idAt(keys, slot)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errScore, err)
		}
		if _, ok := place[id]; !ok && !isNull(keys, slot) {
			place[id] = slot
			ids = append(ids, id)
		}
	}
	rows, err := g.readItems(ctx, users[0].q, ids)
	if err != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			return nil, ctx.Err()
		}
		g.warnings.warn(ctx, FeaturesUnavailable, slog.Any("error", err))
		for _, e := range users {
			e.reason(FeaturesUnavailable)
		}
		rows = nil
	}
	bad := map[string]bool{}
	for i, row := range rows {
		if row != nil {
			err = batch.Set(place[ids[i]], row)
			if err != nil {
				bad[ids[i]] = true
			}
		}
		g.metrics.countRow("item", row, err)
		if err != nil {
			g.warnings.warn(ctx, FeaturesInvalid, slog.Any("error", err))
			err = nil
		}
	}
	for slot := range keys.Len() {
		id, _ := idAt(keys, slot) // was read above
		if first, ok := place[id]; ok && first != slot {
			batch.Copy(slot, first)
		}
		if bad[id] {
			users[slot/r.k].reason(FeaturesInvalid)
		}
	}
	return r.wire(batch, len(users))
}

// wire names a batch of B·K rows as the second ensemble does and gives it the shapes [B,K] and [B,K,L].
func (r *ranking) wire(batch *featurestore.Batch, users int) (tensor.Map, error) {
	out := tensor.Map{}
	for name, t := range batch.Tensors() {
		shape := append([]int{users, r.k}, t.Shape()[1:]...)
		t, err := t.Reshape(shape...)
		if err != nil {
			return nil, fmt.Errorf("item column %q: %w", name, err)
		}
		out[ensemble.ItemPrefix+name] = t
	}
	return out, nil
}

// isNull reports whether element i is the key of no item.
func isNull(keys *tensor.Tensor, i int) bool {
	switch data := keys.Any().(type) {
	case []int64:
		return data[i] == tensor.NullInt64
	case []string:
		return data[i] == ""
	}
	return false
}

// readItems reads from the store within its part of the budget, in one round trip.
func (g *Gateway) readItems(ctx context.Context, q *recommendation, ids []string) ([][]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, g.storeTimeout(q))
	defer cancel()
	start := time.Now()
	rows, err := g.config.Store.Items(ctx, ids)
	g.metrics.fetchItems.Observe(time.Since(start).Seconds())
	if err == nil && len(rows) != len(ids) {
		err = fmt.Errorf("%d rows for %d items", len(rows), len(ids))
	}
	if err != nil {
		g.metrics.features.WithLabelValues("item", "error").Add(float64(len(ids)))
		return nil, fmt.Errorf("%w: %w", errStore, err)
	}
	return rows, nil
}

// reason notes why the answer will be degraded, once.
func (e *asked) reason(r string) {
	if !slices.Contains(e.reasons, r) {
		e.reasons = append(e.reasons, r)
	}
}
