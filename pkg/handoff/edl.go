package handoff

import (
	"bufio"
	"fmt"
	"strings"
)

// mostEvents is the largest number of an event of CMX3600.
const mostEvents = 999

// writeEDL writes a CMX3600 edit decision list:
//
//   - An event is a cut, with exclusive out points.
//   - The source labels of an event are drop frame or not, as the source is; FCM tells the form of the labels that follow.
//   - A reel has at most 8 characters. Long names are in comments.
func writeEDL(w *sink, l List, o Options) error {
	seq, err := single(l, o, "an EDL")
	if err != nil {
		return err
	}
	if n := len(seq.clips); n > mostEvents {
		w.note("the list has %d events, and CMX3600 numbers %d: the numbers of the further events have four digits, and old systems refuse such events", n, mostEvents)
	}
	names := reels(l.sources(), o.Reel)
	b := bufio.NewWriter(w)
	fmt.Fprintf(b, "TITLE: %s\n", short(seq.name, 70))
	mode := ""
	for i, c := range seq.clips {
		if fcm := forms[c.Source.Scale.Drop()]; fcm != mode {
			fmt.Fprintf(b, "FCM: %s\n", fcm)
			mode = fcm
		}
		writeEvent(b, w, i+1, names[c.Source], seq, c)
	}
	if err := b.Flush(); err != nil {
		return fmt.Errorf("writing the events: %w", err)
	}
	return nil
}

var forms = map[bool]string{false: "NON-DROP FRAME", true: "DROP FRAME"}

func writeEvent(b *bufio.Writer, w *sink, number int, reel string, seq *sequence, c placed) {
	s := c.Source
	in, out := s.Scale.Format(c.Start), s.Scale.Format(c.End)
	acrossMidnight(w, "event", number, c.Clip)
	if s.Variable {
		w.note("%s has a variable frame rate: frame n has the n-th label, so conform a copy of constant rate that keeps every frame", s.Name)
	}
	fmt.Fprintf(b, "\n%03d  %-8s %-5s C        %s %s %s %s\n", number, reel, channels(s), in, out, seq.scale.Format(c.at), seq.scale.Format(c.at+c.Frames()))
	fmt.Fprintf(b, "* FROM CLIP NAME: %s\n", s.Name)
	if s.Title != s.Name {
		comment(b, "TITLE", s.Title)
	}
	comment(b, "ASSET", s.Asset)
	comment(b, "COMMENT", c.Name)
	comment(b, "NOTE", c.Note)
	if c.Confidence > 0 {
		comment(b, "CONFIDENCE", fmt.Sprintf("%.2f", c.Confidence))
	}
	comment(b, "QUERY", c.Query)
	for _, m := range c.markers() {
		name := line(m.Name)
		if note := line(m.Note); note != "" && note != name {
			name = strings.TrimSpace(name + " " + note)
		}
		fmt.Fprintf(b, "* LOC: %s %-7s %s\n", seq.scale.Format(c.at+m.Start-c.Start), strings.ToUpper(m.Colour.avid()), name)
	}
}

// acrossMidnight notes a clip whose labels begin again within the clip.
func acrossMidnight(w *sink, noun string, number int, c Clip) {
	s := c.Source
	if first, day := s.Scale.Number(), s.Scale.Day(); (first+c.Start)/day != (first+c.End)/day {
		w.note("%s %d crosses midnight: its source out (%s) is before its source in (%s), and some programs refuse such a clip", noun, number, s.Scale.Format(c.End), s.Scale.Format(c.Start))
	}
}

// comment writes a comment of an event; nothing for an empty value.
func comment(b *bufio.Writer, name, value string) {
	if value = line(value); value != "" {
		fmt.Fprintf(b, "* %s: %s\n", name, value)
	}
}

// channels are the tracks that an event edits.
func channels(s *Source) string {
	switch s.Channels {
	case 0:
		return "V"
	case 1:
		return "B"
	}
	return "AA/V"
}
