package handoff

import (
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
)

// avid reads markers of Avid Media Composer: user, timecode, track, colour, comment, and the length in frames, divided by tabs.
func (r *reading) avid(text string) error {
	return lines(text, func(_ int, l string) error {
		f := strings.Split(l, "\t")
		if len(f) < 5 {
			return errkind.New(errkind.Invalid, "want user, timecode, track, colour and comment, divided by tabs")
		}
		at, err := r.label(f[1])
		if err != nil {
			return err
		}
		length := int64(1)
		if len(f) > 5 && f[5] != "" {
			if length, err = strconv.ParseInt(strings.TrimSpace(f[5]), 10, 32); err != nil {
				return errkind.New(errkind.Invalid, "the length %q is no number of frames", short(f[5], 20))
			}
		}
		name, note, _ := strings.Cut(f[4], " | ")
		return r.take(Marker{Start: at, End: at + max(length, 1), Name: name, Note: note, Colour: ParseColour(f[3])})
	})
}

// csvColumns are the columns that are read, by their names in lower case. The first column of a row of the table that the file has is taken.
var csvColumns = map[string][]string{
	"start": {"start_timecode", "source in", "record in", "timecode", "in", "start", "location", "marker in"},
	"end":   {"end_timecode", "source out", "record out", "out", "end", "marker out"},
	"first": {"start_frame"}, "last": {"end_frame"}, "asset": {"asset"},
	"length": {"duration", "dur", "duration_frames"},
	"name":   {"name", "marker name", "marker_name", "title", "text"},
	"note":   {"note", "notes", "comments", "comment", "description"},
	"colour": {"colour", "color", "marker color"},
}

// csv reads a table whose first row names the columns: a table of package handoff, an edit index of Resolve, a list of markers of Premiere.
func (r *reading) csv(text string) error {
	c := csv.NewReader(strings.NewReader(text))
	first, _, _ := strings.Cut(text, "\n")
	if strings.Count(first, "\t") > strings.Count(first, ",") {
		c.Comma = '\t'
	} else if strings.Count(first, ";") > strings.Count(first, ",") {
		c.Comma = ';'
	}
	c.FieldsPerRecord, c.LazyQuotes, c.ReuseRecord = -1, true, true
	header, err := c.Read()
	if err != nil {
		return errkind.New(errkind.Invalid, "reading the first row: %w", err)
	}
	if len(header) > 200 {
		return errkind.New(errkind.Invalid, "the table has %d columns, and at most 200 are read", len(header))
	}
	at := columnsOf(header)
	if at["start"] < 0 && at["first"] < 0 {
		return errkind.New(errkind.Invalid, "no column has the timecodes: name a column %s", strings.Join(csvColumns["start"], ", "))
	}
	for {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return errkind.Wrap(errkind.Invalid, err)
		}
		n, _ := c.FieldPos(0)
		if err := r.row(row, at); err != nil {
			return errkind.New(errkind.Invalid, "line %d: %w", n, err)
		}
	}
}

func columnsOf(header []string) map[string]int {
	for i, h := range header {
		header[i] = strings.ToLower(strings.TrimSpace(h))
	}
	at := map[string]int{}
	for column, names := range csvColumns {
		at[column] = -1
		for _, n := range names {
			if i := slices.Index(header, n); i >= 0 {
				at[column] = i
				break
			}
		}
	}
	return at
}

func (r *reading) row(row []string, at map[string]int) error {
	get := func(column string) string {
		if i := at[column]; i >= 0 && i < len(row) {
			return uncell(strings.TrimSpace(row[i]))
		}
		return ""
	}
	if asset := get("asset"); asset != "" && asset != r.source.Asset {
		r.LeftOut++
		return nil
	}
	m := Marker{Name: get("name"), Note: get("note"), Colour: ParseColour(get("colour"))}
	if get("start") == "" && get("first") == "" {
		return nil // a row of a total, or of a title
	}
	var err error
	if first := get("first"); first != "" {
		if m.Start, err = strconv.ParseInt(first, 10, 40); err != nil {
			return errkind.New(errkind.Invalid, "start_frame: %q is no number of a frame", short(first, 20))
		}
		if m.End, err = strconv.ParseInt(get("last"), 10, 40); err != nil {
			m.End = m.Start + 1
		}
		return r.take(m)
	}
	if m.Start, err = r.label(get("start")); err != nil {
		return err
	}
	if m.End, err = r.endOf(m.Start, get("end"), get("length")); err != nil {
		return err
	}
	return r.take(m)
}

// endOf returns the end of a marker, from its end or from its length; each is a timecode or a number of frames, or empty.
func (r *reading) endOf(start int64, end, length string) (int64, error) {
	switch {
	case end != "":
		n, err := r.label(end)
		if err == nil && n < start {
			n += r.source.Scale.Day()
		}
		return n, err
	case length == "":
		return start + 1, nil
	}
	if n, err := strconv.ParseInt(length, 10, 32); err == nil {
		return start + max(n, 1), nil
	}
	zero, err := schema.ScaleOf(r.source.Rate, r.source.Scale.Drop(), "")
	if err != nil {
		return 0, err
	}
	n, err := zero.Frame(length)
	return start + max(n, 1), err
}

// differ returns the number of a label by the form of the label alone, for differences between labels of the record side.
func differ(rate schema.Rate, tc string) (int64, error) {
	label, err := schema.ParseTimecode(tc)
	if err != nil {
		return 0, err
	}
	s, err := schema.ScaleOf(rate, label.Drop, "")
	if err != nil {
		return 0, err
	}
	return s.Frame(tc)
}
