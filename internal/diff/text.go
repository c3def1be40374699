package diff

import (
	"fmt"
	"io"
)

// longestValue is how much of a value a line shows.
const longestValue = 60

// Text writes the report for a reader.
func (r *Report) Text(w io.Writer) error {
	p := printer{w: w}
	p.line("a: %s", r.A)
	p.line("b: %s", r.B)
	if r.Same {
		p.line("nothing is different: %d stages", r.Equal)
	}
	p.changes("interface", "", r.Interface)
	p.changes("configuration", "", r.Config)
	p.changes("manifest", "", r.Manifest)
	p.changes("files", "", r.Files)
	for _, s := range r.Stages {
		p.line("stage %s: %s", s.Name, s.State)
		p.changes("interface", "  ", s.Interface)
		p.changes("configuration", "  ", s.Config)
		p.stage(s)
	}
	if r.Equal > 0 && !r.Same {
		p.line("stages that are the same: %d", r.Equal)
	}
	if o := r.Outputs; o != nil {
		p.line("answers of %d items for %d users: the same for %d, overlap %.3f, the same first item for %.3f", o.K, o.Users, o.Same, o.Overlap, o.Top)
		p.line("  items of both: moved by %.2f places on average, scores by %.3g, at most %.3g", o.RankChange, o.ScoreChange, o.MaxScoreChange)
	}
	for _, n := range r.Notes {
		p.line("note: %s", n)
	}
	return p.err
}

// printer keeps the first error.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format+"\n", args...)
	}
}

func (p *printer) changes(title, indent string, list []Change) {
	if len(list) > 0 {
		p.line("%s%s:", indent, title)
	}
	for _, c := range list {
		switch {
		case c.Was == "":
			p.line("%s  + %s: %s", indent, c.Field, short(c.Is))
		case c.Is == "":
			p.line("%s  - %s: %s", indent, c.Field, short(c.Was))
		default:
			p.line("%s  %s: %s -> %s", indent, c.Field, short(c.Was), short(c.Is))
		}
	}
}

func (p *printer) stage(s StageReport) {
	if len(s.Operators) > 0 {
		p.line("  operators:")
	}
	for _, o := range s.Operators {
		p.line("    %s: %d -> %d", o.Type, o.Was, o.Is)
	}
	if n := s.Nodes; n != nil {
		p.line("  nodes: %d removed, %d added, such as", n.Removed, n.Added)
		for _, x := range n.Examples {
			p.line("    %s", short(x))
		}
	}
	if len(s.Weights) > 0 {
		p.line("  weights:")
	}
	for _, x := range s.Weights {
		switch {
		case x.Was == x.Is:
			p.line("    %s %s: %d of %d changed, by %.3g at most, %.3g on average", x.Name, x.Is, x.Changed, x.Elements, x.MaxChange, x.MeanChange)
		case x.Was == "":
			p.line("    + %s %s", x.Name, x.Is)
		case x.Is == "":
			p.line("    - %s %s", x.Name, x.Was)
		default:
			p.line("    %s: %s -> %s", x.Name, x.Was, x.Is)
		}
	}
	for _, v := range s.Vocabularies {
		p.line("  vocabulary %s: %d added, %d removed, %d moved, %d kept, such as", v.Name, v.Added, v.Removed, v.Moved, v.Kept)
		for _, x := range v.Examples {
			p.line("    %s", short(x))
		}
	}
	if s.Note != "" {
		p.line("  note: %s", s.Note)
	}
}

func short(text string) string {
	if runes := []rune(text); len(runes) > longestValue {
		return fmt.Sprintf("%s… (%d characters)", string(runes[:longestValue]), len(runes))
	}
	return text
}
