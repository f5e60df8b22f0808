package bins

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Colours are the colours of clips and markers. The empty colour is none.
var Colours = []string{"", "red", "orange", "yellow", "green", "cyan", "blue", "purple", "pink", "white"}

const (
	maxName   = 100  // characters
	maxNotes  = 2000 // characters
	maxMarker = 500  // characters
	maxQuery  = 500  // bytes
	maxText   = 2000 // bytes
	maxID     = 64   // bytes
)

// CheckName refuses the name and the notes of a bin.
func CheckName(name, notes string) error {
	if n := utf8.RuneCountInString(name); n == 0 || n > maxName || strings.TrimSpace(name) == "" {
		return errkind.New(errkind.Invalid, "name: want from 1 to %d characters, not %d", maxName, n)
	}
	return checkNotes(notes, "")
}

func checkNotes(notes, colour string) error {
	if n := utf8.RuneCountInString(notes); n > maxNotes {
		return errkind.New(errkind.Invalid, "notes: %d characters are more than the %d allowed", n, maxNotes)
	}
	if !slices.Contains(Colours, colour) {
		return errkind.New(errkind.Invalid, "colour: there is no %.20q; choose from %s", colour, strings.Join(Colours[1:], ", "))
	}
	return nil
}

// checkClip refuses a clip of an editor, and empties the fields that answers have and the store has not.
func (d *draft) checkClip(c *pb.Clip) error {
	if c == nil {
		return errkind.New(errkind.Invalid, "add.clip: there is none")
	}
	c.Title, c.TitleName, c.StartFrame, c.EndFrame, c.StartTimecode, c.EndTimecode, c.Thumbnail, c.Unmarked = "", "", 0, 0, "", "", "", 0
	for _, v := range []struct {
		field, text string
		most        int
	}{{"id", c.GetId(), maxID}, {"q", c.GetQ(), maxQuery}, {"text", c.GetText(), maxText}, {"language", c.GetLanguage(), maxID}, {"run", c.GetRun(), maxID},
		{"algorithm", c.GetAlgorithm(), maxID}, {"version", c.GetVersion(), maxID}} {
		if len(v.text) > v.most {
			return errkind.New(errkind.Invalid, "add.clip.%s: %d bytes are more than the %d allowed", v.field, len(v.text), v.most)
		}
	}
	if f := float64(c.GetConfidence()); math.IsNaN(f) || f < 0 || f > 1 {
		return errkind.New(errkind.Invalid, "add.clip.confidence: want from 0 to 1, not %v", f)
	}
	if err := checkNotes(c.GetNotes(), c.GetColour()); err != nil {
		return err
	}
	if err := d.checkPlace(c); err != nil {
		return err
	}
	if n := len(c.GetMarkers()); n > MaxMarkers {
		return errkind.New(errkind.Exhausted, "add.clip.markers: %d are more than the %d allowed", n, MaxMarkers)
	}
	ids := map[string]bool{}
	for i, m := range c.GetMarkers() {
		if err := checkMarker(c, m); err != nil {
			return fmt.Errorf("markers[%d]: %w", i, err)
		}
		if m.GetId() != "" && ids[m.GetId()] {
			return errkind.New(errkind.Invalid, "add.clip.markers: two have the id %.64q", m.GetId())
		}
		ids[m.GetId()] = true
	}
	slices.SortStableFunc(c.GetMarkers(), byTime)
	return nil
}

func byTime(a, b *pb.ClipMarker) int {
	return cmp.Or(cmp.Compare(a.GetTime(), b.GetTime()), cmp.Compare(a.GetId(), b.GetId()))
}

// checkPlace refuses a stretch outside the asset. Handles MAY reach beyond the asset: a hand-off takes what there is.
func (d *draft) checkPlace(c *pb.Clip) error {
	end, err := d.by.End(c.GetAsset())
	if err != nil {
		return err
	}
	const most = int64(1) << 50 // flicks: 18 days
	switch {
	case c.GetStart() < 0 || c.GetEnd() <= c.GetStart():
		return errkind.New(errkind.Invalid, "start, end: want 0 <= start < end, in flicks, not %d and %d", c.GetStart(), c.GetEnd())
	case end > 0 && c.GetEnd() > int64(end):
		return errkind.New(errkind.Invalid, "end: %d is behind the end of the asset, %d", c.GetEnd(), end)
	case c.GetHandleBefore() < 0 || c.GetHandleAfter() < 0 || c.GetHandleBefore() > most || c.GetHandleAfter() > most:
		return errkind.New(errkind.Invalid, "handle_before, handle_after: want from 0 to %d flicks", most)
	}
	return nil
}

func checkMarker(c *pb.Clip, m *pb.ClipMarker) error {
	switch {
	case m == nil:
		return errkind.New(errkind.Invalid, "marker: there is none")
	case len(m.GetId()) > maxID:
		return errkind.New(errkind.Invalid, "marker.id: %d bytes are more than the %d allowed", len(m.GetId()), maxID)
	case utf8.RuneCountInString(m.GetText()) > maxMarker:
		return errkind.New(errkind.Invalid, "marker.text: more than the %d characters allowed", maxMarker)
	case !slices.Contains(Colours, m.GetColour()):
		return errkind.New(errkind.Invalid, "marker.colour: there is no %.20q; choose from %s", m.GetColour(), strings.Join(Colours[1:], ", "))
	case m.GetTime() < max(0, c.GetStart()-c.GetHandleBefore()) || m.GetTime() > c.GetEnd()+c.GetHandleAfter():
		return errkind.New(errkind.Invalid, "marker.time: %d is outside the clip and its handles", m.GetTime())
	}
	return nil
}

// checkWith refuses what a bin cannot be shared with.
func checkWith(s *pb.Share) error {
	with := s.GetWith()
	for _, beginning := range []string{withName, withGroup, withRole} {
		if rest, ok := strings.CutPrefix(with, beginning); ok && rest != "" && len(with) <= 200 {
			return nil
		}
	}
	if with == Everybody {
		return nil
	}
	return errkind.New(errkind.Invalid, `share.with: want "name:NAME", "group:GROUP", "role:ROLE", "everybody" or "link", not %.60q`, with)
}
