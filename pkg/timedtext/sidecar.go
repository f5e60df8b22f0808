package timedtext

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
)

var (
	sbvTiming = regexp.MustCompile(`^\s*(\d{1,6}:\d{2}:\d{2}[.,]\d{2,3})\s*,\s*(\d{1,6}:\d{2}:\d{2}[.,]\d{2,3})\s*$`)
	sbvFirst  = regexp.MustCompile(`(?m)\A(?:\[[A-Za-z ]+\].*\s+)*\d{1,6}:\d{2}:\d{2}[.,]\d{2,3}\s*,\s*\d{1,6}:\d{2}:\d{2}[.,]\d{2,3}\s*$`)
	sbvBreak  = strings.NewReplacer("[br]", "\n", "[BR]", "\n")

	microLine = regexp.MustCompile(`^\s*\{(\d{1,9})\}\{(\d{0,9})\}(.*)`)
	microRate = regexp.MustCompile(`^\d{1,3}(?:[.,]\d{1,3})?$`)
)

// sbv reads SubViewer, in the form of video sites and in the form of version 2: a line of two times begins a cue.
func (p *parser) sbv(text string) {
	all := lines(text)
	emit := func(timing, end int) {
		m := sbvTiming.FindStringSubmatch(all[timing])
		from, to, unit, err := span(m[1], m[2])
		if err != nil {
			p.bad(timing+1, "%s", err)
			return
		}
		words := srtWords(sbvBreak.Replace(strings.Join(all[timing+1:end], "\n")))
		p.addRounded(timing+1, unit, Cue{Start: from, End: to, Text: words})
	}
	last := -1
	for i, l := range all {
		if !sbvTiming.MatchString(l) {
			continue
		}
		if last >= 0 {
			emit(last, i)
		}
		last = i
	}
	if last >= 0 {
		emit(last, len(all))
	}
}

// microdvd reads "{25}{50}Over the|hill", where times are frame numbers. A first line such as "{1}{1}23.976" names the rate of the numbers; without
// such a line the film's rate applies.
func (p *parser) microdvd(text string) error {
	rate, named := p.opts.Rate, false
	type frameCue struct {
		line       int
		start, end int64
		words      string
	}
	var cues []frameCue
	for i, l := range lines(text) {
		m := microLine.FindStringSubmatch(l)
		if m == nil {
			if strings.TrimSpace(l) != "" {
				p.bad(i+1, "has no frame numbers: %q", clip(l))
			}
			continue
		}
		start, _ := strconv.ParseInt(m[1], 10, 64)
		end, err := strconv.ParseInt(m[2], 10, 64)
		if err != nil {
			end = -1
		}
		if words := strings.TrimSpace(m[3]); len(cues) == 0 && !named && start == end && start <= 1 && microRate.MatchString(words) {
			own, err := schema.ParseRate(strings.Replace(words, ",", ".", 1))
			if err != nil {
				return errkind.New(errkind.Invalid, "line %d: %w", i+1, err)
			}
			if p.opts.Rate.Validate() == nil && own != p.opts.Rate {
				p.note("the text counts %s frames a second, by its first line, and the film %s", own, p.opts.Rate)
			}
			rate, named = own, true
			continue
		}
		cues = append(cues, frameCue{i + 1, start, end, m[3]})
	}
	if rate.Validate() != nil {
		return errkind.New(errkind.Invalid, "the text counts frames, and neither the text nor the film declares a frame rate")
	}
	place := rate.FrameStart
	if p.opts.Clock != nil && (!named || rate == p.opts.Rate) {
		last := p.opts.Clock.Frames()
		place = func(n int64) schema.Time {
			if n > last { // past the end: a later check reports the cue
				return p.opts.Clock.FrameStart(last) + rate.FrameStart(n-last)
			}
			return p.opts.Clock.FrameStart(n)
		}
	}
	for i, c := range cues {
		if c.end < 0 {
			if i+1 == len(cues) {
				p.bad(c.line, "has no end")
				continue
			}
			c.end = cues[i+1].start
		}
		words := microCode.ReplaceAllString(strings.ReplaceAll(c.words, "|", "\n"), "")
		p.add(c.line, Cue{Start: place(c.start), End: place(c.end), Text: unslashed(words)})
	}
	return nil
}

// unslashed removes the slash for a line in italics.
func unslashed(s string) string {
	all := strings.Split(s, "\n")
	for i, l := range all {
		all[i] = strings.TrimPrefix(l, "/")
	}
	return strings.Join(all, "\n")
}
