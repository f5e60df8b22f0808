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

// ErrTooLarge marks a text over a limit. The kind is Invalid.
var ErrTooLarge = errkind.New(errkind.Invalid, "over the limit of size")

// A Cue is a piece of timed text on the asset's clock, where 0 is the start of the first frame. Text has no markup; lines are separated by "\n". If
// several people speak in a cue of the file, each speaker gets a Cue, with the same times.
type Cue struct {
	Start, End schema.Time
	Text       string
	// Speaker is set where the file names the speaker without doubt: a WebVTT voice, a TTML agent, or a name in capitals before a colon.
	Speaker string
	// Language is BCP 47 where the file names a language for this cue; else empty.
	Language string
	// Readings are the pronunciations of words of Text (ruby), in text order. Readings are not part of Text.
	Readings []string
}

// A BadCue is a cue left out of the track. Line counts from 1; for STL, Line is the number of the block.
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
	// Certainty is the certainty of Encoding, in 0..1. 1 means proof by the bytes or the file.
	Certainty float64
	// Language is the file's declared language, as BCP 47. Most files declare none.
	Language string
	// Cues are in order of start.
	Cues []Cue
	// Bad holds the first thousand cues left out, with reasons. MoreBad counts the further cues.
	Bad     []BadCue
	MoreBad int
	// Notes are sentences about choices left open by the file, for people: a moved clock, a guessed encoding, replaced
	// bytes.
	Notes []string
}

// LeftOut counts the cues left out.
func (t *Track) LeftOut() int { return len(t.Bad) + t.MoreBad }

// Options hold facts about a text known before the reading.
type Options struct {
	// Format is a value of Track.Format or a usual file extension. Empty means: decide by Name, then by content.
	Format string
	Name   string
	// With Plain, the words of SRT hold no tags: "<b>" is text. Escapes of ASS, such as "\h", are still read.
	Plain bool
	// Language helps to distinguish legacy encodings.
	Language string
	// Rate and StartTimecode are the asset's, for formats with frame counts or labels.
	Rate          schema.Rate
	StartTimecode string
	// Clock is the asset's clock, if known. Times rounded in the file to milliseconds or hundredths are moved to the
	// author's frames. Without Clock, Rate is used.
	Clock schema.Clock
	// Duration is the length of the film; 0 if unknown. A cue with a start at or after the end of the film is left out.
	Duration schema.Time
	// Offset is the time of the film's first picture on the container's clock. Offset is subtracted from times on the
	// container's clock; frames and labels are not changed.
	Offset schema.Time
	// StreamStart is the time of the first picture of an MPEG transport stream on the stream's own clock, for X-TIMESTAMP-MAP; nil for any other
	// film.
	StreamStart *schema.Time
}

// Bounds of a text track. Real films stay far below. A hostile text at the bounds takes little memory.
const (
	MaxBytes    = 16 << 20
	maxCues     = 50_000  // 24 hours with a cue every two seconds
	maxCueText  = 8 << 10 // bytes of a cue
	maxCuesText = 8 << 20 // bytes of all cues
	maxLines    = 400_000 // of SRT and WebVTT
	maxMarkup   = 400_000 // tags of TTML; also the bound of attributes
	maxBad      = 1000    // cues with a reason; further cues are counted
	maxNotes    = 100
)

// Parse reads a timed text in any supported format and encoding.
//
//   - An unusable cue is left out, and listed in Track.Bad.
//   - A text without a usable cue, and a text unreadable as a whole, are errors of kind Invalid.
//   - A text over a limit is refused as a whole, with the limit in the error. No text is cut.
//
// All formats are parsed in this package. The only library for the formats gives up a file at the first bad cue, rounds
// frames and ticks to nanoseconds, and knows one of STL's five character tables.
func Parse(data []byte, opts Options) (*Track, error) {
	switch {
	case len(bytes.TrimSpace(data)) == 0:
		return nil, errkind.New(errkind.Invalid, "the text is empty")
	case len(data) > MaxBytes:
		return nil, fmt.Errorf("the text has %d bytes, and at most %d are accepted: %w", len(data), MaxBytes, ErrTooLarge)
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
		err = errkind.New(errkind.Invalid, "the text is declared as STL, but has no STL header")
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

// textFormat decides the format by a signature, then by opts.Format, then by the file name, then by the content.
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

// boundedMarkup counts a parser's elements before the parser begins, because the parser allocates memory for each
// element.
func boundedMarkup(text, format string) error {
	count := func(noun, s string, most int) error {
		if n := strings.Count(text, s); n > most {
			return fmt.Errorf("the text has %d %s, and at most %d are accepted: %w", n, noun, most, ErrTooLarge)
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
	// text is the number of bytes of all cues; more is the number of bad cues beyond maxBad.
	text, more int
	// With counts, times count like a clock, from the start of the film or of the programme.
	counts bool
	// With exact, the text was written by WriteWebVTT. Speakers are not searched for.
	exact bool
	// over is the error of the exceeded limit; nil for none.
	over error
}

func (p *parser) bad(line int, format string, args ...any) {
	if len(p.out.Bad) < maxBad {
		p.out.Bad = append(p.out.Bad, BadCue{line, fmt.Sprintf(format, args...)})
		return
	}
	p.more++
}

// note adds a sentence to the track's Notes, once.
func (p *parser) note(format string, args ...any) {
	if n := fmt.Sprintf(format, args...); len(p.out.Notes) < maxNotes && !slices.Contains(p.out.Notes, n) {
		p.out.Notes = append(p.out.Notes, n)
	}
}

// A pending cue is a cue whose times and speaker may still change when the whole track is known.
type pending struct {
	Cue
	line int
	unit schema.Time // the unit of the rounding of the cue's times
}

// addRounded adds a cue whose times are on the clock of the text, rounded to unit.
func (p *parser) addRounded(line int, unit schema.Time, c Cue) {
	c.Start, c.End = c.Start-p.opts.Offset, c.End-p.opts.Offset
	if p.opts.Offset != 0 && unit > 0 {
		unit += schema.Millisecond // the offset is rounded, too
	}
	p.take(pending{c, line, unit})
}

// add adds a cue with exact times on the film's clock, from frames or labels.
func (p *parser) add(line int, c Cue) { p.take(pending{c, line, 0}) }

// take checks a cue and adds the cue. A cue with several speakers becomes several cues.
func (p *parser) take(c pending) {
	if p.over != nil {
		return
	}
	line := c.line
	if len(c.Text) > 2*maxCueText { // checked before any other work
		p.bad(line, "has more than %d bytes", maxCueText)
		return
	}
	c.Text, c.Speaker = tidy(c.Text), tidy(visible(c.Speaker))
	spoken := []turn{{c.Speaker, c.Text}}
	if c.Speaker == "" && !p.exact {
		spoken = turns(c.Text)
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
	for _, t := range spoken {
		if wordless(t.text) {
			continue
		}
		c.Speaker, c.Text = t.speaker, t.text
		switch {
		case len(p.cues) >= maxCues:
			p.over = fmt.Errorf("the text has more than %d cues, the most that are accepted: %w", maxCues, ErrTooLarge)
			return
		case p.text+len(c.Text) > maxCuesText:
			p.over = fmt.Errorf("the text's cues have more than %d bytes, the most that are accepted: %w", maxCuesText, ErrTooLarge)
			return
		}
		p.text += len(c.Text)
		p.cues = append(p.cues, c)
		c.Readings = nil // only the first speaker's cue has the readings
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
		last.Reason += fmt.Sprintf("; %d more cues are unusable", p.more)
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

// ontoFilm moves the times of cues onto frames of the film. Cues outside the film are left out.
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

// bracedNames finds speakers in brackets whose names occur elsewhere in the track.
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
