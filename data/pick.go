package data

import (
	"context"
	"fmt"
)

// Pick returns the file with the rows that keep accepts, as if it had no others; keep has a value for each row and belongs to
// the file from then on.
func (f *File) Pick(keep []bool) (*File, error) {
	if len(keep) != f.rows {
		return nil, fmt.Errorf("%s: %d rows to pick from, it has %d", f.spec.Path, len(keep), f.rows)
	}
	picked := *f
	picked.format, picked.rows = pickedFormat{f.format, keep}, 0
	for _, kept := range keep {
		if kept {
			picked.rows++
		}
	}
	return &picked, nil
}

// pickedFormat is another one without some of its rows.
type pickedFormat struct {
	format

	keep []bool
}

func (p pickedFormat) open(f *File) (rows, error) {
	r, err := p.format.open(f)
	if err != nil {
		return nil, err
	}
	return &pickedRows{rows: r, keep: p.keep, path: f.spec.Path}, nil
}

type pickedRows struct {
	rows

	keep []bool
	at   int // the next row of the file
	path string
}

func (r *pickedRows) read(ctx context.Context, into []*builder, n int) (int, error) {
	for done := 0; ; {
		if err := r.run(ctx, nil, false, len(r.keep)); err != nil {
			return done, err
		}
		if done == n || r.at == len(r.keep) {
			return done, nil
		}
		from := r.at
		if err := r.run(ctx, into, true, n-done); err != nil {
			return done, err
		}
		done += r.at - from
	}
}

// run reads the rows from here on that are all kept, or all not, at most so many.
func (r *pickedRows) run(ctx context.Context, into []*builder, kept bool, most int) error {
	to := r.at
	for to < len(r.keep) && r.keep[to] == kept && to-r.at < most {
		to++
	}
	if to == r.at {
		return nil
	}
	n, err := r.rows.read(ctx, into, to-r.at)
	if err == nil && n < to-r.at {
		err = fmt.Errorf("%s changed while it was read: it has %d rows", r.path, r.at+n)
	}
	r.at += n
	return err
}
