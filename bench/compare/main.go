package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"time"
)

// settings are the flags.
type settings struct {
	only    []string
	threads []int
	rounds  int
	round   time.Duration
	pythons map[string]string
	dir     string
	printed bool
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("compare", flag.ContinueOnError)
	only := flags.String("only", "", "rows to measure, by name, joined by commas; all when empty")
	threads := flags.String("threads", "1,2", "numbers of threads, each bound to as many processors")
	quick := flags.Bool("quick", false, "3 short rounds instead of 7 of a second")
	printed := flags.Bool("print", false, "print the figures and leave the files alone")
	dir := flags.String("dir", "bench", "folder of RESULTS.json and RESULTS.md")
	torch := flags.String("torch", os.Getenv("RECSYS_TORCH"), "Python interpreter with torch and numpy")
	ort := flags.String("ort", os.Getenv("RECSYS_PYTHON"), "Python interpreter with onnxruntime and numpy")
	nvt := flags.String("nvt", os.Getenv("RECSYS_NVTABULAR"), "Python interpreter with nvtabular and polars")
	side := flags.String("side", "", "serve one row on standard input and output (for the command itself)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *side != "" {
		return serve(ctx, *side, *dir, os.Stdin, os.Stdout)
	}
	if info, err := os.Stat(*dir); !*printed && (err != nil || !info.IsDir()) {
		return fmt.Errorf("-dir %s is no folder; make it, or leave it out to write to bench", *dir)
	}
	s := settings{
		rounds: 7, round: time.Second, pythons: map[string]string{"torch": *torch, "ort": *ort, "nvt": *nvt}, dir: *dir, printed: *printed,
	}
	if *quick {
		s.rounds, s.round = 3, 300*time.Millisecond
	}
	if *only != "" {
		s.only = strings.Split(*only, ",")
	}
	for field := range strings.SplitSeq(*threads, ",") {
		n, err := strconv.Atoi(field)
		if err != nil || n < 1 {
			return fmt.Errorf("threads %q: want numbers from 1 on", field)
		}
		s.threads = append(s.threads, n)
	}
	return compare(ctx, s, os.Stderr)
}

// compare measures the rows that s selects.
func compare(ctx context.Context, s settings, log io.Writer) error {
	selected, err := selectRows(s.only)
	if err != nil {
		return err
	}
	results, err := readResults(s.dir)
	if err != nil {
		return err
	}
	var faults []error
	for _, r := range selected {
		figures, err := r.measure(ctx, s, log)
		if err != nil {
			faults = append(faults, fmt.Errorf("row %s: %w", r.name, err))
			continue
		}
		results.put(r.name, figures)
		if !s.printed {
			if err := results.write(s.dir); err != nil {
				return err
			}
		}
	}
	return errors.Join(faults...)
}

func selectRows(only []string) ([]row, error) {
	all := rows()
	if only == nil {
		return all, nil
	}
	var selected []row
	for _, name := range only {
		i := slices.IndexFunc(all, func(r row) bool { return r.name == name })
		if i < 0 {
			names := make([]string, 0, len(all))
			for _, r := range all {
				names = append(names, r.name)
			}
			return nil, fmt.Errorf("no row %q; there are %s", name, strings.Join(names, ", "))
		}
		selected = append(selected, all[i])
	}
	return selected, nil
}
