package handoff

import (
	"cmp"
	"regexp"
	"strconv"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// An event of CMX3600: number, reel, channels, transition with its length, source in and out, record in and out.
var edlEvent = regexp.MustCompile(`^\s*(\d{1,6})\s+(\S+)\s+(\S+)\s+(\S+(?:\s+\d{1,4})?)\s+(\d\d[:;]\d\d[:;]\d\d[:;.]\d{2,3})\s+(\S+)\s+(\S+)\s+(\S+)\s*$`)

// A marker of DaVinci Resolve follows an event of one frame: "note |C:ResolveColorBlue |M:Marker 1 |D:1".
var resolveMarker = regexp.MustCompile(`^(.*?)\s*\|C:(\S+)\s*\|M:(.*?)\s*\|D:(\d{1,9})\s*$`)

// A locator of Avid, a comment of an event: "* LOC: 01:00:00:00 RED note".
var edlLocator = regexp.MustCompile(`^\*\s*LOC:\s*(\S+)\s+(\S+)\s*(.*)$`)

// An edlClip is an event with its comments.
type edlClip struct {
	reel, in, out, record   string
	name, asset, text, note string
	locators                []string
	resolve                 bool // a marker of Resolve, with a length and a colour
	length                  int64
	colour                  Colour
}

// edl reads an edit list. Markers of Resolve count on the timeline; events and their locators count on the film.
func (r *reading) edl(text string) error {
	var events []*edlClip
	err := lines(text, func(_ int, l string) error {
		if m := edlEvent.FindStringSubmatch(l); m != nil {
			if len(events) >= maxMarkers {
				return errkind.New(errkind.Invalid, "the list has more than %d events, the most that are read", maxMarkers)
			}
			events = append(events, &edlClip{reel: m[2], in: m[5], out: m[6], record: m[7]})
			return nil
		}
		if len(events) > 0 {
			return events[len(events)-1].remark(l)
		}
		return nil
	})
	if err != nil {
		return err
	}
	mine := r.mine(events)
	for i, e := range events {
		if !mine(e) {
			r.LeftOut++
			continue
		}
		if err := r.event(e); err != nil {
			return errkind.New(errkind.Invalid, "event %d: %w", i+1, err)
		}
	}
	return nil
}

// remark reads a line below an event.
func (e *edlClip) remark(l string) error {
	l = strings.TrimSpace(l)
	if m := resolveMarker.FindStringSubmatch(l); m != nil {
		length, err := strconv.ParseInt(m[4], 10, 64)
		if err != nil || length > 1<<31 {
			return errkind.New(errkind.Invalid, "a marker of %s frames is too long", m[4])
		}
		e.resolve, e.note, e.colour, e.name, e.length = true, m[1], ParseColour(m[2]), m[3], max(length, 1)
		return nil
	}
	if edlLocator.MatchString(l) {
		e.locators = append(e.locators, l)
		return nil
	}
	name, value, ok := strings.Cut(strings.TrimSpace(strings.TrimPrefix(l, "*")), ":")
	if !ok {
		return nil
	}
	value = strings.TrimSpace(value)
	switch strings.TrimSpace(strings.ToUpper(name)) {
	case "FROM CLIP NAME":
		e.name = value
	case "ASSET":
		e.asset = value
	case "COMMENT":
		e.text = value
	case "NOTE":
		e.note = value
	}
	return nil
}

// mine returns whether an event is of the film: by the asset, by the clip's name or by the reel. A list with a single reel is of the film.
func (r *reading) mine(events []*edlClip) func(*edlClip) bool {
	reel := reels([]*Source{r.source}, "")[r.source]
	named := func(e *edlClip) bool {
		return e.asset == r.source.Asset || e.asset == "" && (strings.EqualFold(e.name, r.source.Name) || strings.EqualFold(e.reel, reel))
	}
	one, some := true, false
	for _, e := range events {
		one = one && e.reel == events[0].reel && (e.asset == "" || e.asset == r.source.Asset)
		some = some || named(e)
	}
	return func(e *edlClip) bool { return r.any || e.resolve || one || some && named(e) }
}

func (r *reading) event(e *edlClip) error {
	if e.resolve {
		at, err := r.label(e.record)
		if err != nil {
			return err
		}
		return r.take(Marker{Start: at, End: at + e.length, Name: e.name, Note: e.note, Colour: e.colour})
	}
	in, err := r.label(e.in)
	if err != nil {
		return err
	}
	out, err := r.label(e.out)
	if err != nil {
		return err
	}
	if out < in { // the event crosses midnight
		out += r.source.Scale.Day()
	}
	if err := r.clip(Marker{Start: in, End: out, Name: cmp.Or(e.text, e.name, e.reel), Note: e.note}); err != nil {
		return err
	}
	return r.locators(e, in)
}

// locators reads the locators of an event, whose labels count on the record side.
func (r *reading) locators(e *edlClip, in int64) error {
	if len(e.locators) == 0 {
		return nil
	}
	from, err := differ(r.source.Rate, e.record)
	if err != nil {
		return err
	}
	for _, l := range e.locators {
		m := edlLocator.FindStringSubmatch(l)
		at, err := differ(r.source.Rate, m[1])
		if err != nil {
			return err
		}
		if at < from {
			at += r.source.Scale.Day()
		}
		start := in + at - from
		if err := r.take(Marker{Start: start, End: start + 1, Name: m[3], Colour: ParseColour(m[2])}); err != nil {
			return err
		}
	}
	return nil
}
