package handoff

import (
	"bufio"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"github.com/cinedex/cinedex/pkg/schema"
)

// The formats of this file hold markers on the timecode of a single film.

// marks returns a marker for each clip, and the clips' own markers.
func marks(l List) (out []Marker) {
	for _, c := range l.Clips {
		out = append(out, Marker{Start: c.Start, End: c.End, Name: c.label(), Note: markNote(&c), Colour: c.Colour})
		out = append(out, c.Markers...)
	}
	return out
}

// markNote is what a marker tells of a clip beside the clip's name.
func markNote(c *Clip) string {
	var parts []string
	for _, t := range c.Texts {
		if s := line(t.Text); s != "" && s != c.label() {
			parts = append(parts, "["+t.Language+"] "+s)
		}
	}
	if n := line(c.Note); n != "" {
		parts = append(parts, n)
	}
	return strings.Join(parts, " / ")
}

// variableMarks notes that labels of a film of variable rate count the film's frames.
func variableMarks(w *sink, s *Source) {
	if s.Variable {
		w.note("%s has a variable frame rate: frame n has the n-th label, so lay the markers over a copy of constant rate that keeps every frame", s.Name)
	}
}

// writeAvid writes markers of Avid Media Composer: user, timecode, track, colour, comment and length, divided by tabs.
func writeAvid(w *sink, l List, _ Options) error {
	s, err := one(l, "a list of Avid markers")
	if err != nil {
		return err
	}
	variableMarks(w, s)
	b := bufio.NewWriter(w)
	for _, m := range marks(l) {
		comment := line(m.Name)
		if note := line(m.Note); note != "" {
			comment += " | " + note
		}
		fmt.Fprintf(b, "Cinedex\t%s\tV1\t%s\t%s\t%d\n", s.Scale.Format(m.Start), m.Colour.avid(), comment, m.End-m.Start)
	}
	return b.Flush()
}

// writeALE writes an Avid Log Exchange: a row for each clip, as a subclip of its tape.
func writeALE(w *sink, l List, o Options) error {
	seq, err := single(l, o, "an ALE")
	if err != nil {
		return err
	}
	first := seq.clips[0].Source
	b := bufio.NewWriter(w)
	audio := ""
	if first.Channels > 0 {
		audio = fmt.Sprintf("AUDIO_FORMAT\t%dkhz\n", first.SampleRate/1000)
	}
	fmt.Fprintf(b, "Heading\nFIELD_DELIM\tTABS\nVIDEO_FORMAT\t%s\n%sFPS\t%s\n\n", aleFormat(first.Height), audio, rateName(seq.rate))
	columns := []string{"Name", "Tracks", "Start", "End", "Tape", "Source File", "DF", "Comments", "Asset", "Kind", "Query"}
	fmt.Fprintf(b, "Column\n%s\n\nData\n", strings.Join(columns, "\t"))
	names := reels(l.sources(), o.Reel)
	for i, c := range seq.clips {
		s := c.Source
		variableMarks(w, s)
		acrossMidnight(w, "row", i+1, c.Clip)
		drop := "NDF"
		if s.Scale.Drop() {
			drop = "DF"
		}
		row := []string{
			short(c.label(), 200), aleTracks(s), s.Scale.Format(c.Start), s.Scale.Format(c.End), names[s], s.Name, drop,
			markNote(&c.Clip), s.Asset, c.Kind, line(c.Query),
		}
		fmt.Fprintf(b, "%s\n", strings.Join(row, "\t"))
	}
	return b.Flush()
}

func aleFormat(height int) string {
	switch height {
	case 1080:
		return "1080"
	case 720:
		return "720"
	case 576:
		return "PAL"
	case 480, 486:
		return "NTSC"
	}
	return "CUSTOM"
}

func aleTracks(s *Source) string {
	t := "V"
	for i := range min(s.Channels, mostTracks) {
		t += "A" + strconv.Itoa(i+1)
	}
	return t
}

// writeResolveEDL writes markers of a timeline of DaVinci Resolve: an event of one frame for each marker, with the colour, name and length below.
func writeResolveEDL(w *sink, l List, _ Options) error {
	s, err := one(l, "a list of Resolve markers")
	if err != nil {
		return err
	}
	variableMarks(w, s)
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "TITLE: %s\nFCM: %s\n\n", short(line(l.Name), 70), forms[s.Scale.Drop()])
	bar := strings.NewReplacer("|", "/")
	for i, m := range marks(l) {
		in, out := s.Scale.Format(m.Start), s.Scale.Format(m.Start+1)
		fmt.Fprintf(b, "%03d  001      V     C        %s %s %s %s  \n", i+1, in, out, in, out)
		fmt.Fprintf(b, "%s |C:ResolveColor%s |M:%s |D:%d\n\n", bar.Replace(line(m.Note)), m.Colour.resolve(), bar.Replace(line(m.Name)), m.End-m.Start)
	}
	return b.Flush()
}

// resolveColumns are the columns of an edit index of DaVinci Resolve that hold facts of Cinedex.
var resolveColumns = []string{"#", "Reel", "V", "C", "Dur", "Source In", "Source Out", "Record In", "Record Out", "Name", "Comments", "Color", "Notes"}

// writeResolveCSV writes a table with the columns of Resolve's edit index.
func writeResolveCSV(w *sink, l List, o Options) error {
	seq, err := single(l, o, "an edit index")
	if err != nil {
		return err
	}
	names := reels(l.sources(), o.Reel)
	zero, err := schema.ScaleOf(seq.rate, seq.scale.Drop(), "")
	if err != nil {
		return err
	}
	c := csv.NewWriter(w)
	if err := c.Write(resolveColumns); err != nil {
		return fmt.Errorf("writing the columns: %w", err)
	}
	for i, p := range seq.clips {
		s := p.Source
		variableMarks(w, s)
		row := []string{
			strconv.Itoa(i + 1), names[s], "V1", "C", zero.Format(p.Frames()), s.Scale.Format(p.Start), s.Scale.Format(p.End), seq.scale.Format(p.at), seq.scale.Format(p.at + p.Frames()),
			p.label(), markNote(&p.Clip), p.Colour.resolve(), line(p.Note),
		}
		if err := writeCells(c, row); err != nil {
			return fmt.Errorf("writing row %d: %w", i+1, err)
		}
	}
	c.Flush()
	return c.Error()
}

// proToolsForms are the names of timecode in Pro Tools, by labels per second.
var proToolsForms = map[int]string{24: "24 Frame", 25: "25 Frame", 30: "30 Frame", 48: "48 Frame", 50: "50 Frame", 60: "60 Frame"}

// writeProTools writes the text of a Pro Tools session with markers, as "Export Session Info as Text" writes the text.
// The reference of a marker is in samples from the first frame of the film.
func writeProTools(w *sink, l List, _ Options) error {
	s, err := one(l, "a Pro Tools session")
	if err != nil {
		return err
	}
	variableMarks(w, s)
	samples := s.SampleRate
	if samples == 0 {
		samples = 48_000
	}
	form := proToolsForms[s.Scale.FPS()]
	if s.Rate.Den == 1001 {
		form = rateName(s.Rate) + " Frame"
	}
	if s.Scale.Drop() {
		form = strings.Replace(form, " Frame", " Drop Frame", 1)
	}
	if form == "" {
		form = rateName(s.Rate) + " Frame"
		w.note("Pro Tools has no sessions of %s frames a second: the samples of the markers are exact", rateName(s.Rate))
	}
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "SESSION NAME:\t%s\nSAMPLE RATE:\t%d.000000\nBIT DEPTH:\t24-bit\nSESSION START TIMECODE:\t%s\nTIMECODE FORMAT:\t%s\n", line(l.Name), samples, s.Scale.Format(0), form)
	fmt.Fprintf(b, "# OF AUDIO TRACKS:\t0\n# OF AUDIO CLIPS:\t0\n# OF AUDIO FILES:\t0\n\n\nM A R K E R S  L I S T I N G\n")
	fmt.Fprintf(b, "%-4s\t%-13s\t%-18s\t%-10s\t%-33s\t%s\n", "#", "LOCATION", "TIME REFERENCE", "UNITS", "NAME", "COMMENTS")
	for i, m := range marks(l) {
		at := schema.Samples(s.Clock.FrameStart(m.Start), samples)
		fmt.Fprintf(b, "%-4d\t%-13s\t%-18d\t%-10s\t%-33s\t%s\n", i+1, s.Scale.Format(m.Start), at, "Samples", short(line(m.Name), 200), line(m.Note))
	}
	return b.Flush()
}
