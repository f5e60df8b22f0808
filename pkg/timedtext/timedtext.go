package timedtext

import (
	"bytes"
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
)

// ErrTooLarge marks a text over a limit. Its kind is Invalid.
var ErrTooLarge = errkind.New(errkind.Invalid, "over the limit of size")

// A Cue is one piece of timed text, on the asset's clock (0 is the start of its
// first frame). Text has no markup; its lines are divided by "\n". Where several
// speak in one cue of the file, each has a Cue of its own, with the same times.
type Cue struct {
	Start, End schema.Time
	Text       string
	// Speaker is who says it, where the file says so beyond doubt: a WebVTT voice, a
	// TTML agent, or a name in capitals before a colon.
	Speaker string
	// Language is BCP 47, where the file names one for this cue; else empty.
	Language string
	// Readings say how words of Text are read: ruby, in the order of the text. They are no part of Text.
	Readings []string
}

// A BadCue is a cue that was left out. Line counts from 1; for STL it is the block.
type BadCue struct {
	Line   int
	Reason string
}

// Track is a parsed text track.
type Track struct {
	// Format is "srt", "webvtt", "ttml", "stl", "ass", "sbv", "microdvd", "scc", "mcc", "cea-608" or "cea-708".
	Format string
	// Encoding is the encoding of the bytes, by its WHATWG name ("utf-8", "windows-1251", ...).
	Encoding string
	// Certainty of Encoding, in 0..1: 1 where the bytes or the file prove it.
	Certainty float64
	// Language is what the file says of itself, as BCP 47; mostly nothing.
	Language string
	// Cues are in order of their start.
	Cues []Cue
	// Bad are the cues that were left out, each with its reason: the first thousand. MoreBad counts the others.
	Bad     []BadCue
	MoreBad int
	// Notes are sentences about choices that the file left open and that a person may want to know: a clock that was
	// moved, an encoding that was guessed, bytes that were replaced.
	Notes []string
}

// LeftOut counts the cues that were left out.
func (t *Track) LeftOut() int { return len(t.Bad) + t.MoreBad }

// Options say what is known of a text before it is read.
type Options struct {
	// Format as in Track, or a usual file extension; empty: by Name, then by content.
	Format string
	Name   string
	// Plain says that the words of SRT hold no tags: "<b>" is letters. Escapes of ASS, such as "\h", are read.
	Plain bool
	// Language helps to tell legacy encodings apart.
	Language string
	// Rate and StartTimecode of the asset: for formats that count frames or carry labels.
	Rate          schema.Rate
	StartTimecode string
	// Clock of the asset, where it is known: times that the file rounds to milliseconds or hundredths are
	// brought to the frames that they mean. Without it Rate serves.
	Clock schema.Clock
	// Duration of the film; 0 where it is not known. A cue that starts at or after it is left out.
	Duration schema.Time
	// Offset is the place of the film's first picture on the container's clock. Times on that clock are less by it; frames and
	// labels are not.
	Offset schema.Time
	// StreamStart is the time of the first picture of an MPEG transport stream on the stream's own clock, for
	// X-TIMESTAMP-MAP. It is nil for any other film.
	StreamStart *schema.Time
}

// Bounds of a text track: far above any film's, and small beside what a hostile one could ask for.
const (
	MaxBytes    = 16 << 20
	maxCues     = 50_000  // 24 hours with a cue every two seconds
	maxCueText  = 8 << 10 // bytes of one cue
	maxCuesText = 8 << 20 // bytes of all cues
	maxLines    = 400_000 // of SRT and WebVTT
	maxMarkup   = 400_000 // tags of TTML, and attributes
	maxBad      = 1000    // cues that are named; the others are counted
	maxNotes    = 100
)

// Parse reads a timed text in any of its formats and encodings. A cue that is
// wrong is left out and named in Bad. What makes the whole useless, every cue
// being wrong among it, is an error of kind Invalid. A text over a limit is refused
// as a whole, with the limit: no text is cut.
//
// All formats are parsed here: the one library for them gives up a file at its first bad cue, rounds frames and ticks
// to nanoseconds, and knows one of STL's five character tables.
func Parse(data []byte, opts Options) (*Track, error) {
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return nil, errkind.New(errkind.Invalid, "the text is empty")
	case len(data) > MaxBytes:
		return nil, fmt.Errorf("the text has %d bytes, and at most %d are taken: %w", len(data), MaxBytes, ErrTooLarge)
	}
	t := &Track{Certainty: 1}
	p := &parser{out: t, opts: opts}
	if isSTL(data) {
		t.Format = "stl"
		if err := p.stl(data); err != nil {
			return nil, err
		}
		return p.finish()
	}
	text, err := p.decodeText(data)
	if err != nil {
		return nil, err
	}
	if t.Format, err = textFormat(text, opts); err != nil {
		return nil, err
	}
	if err := boundedMarkup(text, t.Format); err != nil {
		return nil, err
	}
	switch t.Format {
	case "webvtt":
		p.webvtt(text)
	case "ttml":
		err = p.ttml(text)
	case "srt":
		p.counts = true
		p.srt(text)
	case "ass":
		p.counts = true
		p.ass(text)
	case "sbv":
		p.counts = true
		p.sbv(text)
	case "microdvd":
		err = p.microdvd(text)
	case "scc":
		err = p.scc(text)
	case "mcc":
		err = p.mcc(text)
	default:
		err = errkind.New(errkind.Invalid, "the text says it is STL, but has no STL header")
	}
	if err != nil {
		return nil, err
	}
	return p.finish()
}

var textFormats = map[string]string{
	"srt": "srt", "subrip": "srt", "vtt": "webvtt", "webvtt": "webvtt", "ass": "ass", "ssa": "ass", "sbv": "sbv", "microdvd": "microdvd", "sub": "microdvd",
	"ttml": "ttml", "dfxp": "ttml", "xml": "ttml", "itt": "ttml", "imsc": "ttml", "stl": "stl", "scc": "scc", "mcc": "mcc",
}

// textFormat trusts a signature first, then what it was told, then the name, then the looks.
func textFormat(text string, opts Options) (string, error) {
	start := strings.TrimSpace(text[:min(len(text), 4096)])
	switch {
	case strings.HasPrefix(start, "WEBVTT"):
		return "webvtt", nil
	case assSection.MatchString(start):
		return "ass", nil
	case microLine.MatchString(start):
		return "microdvd", nil
	case sbvFirst.MatchString(start):
		return "sbv", nil
	case strings.HasPrefix(start, "<") && strings.Contains(start, "http://www.w3.org/ns/ttml"):
		return "ttml", nil
	case strings.HasPrefix(start, sccHeader):
		return "scc", nil
	case strings.HasPrefix(start, mccHeader):
		return "mcc", nil
	}
	if opts.Format != "" {
		if f := textFormats[strings.ToLower(opts.Format)]; f != "" {
			return f, nil
		}
		return "", errkind.New(errkind.Invalid, "text format %q is not one of srt, webvtt, ttml, stl, ass, sbv, microdvd, scc, mcc", opts.Format)
	}
	if f := textFormats[strings.ToLower(strings.TrimPrefix(path.Ext(opts.Name), "."))]; f != "" {
		return f, nil
	}
	switch {
	case strings.HasPrefix(start, "<"):
		return "ttml", nil
	case strings.Contains(text, "-->"):
		return "srt", nil
	}
	return "", errkind.New(errkind.Invalid, "the text is not SRT, WebVTT, TTML, STL, ASS, SBV or MicroDVD")
}

// boundedMarkup counts what a parser allocates for before the parser begins.
func boundedMarkup(text, format string) error {
	count := func(what, s string, most int) error {
		if n := strings.Count(text, s); n > most {
			return fmt.Errorf("the text has %d %s, and at most %d are taken: %w", n, what, most, ErrTooLarge)
		}
		return nil
	}
	if format == "ttml" {
		return cmp.Or(count("tags", "<", maxMarkup), count("attributes", "=", maxMarkup))
	}
	if format == "mcc" { // a line for each frame
		return nil
	}
	return cmp.Or(count("lines", "\n", maxLines), count("lines", "\r", maxLines))
}

type parser struct {
	out  *Track
	opts Options
	cues []pending
	// text is the bytes of all cues; more is the bad cues that are counted only.
	text, more int
	// counts says that times count as a clock does, from the film's start or from the programme's.
	counts bool
	// exact says that the text is our own, whose cues are as they should be.
	exact bool
	// over says which limit the text is over.
	over error
}

func (p *parser) bad(line int, format string, args ...any) {
	if len(p.out.Bad) < maxBad {
		p.out.Bad = append(p.out.Bad, BadCue{line, fmt.Sprintf(format, args...)})
		return
	}
	p.more++
}

// note tells of a choice, once.
func (p *parser) note(format string, args ...any) {
	if n := fmt.Sprintf(format, args...); len(p.out.Notes) < maxNotes && !slices.Contains(p.out.Notes, n) {
		p.out.Notes = append(p.out.Notes, n)
	}
}

// A pending cue is one that the whole track may still move or name.
type pending struct {
	Cue
	line int
	unit schema.Time // its times are rounded to
}

// addRounded takes a cue over whose times count on the clock of the text, rounded to unit.
func (p *parser) addRounded(line int, unit schema.Time, c Cue) {
	c.Start, c.End = c.Start-p.opts.Offset, c.End-p.opts.Offset
	if p.opts.Offset != 0 && unit > 0 {
		unit += schema.Millisecond // the offset is rounded, too
	}
	p.take(pending{c, line, unit})
}

// add takes a cue over whose times are exact, and on the film's clock: frames and labels.
func (p *parser) add(line int, c Cue) { p.take(pending{c, line, 0}) }

// take takes a cue over unless something is wrong with it. Several that speak become several cues.
func (p *parser) take(c pending) {
	if p.over != nil {
		return
	}
	line := c.line
	if len(c.Text) > 2*maxCueText { // before any work is done on it
		p.bad(line, "has more than %d bytes", maxCueText)
		return
	}
	c.Text, c.Speaker = tidy(c.Text), tidy(visible(c.Speaker))
	said := []turn{{c.Speaker, c.Text}}
	if c.Speaker == "" && !p.exact {
		said = turns(c.Text)
	}
	switch {
	case c.End < c.Start:
		p.bad(line, "ends at %s, before it starts at %s", c.End, c.Start)
		return
	case c.End == c.Start:
		p.bad(line, "ends as it starts, at %s", c.Start)
		return
	case wordless(c.Text):
		p.bad(line, "has no words")
		return
	case len(c.Text) > maxCueText:
		p.bad(line, "has more than %d bytes", maxCueText)
		return
	}
	for _, t := range said {
		if wordless(t.text) {
			continue
		}
		c.Speaker, c.Text = t.speaker, t.text
		switch {
		case len(p.cues) >= maxCues:
			p.over = fmt.Errorf("the text has more than the %d cues that are taken: %w", maxCues, ErrTooLarge)
			return
		case p.text+len(c.Text) > maxCuesText:
			p.over = fmt.Errorf("the text's cues have more than the %d bytes that are taken: %w", maxCuesText, ErrTooLarge)
			return
		}
		p.text += len(c.Text)
		p.cues = append(p.cues, c)
		c.Readings = nil // are told once
	}
}

func (p *parser) finish() (*Track, error) {
	if p.over != nil {
		return nil, p.over
	}
	p.fromProgramme()
	p.bracedNames()
	p.ontoFilm()
	slices.SortStableFunc(p.out.Bad, func(a, b BadCue) int { return cmp.Compare(a.Line, b.Line) })
	if p.more > 0 {
		last := &p.out.Bad[len(p.out.Bad)-1]
		last.Reason += fmt.Sprintf("; %d more cues are wrong", p.more)
		p.out.MoreBad = p.more
	}
	switch t := p.out; {
	case len(t.Cues) > 0:
		slices.SortStableFunc(t.Cues, func(a, b Cue) int {
			return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End))
		})
		return t, nil
	case len(t.Bad) > 0:
		return nil, errkind.New(errkind.Invalid, "none of the text's cues can be used; the first, at line %d, %s", t.Bad[0].Line, t.Bad[0].Reason)
	default:
		return nil, errkind.New(errkind.Invalid, "the text has no cues")
	}
}

// ontoFilm brings the cues onto the frames of the film. Cues outside the film are left out.
func (p *parser) ontoFilm() {
	for _, c := range p.cues {
		start, end := p.onFrame(c.Start, c.unit), p.onFrame(c.End, c.unit)
		if start < end {
			c.Start, c.End = start, end
		}
		switch film := p.opts.Duration; {
		case c.End <= 0:
			p.bad(c.line, "ends at %s, before the film's first picture", c.End)
		case c.Start < 0 && p.opts.Offset == 0:
			p.bad(c.line, "starts at %s, before the film", c.Start)
		case film > 0 && c.Start >= film:
			p.bad(c.line, "starts at %s, and the film ends at %s%s", c.Start, film, p.startsAt())
		default:
			c.Start = max(c.Start, 0)
			p.out.Cues = append(p.out.Cues, c.Cue)
		}
	}
}

// bracedNames finds the speakers in brackets whose names the track tells elsewhere.
func (p *parser) bracedNames() {
	known := make(map[string]bool)
	for _, c := range p.cues {
		if c.Speaker != "" {
			known[strings.ToLower(c.Speaker)] = true
		}
	}
	for i, c := range p.cues {
		if c.Speaker == "" && !p.exact {
			p.cues[i].Speaker, p.cues[i].Text = bracedName(c.Text, known)
		}
	}
}

func clip(s string) string {
	if r := []rune(s); len(r) > 40 {
		return string(r[:40]) + "..."
	}
	return s
}
