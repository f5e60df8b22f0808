package handoff

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// MaxClips bounds a list.
const MaxClips = 20_000

// A List is clips in order, with a name for people.
type List struct {
	Name  string
	Clips []Clip
}

// A Clip is a range of frames of a source, and the reasons for the range.
type Clip struct {
	Source *Source
	// Start and End are frames of the source, half-open.
	Start, End int64
	// Name is a line of text; Note may have several lines.
	Name, Note string
	// Colour is the colour of the clip's own marker; NoColour for none.
	Colour  Colour
	Markers []Marker
	// Confidence is from 0 to 1.
	Confidence float32
	// Texts are spoken or written during the clip, in any number of languages.
	Texts []Text
	// Kind and Run are of the annotation behind the clip, Query is of the search behind the clip. Each may be empty.
	Kind, Run, Query string
}

// A Marker is a named range of frames of a clip's source.
type Marker struct {
	// Start and End are frames of the source, half-open. A marker of a single frame ends one frame after its start.
	Start, End int64
	Name, Note string
	Colour     Colour
}

// A Text is a line with its own interval on the clock of the source.
type Text struct {
	schema.Interval
	Language, Speaker, Text string
}

// A Source is an asset with pictures. Clips of the same asset share the Source.
type Source struct {
	Asset string
	// Name is how editing programs list the media: the name of the file.
	Name string
	// Title is the name of the film, for people.
	Title string
	// Reel is the name of the tape or card; empty means: made from Name.
	Reel string
	// URL is the address of the media; empty for media that the editing program finds by name.
	URL string
	// Rate is the nominal rate. Scale has the labels of the source, and Clock the times.
	Rate  schema.Rate
	Scale schema.TimecodeScale
	Clock schema.Clock
	// Variable is true if Clock is a frame table.
	Variable      bool
	Width, Height int
	// Channels and SampleRate are of the first audio track; 0 for a silent film.
	Channels, SampleRate int
}

// NewSource returns the source of an asset. clock is the clock of the asset's video track.
//
//   - Invalid: the asset has no pictures, and editing programs count pictures.
func NewSource(a *pb.Asset, clock schema.Clock, name string) (*Source, error) {
	v := a.GetVideo()
	if v == nil || clock == nil {
		return nil, errkind.New(errkind.Invalid, "asset %s has no frames to count", a.GetId())
	}
	scale, err := schema.NewTimecodeScale(v)
	if err != nil {
		return nil, fmt.Errorf("making the timecode of asset %s: %w", a.GetId(), err)
	}
	s := &Source{
		Asset: a.GetId(), Name: line(name), Title: line(a.GetTitle().GetName()), Rate: schema.RateOf(v.GetRate()).Nominal(), Scale: scale, Clock: clock,
		Variable: v.GetVariableRate(), Width: int(v.GetWidth()), Height: int(v.GetHeight()),
	}
	s.Title = cmp.Or(s.Title, line(a.GetTitle().GetId()))
	s.Name = cmp.Or(s.Name, s.Title, s.Asset)
	if audio := a.GetAudio(); len(audio) > 0 {
		s.Channels, s.SampleRate = max(int(audio[0].GetChannels()), 1), cmp.Or(int(audio[0].GetSampleRate()), 48_000)
	}
	return s, nil
}

// Span returns the frames of an interval, as the answers of the search API tell the frames.
func (s *Source) Span(iv schema.Interval) (start, end int64) {
	return schema.ShownFrames(s.Clock, iv)
}

// Interval returns the time of a clip on the clock of the source.
func (c *Clip) Interval() schema.Interval {
	return schema.Interval{Start: c.Source.Clock.FrameStart(c.Start), End: c.Source.Clock.FrameStart(c.End)}
}

// Frames returns the length of a clip.
func (c *Clip) Frames() int64 { return c.End - c.Start }

// label returns the name of a clip for people.
func (c *Clip) label() string { return cmp.Or(line(c.Name), line(firstText(c.Texts)), c.Source.Name) }

func firstText(ts []Text) string {
	if len(ts) == 0 {
		return ""
	}
	return ts[0].Text
}

// WithHandles returns the list with n more frames before and after each clip, and the number of handles that an end of a film cuts off.
func (l List) WithHandles(n int64) (out List, short int) {
	out = List{Name: l.Name, Clips: slices.Clone(l.Clips)}
	for i, c := range out.Clips {
		longer, cut := c.WithHandles(n, n)
		out.Clips[i], short = longer, short+cut
	}
	return out, short
}

// WithHandles returns the clip with more frames before and after, and the number of handles that an end of the film cuts off.
func (c Clip) WithHandles(before, after int64) (out Clip, short int) {
	start, end := max(c.Start-before, 0), min(c.End+after, max(c.Source.Clock.Frames(), c.End))
	if start > c.Start-before {
		short++
	}
	if end < c.End+after {
		short++
	}
	if before > 0 || after > 0 { // the range without the handles stays visible
		c.Markers = append(slices.Clone(c.Markers), Marker{Start: c.Start, End: c.End, Name: c.label(), Note: c.Note, Colour: c.Colour})
		c.Colour = NoColour
	}
	c.Start, c.End = start, end
	return c, short
}

// OfRate returns the clips of a rate.
func (l List) OfRate(r schema.Rate) List {
	out := List{Name: l.Name}
	for _, c := range l.Clips {
		if c.Source.Rate == r.Nominal() {
			out.Clips = append(out.Clips, c)
		}
	}
	return out
}

// check refuses a list that no format can hold.
func (l List) check() error {
	switch n := len(l.Clips); {
	case n == 0:
		return errkind.New(errkind.Invalid, "there is nothing to hand off: the list has no clips")
	case n > MaxClips:
		return errkind.New(errkind.Invalid, "the list has %d clips, and at most %d are handed off at once: narrow the search, or export by asset", n, MaxClips)
	}
	for i, c := range l.Clips {
		if c.Source == nil || c.Source.Clock == nil {
			return errkind.New(errkind.Invalid, "clip %d has no source", i+1)
		}
		if c.Start < 0 || c.End <= c.Start || c.End > c.Source.Clock.Frames() {
			return errkind.New(errkind.Invalid, "clip %d: frames %d to %d are not within the %d frames of asset %s", i+1, c.Start, c.End, c.Source.Clock.Frames(), c.Source.Asset)
		}
	}
	return nil
}

// sources returns the sources in the order of their first clips.
func (l List) sources() (out []*Source) {
	seen := map[*Source]bool{}
	for _, c := range l.Clips {
		if !seen[c.Source] {
			seen[c.Source] = true
			out = append(out, c.Source)
		}
	}
	return out
}

// line makes a single line of a text from outside: no control characters, and no space at the ends.
func line(s string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, ""))), " ")
}

// short cuts a line after n runes.
func short(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return strings.TrimSpace(string(r[:n-1])) + "…"
}
