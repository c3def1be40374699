package expression

import (
	"fmt"
	"slices"
)

// The operations of terms that are neither signs nor functions.
const (
	Number = "number"
	Text   = "text"
	Column = "column"
	List   = "list" // of numbers or texts, in parentheses behind in
)

// The scopes of columns that belong to the request.
const (
	UserScope    = "user"
	ContextScope = "context"
)

// Term is a parsed expression: a number, a text, a column, a list, or an operation on terms, which Op names by its sign or function. The
// signs are negative + - * / < <= > >= == != has in not and or.
type Term struct {
	Op string
	// At is the byte of the expression where it stands.
	At int
	// Number is that of a number, Name the value of a text or the name of a column, Scope that of a column, if it has one.
	Number float64
	Name   string
	Scope  string
	Args   []*Term
	// Truth says that it is true or false instead of a value.
	Truth bool
}

// Ref names a column and its scope.
type Ref struct{ Scope, Name string }

// String writes the column as expressions do.
func (r Ref) String() string {
	if r.Scope == "" {
		return r.Name
	}
	return r.Scope + "." + r.Name
}

// Columns returns the columns of t, each once, in the order in which they stand.
func (t *Term) Columns() []Ref { return t.columns(nil) }

func (t *Term) columns(refs []Ref) []Ref {
	if r := (Ref{t.Scope, t.Name}); t.Op == Column && !slices.Contains(refs, r) {
		refs = append(refs, r)
	}
	for _, arg := range t.Args {
		refs = arg.columns(refs)
	}
	return refs
}

// Fault says what is wrong at the place of the term.
func (t *Term) Fault(format string, args ...any) error { return faultAt(t.At, format, args...) }

func faultAt(at int, format string, args ...any) error {
	return fmt.Errorf("at character %d: %s", at+1, fmt.Sprintf(format, args...))
}

// literal reports whether t is a number or a text.
func (t *Term) literal() bool { return t.Op == Number || t.Op == Text }
