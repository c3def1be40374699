package portable_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"hash/fnv"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"recsys/internal/portable"
)

// TestSameBitsWithoutFMA runs this binary again without fused multiply-add, and expects the same bits as the constant,
// which every platform has to reach.
func TestSameBitsWithoutFMA(t *testing.T) {
	const want = "d1c9954ddcad2e53"
	if got := digest(); got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
	if os.Getenv("RECSYS_PORTABLE_CHILD") != "" {
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestSameBitsWithoutFMA$")
	cmd.Env = append(os.Environ(), "RECSYS_PORTABLE_CHILD=1", "GODEBUG=cpu.fma=off,cpu.avx2=off,cpu.avx512f=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("with GODEBUG=cpu.fma=off: %v\n%s", err, out)
	}
}

// digest hashes the bits of every function over a grid and of the generator's derivations.
func digest() string {
	h := fnv.New64a()
	put := func(x float64) {
		if x != x {
			x = 0 // the bits of NaN are not specified
		}
		_, _ = fmt.Fprintf(h, "%x ", math.Float64bits(x))
	}
	one := []func(float64) float64{
		portable.Exp, portable.Log, portable.Log1p, portable.Sqrt, portable.Tanh, portable.Sigmoid, portable.Sin, portable.Cos,
		func(x float64) float64 { return portable.Quantile(portable.Sigmoid(x)) },
		func(x float64) float64 { return portable.Pow(x, 1.7) },
	}
	single := []func(float32) float32{
		portable.Exp32, portable.Log32, portable.Log1p32, portable.Sqrt32, portable.Tanh32, portable.Sigmoid32, portable.Sin32,
		portable.Cos32,
	}
	r := portable.New(7, "digest")
	for range 20_000 {
		x := 40 * (r.Float64() - 0.5)
		for _, f := range one {
			put(f(x))
		}
		for _, f := range single {
			put(float64(f(float32(x))))
		}
		put(r.Normal())
		put(float64(r.IntN(1000)))
	}
	return fmt.Sprintf("%016x", h.Sum64())
}

// TestProductsAreConverted reads the source: a product of floats that is not the operand of a conversion may be fused
// with an addition on platforms that this test does not run on. Products of integers are in rand.go alone.
func TestProductsAreConverted(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		converted := map[ast.Expr]bool{}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if f, ok := n.Fun.(*ast.Ident); ok && (f.Name == "float64" || f.Name == "float32") {
					converted[n.Args[0]] = true
				}
				if f, ok := n.Fun.(*ast.SelectorExpr); ok && !exact(f) {
					t.Errorf("%s calls %s, which is not on the list of exact functions", set.Position(n.Pos()), f.Sel.Name)
				}
			case *ast.AssignStmt:
				if n.Tok == token.MUL_ASSIGN {
					t.Errorf("%s: product that is not converted", set.Position(n.Pos()))
				}
			case *ast.BinaryExpr:
				if n.Op == token.MUL && !converted[n] && name != "rand.go" {
					t.Errorf("%s: product that is not converted", set.Position(n.Pos()))
				}
			}
			return true
		})
	}
}

// exact reports whether a call may stand in portable code: of package math only what every platform computes alike.
func exact(f *ast.SelectorExpr) bool {
	if pkg, ok := f.X.(*ast.Ident); !ok || pkg.Name != "math" {
		return true
	}
	switch f.Sel.Name {
	case "Abs", "Copysign", "Float32bits", "Float32frombits", "Float64bits", "Float64frombits", "Floor", "Inf", "IsInf", "NaN",
		"RoundToEven", "Signbit", "Sqrt":
		return true
	}
	return false
}
