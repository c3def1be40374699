package main

import (
	"context"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"time"

	"recsys/gateway"
	"recsys/internal/diff"
	"recsys/onnx"
	"recsys/pipeline"
)

type diffCmd struct {
	A       string `arg:"" placeholder:"REPO[@N]" help:"Model repository, its served generation or generation N."`
	B       string `arg:"" placeholder:"REPO[@N]" help:"What to compare it with."`
	Model   string `placeholder:"NAME" help:"Ensemble, if a repository holds several."`
	Users   int    `default:"100" help:"Number of users, drawn from A's rows, whose answers are compared; 0 compares none."`
	Results int    `default:"10" help:"Items of an answer."`
	Seed    uint64 `default:"1" help:"Chooses the users."`
	JSON    bool   `help:"Print the report as JSON."`
}

// Help has examples.
func (diffCmd) Help() string {
	return "Exit status 0 when nothing is different but the numbers of generations and versions, and 1 otherwise.\n\nExamples:\n" +
		"  recsys diff model_repository@7 model_repository@8\n" +
		"  recsys diff staging/model_repository production/model_repository --json"
}

// Run compares and prints what is different, which is a failure.
func (c diffCmd) Run(ctx context.Context, o output) error {
	if c.Users < 0 || c.Results < 1 {
		return fmt.Errorf("--users %d --results %d: want 0 or more users, and one item or more", c.Users, c.Results)
	}
	a, err := openSide(c.A, c.Model)
	if err != nil {
		return err
	}
	b, err := openSide(c.B, c.Model)
	if err != nil {
		return err
	}
	report, err := diff.Compare(a, b)
	if err != nil {
		return err
	}
	if c.Users > 0 {
		if err := c.compareOutputs(ctx, a, b, report); err != nil {
			return err
		}
	}
	if c.JSON {
		err = printJSON(o.out, report)
	} else {
		err = report.Text(o.out)
	}
	if err == nil && !report.Same {
		err = fmt.Errorf("%s and %s differ", a, b)
	}
	return err
}

// openSide opens what REPO or REPO@N names.
func openSide(arg, model string) (*diff.Side, error) {
	dir, generation := arg, int64(0)
	if i := strings.LastIndexByte(arg, '@'); i > 0 {
		if _, err := os.Stat(arg); err != nil {
			if generation, err = strconv.ParseInt(arg[i+1:], 10, 64); err != nil || generation < 1 {
				return nil, fmt.Errorf("%s: %q is no generation; they count from 1", arg, arg[i+1:])
			}
			dir = arg[:i]
		}
	}
	name, err := ensembleName(dir, model)
	if err != nil {
		return nil, err
	}
	return diff.Open(dir, name, generation)
}

// compareOutputs asks both sides for the same users' lists, at the same time of request.
func (c diffCmd) compareOutputs(ctx context.Context, a, b *diff.Side, report *diff.Report) (err error) {
	var subjects []subject
	for _, side := range []*diff.Side{a, b} {
		if side.Manifest == nil {
			report.Notes = append(report.Notes, fmt.Sprintf("answers are not compared: %s has no recsys.json", side))
			return nil
		}
		s := &served{manifest: side.Manifest, dir: side.Folder()}
		chain, err := generationChain(side)
		if err != nil {
			report.Notes = append(report.Notes, fmt.Sprintf("answers are not compared: %s: %v", side, err))
			return nil
		}
		store, err := openStore(ctx, "", s)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, store.Close()) }()
		g, err := newGateway(s, chain, store, gateway.Config{Timeout: verifyTimeout, NoFallback: true}) //nolint:contextcheck // What it reads is the repository's own, and little.
		if err != nil {
			return err
		}
		server := httptest.NewServer(g.Handler())
		defer server.Close()
		subjects = append(subjects, subject{side.String(), server.URL, s, server.Client()})
	}
	users, err := drawUsers(pipeline.UserRows(a.Folder()), c.Users, c.Seed)
	if err != nil {
		return exportAgain(err)
	}
	now := time.Now().Unix()
	k := min(c.Results, a.Manifest.Limits.MaxResults, b.Manifest.Limits.MaxResults)
	report.Outputs = &diff.Outputs{K: k}
	for _, user := range users {
		was, err := ask(ctx, subjects[0], question{user: user}, k, now)
		if err != nil {
			return fmt.Errorf("%s: user %s: %w", a, user, err)
		}
		is, err := ask(ctx, subjects[1], question{user: user}, k, now)
		if err != nil {
			return fmt.Errorf("%s: user %s: %w", b, user, err)
		}
		report.Outputs.Add(was, is)
	}
	return nil
}

// generationChain lets a gateway ask a generation that need not be served: its stages run one by one, by what the embedded engine
// runs them with.
func generationChain(side *diff.Side) (chainInferencer, error) {
	stages, err := side.Stages()
	if err != nil {
		return chainInferencer{}, err
	}
	c := chainInferencer{generation: strconv.FormatInt(side.Generation, 10)}
	first := len(side.Config.Steps)
	if c.chain, err = stageChain(stages[:first]); err != nil || side.Ranking == nil {
		return c, err
	}
	c.ranking, err = stageChain(stages[first:])
	return c, err
}

func stageChain(stages []diff.Stage) (*pipeline.Chain, error) {
	graphs := make([]pipeline.NamedGraph, len(stages))
	for i, s := range stages {
		if s.Renames() {
			return nil, fmt.Errorf("the ensemble renames tensors of stage %q", s.Name)
		}
		g, err := onnx.Read(s.Path)
		if err != nil {
			return nil, err
		}
		graphs[i] = pipeline.NamedGraph{Name: s.Name, Graph: g}
	}
	return pipeline.NewChain(graphs, nil)
}
