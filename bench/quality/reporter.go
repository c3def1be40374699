package main

import (
	"fmt"
	"os"

	"recsys/train"
)

// reporter prints what happens, and takes the time of training.
type reporter struct{ *clock }

// Phase prints the phase.
func (r reporter) Phase(name string) {
	r.clock.Phase(name)
	fmt.Fprintln(os.Stderr, "  ", name)
}

// Training prints the end of an epoch.
func (reporter) Training(p train.Progress) {
	if p.Score == p.Score { // NaN within an epoch
		fmt.Fprintf(os.Stderr, "      epoch %d/%d loss %.4f score %.4f, %s left\n", p.Epoch, p.Epochs, p.Loss, p.Score, p.Left().Round(1e9))
	}
}

// Note prints nothing: the figures come at the end.
func (reporter) Note(string) {}
