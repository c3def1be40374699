package pipeline

import (
	"errors"
	"fmt"
	"iter"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"

	"recsys/ensemble"
	"recsys/featurestore"
)

// RefreshItems is ExportOptions.Refresh for a generation that has other items than the served one and is the same otherwise.
const RefreshItems = "items"

// refreshes checks that a run refreshes the served generation, and returns the precision with what was measured of that.
func (eo *ExportOptions) refreshes(
	run, dir string, m ensemble.Manifest, fuse ensemble.Fuse, layout Layout, p *ensemble.ManifestPrecision,
) (*ensemble.ManifestPrecision, error) {
	if eo.Refresh != RefreshItems {
		return nil, fmt.Errorf("refresh %q; there is: %s", eo.Refresh, RefreshItems)
	}
	served, err := refreshable(run, dir, m, fuse, layout, p)
	if err != nil {
		return nil, fmt.Errorf("refresh items: %w", err)
	}
	return served.Precision, nil
}

// refreshable returns the manifest of the generation that the repository at dir serves, if a run is one with other items; otherwise the
// error names everything that is different. Fuse and layout are how the run is to be written.
func refreshable(
	run, dir string, m ensemble.Manifest, fuse ensemble.Fuse, layout Layout, p *ensemble.ManifestPrecision,
) (*ensemble.Manifest, error) {
	home := filepath.Join(dir, m.Name)
	served, err := servedManifest(home)
	if err != nil {
		return nil, err
	}
	if served == nil {
		return nil, fmt.Errorf("%s serves no generation of %s whose items could be refreshed; export it whole", dir, m.Name)
	}
	if len(served.Weights) == 0 || len(m.Weights) == 0 {
		return nil, errors.New("the run or the served generation was made before weights were recorded; train it again, and export it whole")
	}
	var errs []error
	differs := func(what string, is, was any) {
		if !reflect.DeepEqual(is, was) {
			errs = append(errs, fmt.Errorf("other %s: %v, served is %v", what, is, was))
		}
	}
	parts := maps.Clone(m.Weights)
	maps.Copy(parts, served.Weights)
	for _, part := range slices.Sorted(maps.Keys(parts)) {
		if m.Weights[part] != served.Weights[part] {
			errs = append(errs, fmt.Errorf("other weights: those of the %s", part))
		}
	}
	differs("inputs", m.Inputs.Names(), served.Inputs.Names())
	differs("columns of users", m.RowHash, served.RowHash)
	differs("filter of seen items", m.KeepSeen, served.KeepSeen)
	differs("number of candidates", m.Limits.Candidates, served.Limits.Candidates)
	differs("sources of candidates", m.Sources, served.Sources)
	differs("number of results", m.Limits.MaxResults, served.Limits.MaxResults)
	differs("fusing", string(fuse), served.Fuse)
	differs("layout", layout, layoutOf(served))
	differs("precision", stored(p), stored(served.Precision))
	version := filepath.Join(home, strconv.Itoa(served.Generation))
	errs = append(errs, keepsItems(ItemRows(run), ItemRows(version)))
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("more than the items is different from generation %d, which is served; export it whole:\n%w", served.Generation, err)
	}
	return served, nil
}

// stored names what is stored as what.
func stored(p *ensemble.ManifestPrecision) string {
	if p == nil {
		return "float32"
	}
	return fmt.Sprintf("item matrix %q, ranker %q", p.ItemMatrix, p.Ranker)
}

// keepsItems checks that every item of the row file served has the same index in the file now.
func keepsItems(now, served string) error {
	_, rows, err := featurestore.ReadRows(now)
	if err != nil {
		return notRun(err, "train")
	}
	_, before, err := featurestore.ReadRows(served)
	if err != nil {
		return err
	}
	next, stop := iter.Pull2(rows)
	defer stop()
	for was, err := range before {
		if err != nil {
			return fmt.Errorf("%s: %w", served, err)
		}
		is, err, ok := next()
		if err != nil {
			return fmt.Errorf("%s: %w", now, err)
		}
		if !ok {
			return fmt.Errorf("other item ids: item %s is gone", was.UserID)
		}
		if is.UserID != was.UserID {
			return fmt.Errorf("other item ids: item %s has that of %s", is.UserID, was.UserID)
		}
	}
	return nil
}
