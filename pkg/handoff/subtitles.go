package handoff

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/timedtext"
)

func writeWebVTT(w *sink, l List, o Options) error {
	return writeSubtitles(l, o, func(cues []timedtext.Cue, _ string) error { return timedtext.WriteWebVTT(w, cues) })
}

func writeSRT(w *sink, l List, o Options) error {
	return writeSubtitles(l, o, func(cues []timedtext.Cue, _ string) error { return timedtext.WriteSRT(w, cues) })
}

func writeTTML(w *sink, l List, o Options) error {
	return writeSubtitles(l, o, func(cues []timedtext.Cue, language string) error { return timedtext.WriteTTML(w, language, cues) })
}

// writeSubtitles writes the texts of a single language, on the clock of the film.
func writeSubtitles(l List, o Options, write func(cues []timedtext.Cue, language string) error) error {
	if _, err := one(l, "a text track"); err != nil {
		return err
	}
	byLanguage := map[string][]timedtext.Cue{}
	for _, c := range l.Clips {
		for _, t := range c.Texts {
			if o.Language == "" || t.Language == o.Language || strings.HasPrefix(t.Language, o.Language+"-") {
				byLanguage[t.Language] = append(byLanguage[t.Language], timedtext.Cue{Start: t.Start, End: t.End, Text: t.Text, Speaker: t.Speaker})
			}
		}
	}
	languages := slices.Sorted(maps.Keys(byLanguage))
	switch {
	case len(languages) == 0 && o.Language != "":
		return errkind.New(errkind.Invalid, "language: no clip has a text in %s", short(line(o.Language), 40))
	case len(languages) == 0:
		return errkind.New(errkind.Invalid, "no clip has a text")
	case len(languages) > 1:
		return errkind.New(errkind.Invalid, "the texts are in %s, and a text track has a single language: name the language", strings.Join(languages, ", "))
	}
	cues := byLanguage[languages[0]]
	slices.SortStableFunc(cues, func(a, b timedtext.Cue) int {
		return cmp.Or(cmp.Compare(a.Start, b.Start), cmp.Compare(a.End, b.End), cmp.Compare(a.Text, b.Text))
	})
	cues = slices.CompactFunc(cues, func(a, b timedtext.Cue) bool {
		return a.Start == b.Start && a.End == b.End && a.Text == b.Text && a.Speaker == b.Speaker
	})
	return write(cues, languages[0])
}

// Cues returns markers as the cues of a text track with the role "markers". The first line of a cue is the marker's name, and a last line "#red" is the
// marker's colour.
func Cues(s *Source, markers []Marker) []timedtext.Cue {
	cues := make([]timedtext.Cue, len(markers))
	for i, m := range markers {
		clip := Clip{Source: s, Start: m.Start, End: m.End}
		iv := clip.Interval()
		text := cmp.Or(m.Name, "marker")
		if m.Note != "" && m.Note != m.Name {
			text += "\n" + m.Note
		}
		if m.Colour != NoColour {
			text += "\n#" + m.Colour.String()
		}
		cues[i] = timedtext.Cue{Start: iv.Start, End: iv.End, Text: text}
	}
	return cues
}

// MarkerOf returns the name, the note and the colour of a cue of Cues.
func MarkerOf(text string) (name, note string, colour Colour) {
	name, note, _ = strings.Cut(text, "\n")
	above, last := "", note
	if i := strings.LastIndexByte(note, '\n'); i >= 0 {
		above, last = note[:i], note[i+1:]
	}
	if c := ParseColour(strings.TrimPrefix(last, "#")); strings.HasPrefix(last, "#") && c != NoColour {
		return name, above, c
	}
	return name, note, NoColour
}
