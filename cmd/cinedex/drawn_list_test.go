package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/cinedex/cinedex/pkg/media/demofilm"
	"github.com/cinedex/cinedex/pkg/schema"
)

// drawnLooks are things and places of the drawn film in plain words.
var drawnLooks = []struct {
	words string
	shown func(demofilm.Shot) bool
}{
	{"a lighthouse", showing("lighthouse")}, {"a boat on the water", showing("boat")}, {"the sea", showing("sea")}, {"a gull in the sky", showing("gull")},
	{"a dog", showing("dog")}, {"a cat", showing("cat")}, {"a butterfly", showing("butterfly")}, {"a car", showing("car")}, {"an umbrella", showing("umbrella")},
	{"a cup", showing("cup")}, {"a table", showing("table")}, {"a kettle", showing("kettle")}, {"a window", showing("window")}, {"apples", showing("apple")},
	{"a jar of honey", showing("honey")}, {"a train", showing("train")}, {"a clock", showing("clock")}, {"a street lamp", showing("lamp")}, {"trees", showing("tree")},
	{"flowers", showing("flower")}, {"snow", showing("snow")}, {"mountains", showing("mountain")}, {"a telescope", showing("telescope")}, {"the moon", showing("moon")},
	{"stars", showing("star")}, {"a path", showing("path")},
	{"a harbour", inPlace("harbour", "")}, {"a harbour by day", inPlace("harbour", "day")}, {"a harbour at night", inPlace("harbour", "night")}, {"a street with shops", inPlace("street", "")},
	{"a café", inPlace("café", "")}, {"a market with fruit", inPlace("market", "")}, {"a kitchen", inPlace("kitchen", "")}, {"a railway station", inPlace("station", "")},
	{"inside a train", inPlace("train", "")}, {"a road in the mountains", inPlace("mountain road", "")}, {"an orchard", inPlace("orchard", "")}, {"a forest", inPlace("forest", "")},
	{"a village at night", inPlace("village", "")}, {"closing credits", inPlace("credits", "")},
	{"rain", func(s demofilm.Shot) bool { return s.Weather == "rain" }}, {"falling snow", func(s demofilm.Shot) bool { return s.Weather == "snow" }},
	{"night", func(s demofilm.Shot) bool { return s.Time == "night" }}, {"a person", func(s demofilm.Shot) bool { return len(s.Persons) > 0 }},
	{"nobody", func(s demofilm.Shot) bool { return len(s.Persons) == 0 }},
}

func showing(thing string) func(demofilm.Shot) bool {
	return func(s demofilm.Shot) bool { return slices.Contains(s.Things, thing) }
}

func inPlace(place, time string) func(demofilm.Shot) bool {
	return func(s demofilm.Shot) bool { return s.Place == place && (time == "" || s.Time == time) }
}

// drawnCounts are the numbers of people in words, as the algorithms persons and things have the numbers.
var drawnCounts = []string{1: "one person", 2: "two people", 3: "three people"}

const drawnHead = `# The judged list over the drawn film "The Harbour", made from the film's exact truth and not by looking at answers: see pkg/media/demofilm.
# Renew with: go test ./cmd/cinedex -run DrawnList -update
#
# kind: words (a word of the line, which no other line in that language has, in each of the five languages of the subtitles), heard (the
# same, in the language that the character speaks, as speech to text has the line), look (things and places in plain words), text (signs),
# light (day or night), camera (how the camera moves), faces (how many faces are seen), people (how many people are seen, also from behind).
queries:
`

// drawnList returns the judged list over the drawn film.
func drawnList(truth demofilm.Truth) (string, error) {
	scale, err := schema.ScaleOf(demofilm.Rate, false, demofilm.StartTimecode)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	b.WriteString(drawnHead)
	type stretch struct{ from, to int64 }
	add := func(kind, language, leaf, words string, right []stretch) {
		if len(right) == 0 {
			return
		}
		q := strings.ReplaceAll(fmt.Sprintf("%s:%q", leaf, words), "'", "''")
		fmt.Fprintf(&b, "  - {q: '%s', kind: %s, language: %s, right: [", q, kind, language)
		for i, r := range right {
			if i > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "{title: %s, from: %q, to: %q}", demofilm.Name, scale.Format(r.from), scale.Format(r.to))
		}
		b.WriteString("]}\n")
	}
	shots := func(shown func(demofilm.Shot) bool) (out []stretch) {
		for _, s := range truth.Shots {
			if shown(s) {
				out = append(out, stretch{s.Start, s.End})
			}
		}
		return out
	}
	for i, l := range truth.Lines {
		for _, language := range demofilm.Languages {
			word, right := ownWord(truth.Lines, i, language), []stretch{{l.Start, l.End}}
			add("words", language, "dialogue", word, right)
			if language == l.Spoken {
				add("heard", language, "heard", word, right)
			}
		}
	}
	for _, x := range drawnLooks {
		add("look", "en", "look", x.words, shots(x.shown))
	}
	signs := map[string][]stretch{}
	for _, s := range truth.Signs {
		signs[s.Text] = append(signs[s.Text], stretch{s.Start, s.End})
	}
	for _, s := range truth.Signs {
		add("text", "en", "text", s.Text, signs[s.Text])
		delete(signs, s.Text)
	}
	for _, time := range []string{"day", "night"} {
		add("light", "en", "light", time, shots(func(s demofilm.Shot) bool { return s.Time == time }))
	}
	for _, move := range []string{"static", "pan right", "pan left", "zoom in", "zoom out"} {
		add("camera", "en", "camera", move, shots(func(s demofilm.Shot) bool { return s.Camera == move }))
	}
	for n := 1; n < len(drawnCounts); n++ {
		add("faces", "en", "people", drawnCounts[n], shots(func(s demofilm.Shot) bool { return facesIn(truth, s) == n }))
		add("people", "en", "thing", drawnCounts[n], shots(func(s demofilm.Shot) bool { return s.Most == n }))
	}
	return b.String(), nil
}

// facesIn is the most faces that a frame of a shot shows with both eyes.
func facesIn(truth demofilm.Truth, s demofilm.Shot) int {
	most := 0
	for n := s.Start; n < s.End; n++ {
		here := 0
		for _, f := range truth.Faces {
			if f.Facing && f.Start <= n && n < f.End {
				here++
			}
		}
		most = max(most, here)
	}
	return most
}

// ownWord is the longest word of a line that no other line has: of Japanese, which has no spaces, a run of kanji or katakana, or else the line.
func ownWord(lines []demofilm.Line, i int, language string) string {
	inside := func(r rune) bool { return unicode.IsLetter(r) || r == '-' }
	if language == "ja" {
		inside = func(r rune) bool { return unicode.In(r, unicode.Han, unicode.Katakana) || r == 'ー' }
	}
	words := strings.FieldsFunc(lines[i].Text[language], func(r rune) bool { return !inside(r) })
	slices.SortStableFunc(words, func(a, b string) int { return cmp.Compare(len([]rune(b)), len([]rune(a))) })
	for _, w := range words {
		others := func(l demofilm.Line) bool {
			return l.Start != lines[i].Start && strings.Contains(strings.ToLower(l.Text[language]), strings.ToLower(w))
		}
		if len([]rune(w)) >= 2 && !slices.ContainsFunc(lines, others) {
			return w
		}
	}
	return lines[i].Text[language]
}

// TestDrawnList holds the judged list over the drawn film against the truth of the film.
func TestDrawnList(t *testing.T) {
	truth, err := demofilm.TruthOf()
	if err != nil {
		t.Fatal(err)
	}
	want, err := drawnList(truth)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join("testdata", "judged", "drawn.yaml")
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is stale: run go test ./cmd/cinedex -run DrawnList -update", name)
	}
	kinds := map[string]int{}
	for _, q := range readJudged(t, "drawn.yaml") {
		kinds[q.Kind]++
	}
	if lines := len(truth.Lines); kinds["words"] != lines*len(demofilm.Languages) || kinds["heard"] != lines {
		t.Errorf("%d lines in %d languages give %v", lines, len(demofilm.Languages), kinds)
	}
}
