package timedtext

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
)

const (
	sccHeader = "Scenarist_SCC V1.0"
	mccHeader = "File Format=MacCaption_MCC V"
	// maxPairs is 24 hours of 60 pairs of caption bytes a second.
	maxPairs = 5_400_000
	// longest608 is the time of a caption without an erasure, if the length of the film is unknown (CEA-608).
	longest608 = 16 * schema.Second
)

// captionLine is a line of SCC or MCC: a label, and data.
type captionLine struct {
	line  int
	frame int64
	data  string
}

var captionLabel = regexp.MustCompile(`^(\d{2}):(\d{2}):(\d{2})([:;.,])(\d{2,3})[\t ]+(.*)$`)

// captionLines reads the lines with labels, and sorts the lines. Labels begin again after midnight.
func (p *parser) captionLines(text string, scale func(separator string) labelScale) (out []captionLine, used labelScale) {
	used = scale(":")
	for i, l := range lines(text) {
		m := captionLabel.FindStringSubmatch(strings.TrimSpace(l))
		if m == nil {
			if t := strings.TrimSpace(l); len(t) > 0 && t[0] >= '0' && t[0] <= '9' {
				p.bad(i+1, "has no label that can be read: %q", clip(t))
			}
			continue
		}
		if len(out) == 0 {
			used = scale(m[4])
		}
		var n [4]int64
		for j, group := range []int{1, 2, 3, 5} {
			n[j], _ = strconv.ParseInt(m[group], 10, 64)
		}
		frame, err := used.frame(n[0], n[1], n[2], n[3])
		if err != nil {
			p.bad(i+1, "%s", err)
			continue
		}
		if day, _ := used.frame(24, 0, 0, 0); len(out) > 0 {
			for out[len(out)-1].frame-frame > day/2 {
				frame += day
			}
		}
		out = append(out, captionLine{i + 1, frame, m[6]})
	}
	byLabel := func(a, b captionLine) int { return cmp.Compare(a.frame, b.frame) }
	if !slices.IsSortedFunc(out, byLabel) {
		p.note("the lines of the captions are not in the order of their labels: the lines are read in the order of the labels")
		slices.SortStableFunc(out, byLabel)
	}
	return out, used
}

// scc reads Scenarist closed captions: lines of CEA-608 pairs, a frame for each pair, with labels of 29.97.
func (p *parser) scc(text string) error {
	lines, scale := p.captionLines(text, func(separator string) labelScale {
		mode := nonDrop
		if separator == ";" || separator == "," {
			mode = dropNTSC
		}
		return p.scaleFor(schema.Rate{Num: 30000, Den: 1001}, mode)
	})
	var pairs []captionPair
	next := int64(0)
	for _, l := range lines {
		// A line whose label comes before the end of the line above waits, as the bytes wait on the way to a decoder.
		next = max(next, l.frame)
		for _, word := range strings.Fields(l.data) {
			b, err := hex.DecodeString(word)
			if err != nil || len(b) != 2 {
				p.bad(l.line, "has a pair of bytes that cannot be read: %q", clip(word))
				next++
				continue
			}
			pairs = append(pairs, captionPair{at: scale.time(next), line: l.line, a: b[0], b: b[1]})
			next++
		}
		if len(pairs) > maxPairs {
			return fmt.Errorf("the captions have more than %d pairs of bytes: %w", maxPairs, ErrTooLarge)
		}
	}
	channels, parity := decode608(pairs)
	p.tellParity(parity)
	if len(channels) == 0 && len(lines) > 0 {
		return errkind.New(errkind.Invalid, "the %d lines of the captions hold no words", len(lines))
	}
	p.captions(channels, nil, scale)
	return nil
}

func (p *parser) tellParity(bytes int) {
	if bytes > 0 {
		p.note("%d bytes of the captions have the wrong parity and were read unchanged", bytes)
	}
}

// captions adds the first channel with captions, or the first service of CEA-708 if no channel has captions. Further channels and services are
// reported.
func (p *parser) captions(channels []*channel608, services []*service708, scale labelScale) {
	taken := ""
	take := func(name string, cues []labelled) {
		switch {
		case len(cues) == 0:
		case taken == "":
			taken = name
			p.placeCaptions(cues, scale)
		default:
			p.note("the captions hold %s with %d captions beside %s; only %s was read", name, len(cues), taken, taken)
		}
	}
	for _, c := range channels {
		take(c.name, c.cues)
		if c.texts > 0 {
			p.note("%s holds a text service, which is not captions", strings.Replace(c.name, "CC", "T", 1))
		}
	}
	for _, s := range services {
		take(s.name(), s.cues)
	}
}

// placeCaptions moves captions to the film's clock. A caption without an erasure lasts to the end of the film.
func (p *parser) placeCaptions(cues []labelled, scale labelScale) {
	slices.SortStableFunc(cues, func(a, b labelled) int { return cmp.Compare(a.Start, b.Start) })
	if _, known := p.filmEnd(); !known {
		for i, c := range cues {
			if c.End >= forever {
				p.note("no code erases the last caption: the caption is given %d seconds, the longest time that a decoder shows a caption", longest608/schema.Second)
				cues[i].End = c.Start + longest608
			}
		}
	}
	p.place(cues, scale, nil, 0)
}
