package ensemble_test

import (
	"testing"

	"recsys/ensemble"
	"recsys/ensemble/ensembletest"
)

func shopEnsemble(tb testing.TB, seed uint64) ensemble.Ensemble {
	tb.Helper()
	e, _, err := ensembletest.Shop(seed)
	if err != nil {
		tb.Fatal(err)
	}
	return e
}

func shopManifest() ensemble.Manifest {
	_, m, _ := ensembletest.Shop(1)
	return m
}
