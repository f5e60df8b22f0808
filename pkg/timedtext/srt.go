package timedtext

import (
	"slices"
	"strconv"
	"strings"
)

func (p *parser) srt(text string) {
	all := blocks(text)
	for i := 0; i < len(all); i++ {
		b := all[i]
		at := b.timing()
		if at < 0 {
			continue // a stray number, or a heading
		}
		words := slices.Clip(b.lines[at+1:])
		// A blank line inside a cue is not the format's, but common: what follows
		// belongs to the cue before while no timing is in it.
		for i+1 < len(all) && all[i+1].timing() < 0 && !isNumber(all[i+1].lines[0]) {
			i++
			words = append(words, all[i].lines...)
		}
		start, end, err := arrow(b.lines[at])
		if err != nil {
			p.bad(b.line+at, "%s", err)
			continue
		}
		p.add(b.line+at, Cue{Start: start, End: end, Text: plain(strings.Join(words, "\n"))})
	}
}

func isNumber(s string) bool {
	_, err := strconv.ParseUint(strings.TrimSpace(s), 10, 64)
	return err == nil
}

// lines splits at every kind of line end.
func lines(text string) []string {
	return strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\n")
}

// block is what lies between two blank lines.
type block struct {
	line  int // of its first line, from 1
	lines []string
}

func blocks(text string) []block {
	var out []block
	open := false
	for i, l := range lines(text) {
		if strings.TrimSpace(l) == "" {
			open = false
			continue
		}
		if !open {
			out = append(out, block{line: i + 1})
			open = true
		}
		last := &out[len(out)-1]
		last.lines = append(last.lines, l)
	}
	return out
}

// timing finds the line with the arrow; -1 for none.
func (b block) timing() int {
	return slices.IndexFunc(b.lines, func(l string) bool { return strings.Contains(l, "-->") })
}
