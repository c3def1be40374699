package kernel_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestWordsAreTheirInstructions lets GNU's assembler translate what stands beside the words that Go's does not know.
func TestWordsAreTheirInstructions(t *testing.T) {
	text, err := os.ReadFile("neon_arm64.s")
	if err != nil {
		t.Fatal(err)
	}
	var words []uint32
	var source strings.Builder
	for line := range strings.Lines(string(text)) {
		if !strings.Contains(line, "WORD") {
			continue
		}
		var word uint32
		code, instruction, told := strings.Cut(line, "//")
		if _, err := fmt.Sscanf(code, "\tWORD $0x%x", &word); err != nil || !told {
			t.Fatalf("line %q: %v", line, err)
		}
		words = append(words, word)
		source.WriteString(instruction)
	}
	if len(words) < 1000 {
		t.Fatalf("%d words, want those of 12 tiles at least", len(words))
	}
	assembler, err := exec.LookPath("aarch64-linux-gnu-as")
	if err != nil {
		t.Skip("no aarch64-linux-gnu-as: install binutils-aarch64-linux-gnu")
	}
	object, raw := filepath.Join(t.TempDir(), "words.o"), filepath.Join(t.TempDir(), "words")
	cmd := exec.CommandContext(t.Context(), assembler, "-o", object, "-")
	cmd.Stdin = strings.NewReader(source.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd = exec.CommandContext(t.Context(), strings.TrimSuffix(assembler, "as")+"objcopy", "-O", "binary", "-j", ".text", object, raw)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	code, err := os.ReadFile(raw)
	if err != nil {
		t.Fatal(err)
	}
	want := make([]uint32, len(code)/4)
	if err := binary.Read(bytes.NewReader(code), binary.LittleEndian, want); err != nil || len(want) != len(words) {
		t.Fatalf("%d instructions of %d words: %v", len(want), len(words), err)
	}
	instructions := strings.Split(source.String(), "\n")
	for i, w := range words {
		if w != want[i] {
			t.Errorf("%s is %#08x, want %#08x", instructions[i], w, want[i])
		}
	}
}
