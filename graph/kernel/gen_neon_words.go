//go:build ignore

package main

import (
	"fmt"
	"log"
	"regexp"
	"strconv"
	"strings"
)

// neonOps are instructions as the Arm Architecture Reference Manual (DDI 0487, C7.2) encodes them, for registers 0: the
// word, the name, and the arrangement of each operand.
var neonOps = map[string]struct {
	word uint32
	text string
}{
	"fadd": {0x4e20d400, "fadd 4s 4s 4s"}, "fsub": {0x4ea0d400, "fsub 4s 4s 4s"}, "fmul": {0x6e20dc00, "fmul 4s 4s 4s"},
	"fdiv": {0x6e20fc00, "fdiv 4s 4s 4s"}, "fmla": {0x4e20cc00, "fmla 4s 4s 4s"}, "fmls": {0x4ea0cc00, "fmls 4s 4s 4s"},
	"fmax": {0x4e20f400, "fmax 4s 4s 4s"}, "fmin": {0x4ea0f400, "fmin 4s 4s 4s"}, "fmaxp": {0x6e20f400, "fmaxp 4s 4s 4s"},
	"fcmge": {0x6e20e400, "fcmge 4s 4s 4s"}, "fcmgt": {0x6ea0e400, "fcmgt 4s 4s 4s"}, "faddp": {0x6e20d400, "faddp 4s 4s 4s"},
	"add": {0x4ea08400, "add 4s 4s 4s"}, "sub": {0x6ea08400, "sub 4s 4s 4s"}, "addp": {0x4ea0bc00, "addp 4s 4s 4s"},
	"and": {0x4e201c00, "and 16b 16b 16b"}, "orr": {0x4ea01c00, "orr 16b 16b 16b"}, "eor": {0x6e201c00, "eor 16b 16b 16b"},
	"bsl": {0x6e601c00, "bsl 16b 16b 16b"}, "bit": {0x6ea01c00, "bit 16b 16b 16b"}, "bif": {0x6ee01c00, "bif 16b 16b 16b"},
	"fadd2": {0x4e60d400, "fadd 2d 2d 2d"}, "fsub2": {0x4ee0d400, "fsub 2d 2d 2d"}, "fmul2": {0x6e60dc00, "fmul 2d 2d 2d"},
	"faddp2": {0x6e60d400, "faddp 2d 2d 2d"}, "fsqrt": {0x6ea1f800, "fsqrt 4s 4s"}, "frintn": {0x4e218800, "frintn 4s 4s"},
	"fcvtns": {0x4e21a800, "fcvtns 4s 4s"}, "scvtf": {0x4e21d800, "scvtf 4s 4s"}, "fabs": {0x4ea0f800, "fabs 4s 4s"},
	"fcvtl": {0x0e617800, "fcvtl 2d 2s"}, "fcvtl2": {0x4e617800, "fcvtl2 2d 4s"}, "fcvtn": {0x0e616800, "fcvtn 2s 2d"},
	"fcvtn2": {0x4e616800, "fcvtn2 4s 2d"}, "half": {0x0e217800, "fcvtl 4s 4h"}, "half2": {0x4e217800, "fcvtl2 4s 8h"},
	"below0": {0x4ea0e800, "fcmlt 4s 4s #0.0"}, "equal0": {0x4ea0d800, "fcmeq 4s 4s #0.0"}, "above0": {0x4ea0c800, "fcmgt 4s 4s #0.0"},
	"shl": {0x4f205400, "shl 4s 4s #"}, "sshr": {0x4f400400, "sshr 4s 4s #"}, "ushr": {0x6f400400, "ushr 4s 4s #"},
	"sxtl8": {0x0f08a400, "sshll 8h 8b #0"}, "sxtl8b": {0x4f08a400, "sshll2 8h 16b #0"}, "sxtl": {0x0f10a400, "sshll 4s 4h #0"},
	"sxtl2": {0x4f10a400, "sshll2 4s 8h #0"}, "uxtl8": {0x2f08a400, "ushll 8h 8b #0"}, "uxtl8b": {0x6f08a400, "ushll2 8h 16b #0"},
	"smlal": {0x0e608000, "smlal 4s 4h 4h"}, "smlal2": {0x4e608000, "smlal2 4s 8h 8h"}, "dup": {0x4e040400, "dup 4s s[0]"},
	"dup2": {0x4e080400, "dup 2d d[0]"}, "trn1": {0x4e802800, "trn1 4s 4s 4s"}, "trn2": {0x4e806800, "trn2 4s 4s 4s"},
	"trn1d": {0x4ec02800, "trn1 2d 2d 2d"}, "trn2d": {0x4ec06800, "trn2 2d 2d 2d"}, "uzp1h": {0x4e401800, "uzp1 8h 8h 8h"},
	"uzp1b": {0x4e001800, "uzp1 16b 16b 16b"}, "shrn": {0x0f0c8400, "shrn 8b 8h #4"}, "uminv": {0x6eb1a800, "uminv s 4s"},
}

var lane = regexp.MustCompile(`^(\d+)\[(\d)\]$`)

// v writes instructions that Go's assembler does not know, as words with what they are beside them: "fadd 0 1 2" adds the
// registers 1 and 2, "fmla 0 1 2[3]" multiplies with an element, "shl 0 1 23" shifts. Others, in Go's form, go as they are.
func (g *gen) v(list ...string) {
	for _, s := range list {
		fields := strings.Fields(s)
		op, known := neonOps[fields[0]]
		if !known {
			g.line("%s", s)
			continue
		}
		word, text := op.word, strings.Fields(op.text)
		at := lane.FindStringSubmatch(fields[len(fields)-1])
		if at != nil && fields[0] == "fmla" { // by element: the index is in bits 21 and 11
			index := number(at[2])
			word = 0x4f801000 | index&1<<21 | index>>1<<11
			fields[3], text[3] = at[1], "s["+at[2]+"]"
		}
		var operands []string
		for i, shift := range []int{0, 5, 16} {
			if i+1 >= len(text) {
				break
			}
			arrangement := text[i+1]
			switch {
			case arrangement == "#": // right shifts count from 64 down
				n := number(fields[i+1])
				if word&0x00400000 != 0 {
					word -= n << 16
				} else {
					word += n << 16
				}
				operands = append(operands, "#"+fields[i+1])
			case arrangement[0] == '#':
				operands = append(operands, arrangement)
			case arrangement == "s": // the scalar register
				word |= number(fields[i+1]) << shift
				operands = append(operands, "s"+fields[i+1])
			default:
				word |= number(fields[i+1]) << shift
				operands = append(operands, "v"+fields[i+1]+"."+arrangement)
			}
		}
		g.line("WORD $0x%08x // %s %s", word, text[0], strings.Join(operands, ", "))
	}
}

func number(s string) uint32 {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > 31 {
		log.Fatalf("operand %q", s)
	}
	return uint32(n)
}

// move copies a register.
func move(to, from int) string { return fmt.Sprintf("orr %d %d %d", to, from, from) }

// load writes to a register a constant, whose table R9 points at.
func (g *gen) load(to int, v float64) string { return g.at(to, g.float(v)) }

func (g *gen) loadWord(to int, bits uint32) string { return g.at(to, g.word(bits)) }

// at turns the address of a constant, neonconsts<>+16(SB), into an offset.
func (g *gen) at(to int, address string) string {
	offset := strings.TrimSuffix(strings.TrimPrefix(address, "neonconsts<>+"), "(SB)")
	return fmt.Sprintf("FMOVQ %s(R9), F%d", offset, to)
}

// loadTail loads the first R0 lanes, 0 < R0 < 4, of a register, zeros behind them; R16 is lost.
func (g *gen) loadTail(from string, to int) {
	g.tailLanes(from, func(move, at string) string { return fmt.Sprintf("%s (%s), F%d", move, at, to) },
		fmt.Sprintf("VLD1 (R16), V%d.S[2]", to))
}

// storeTail stores the first R0 lanes, 0 < R0 < 4, of a register; R16 is lost.
func (g *gen) storeTail(from int, to string) {
	g.tailLanes(to, func(move, at string) string { return fmt.Sprintf("%s F%d, (%s)", move, from, at) },
		fmt.Sprintf("VST1 V%d.S[2], (R16)", from))
}

// tailLanes moves two lanes or one to or from an address, and the third lane, at R16 then.
func (g *gen) tailLanes(address string, move func(how, at string) string, third string) {
	g.labels++
	one, done := fmt.Sprintf("one%d", g.labels), fmt.Sprintf("moved%d", g.labels)
	g.lines("TBZ $1, R0, "+one, move("FMOVD", address), "TBZ $0, R0, "+done, fmt.Sprintf("ADD $8, %s, R16", address), third, "B "+done,
		one+":", move("FMOVS", address), done+":")
}
