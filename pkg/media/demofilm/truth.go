package demofilm

import (
	"cmp"
	"slices"

	"github.com/cinedex/cinedex/pkg/schema"
)

// Truth is everything that the film shows and says. Frames are half-open stretches [Start, End).
type Truth struct {
	Frames  int64    `json:"frames"`
	Shots   []Shot   `json:"shots"`
	Lines   []Line   `json:"lines"`
	Signs   []Sign   `json:"signs"`
	Faces   []Face   `json:"faces"`
	Moments []Moment `json:"moments"`
}

// A Shot is a stretch of the film from one place. Camera is how the camera moves, in the words of the algorithm motion; the credits have none, since the
// whole picture rolls. Persons are the characters in the picture, Least and Most the numbers of them in one frame.
type Shot struct {
	Name    string   `json:"name"`
	Start   int64    `json:"start"`
	End     int64    `json:"end"`
	Begin   How      `json:"begin"`
	Over    int64    `json:"over,omitempty"` // frames of the transition; Start is in the middle
	Place   string   `json:"place"`
	Time    string   `json:"time,omitempty"`
	Weather string   `json:"weather,omitempty"`
	Camera  string   `json:"camera,omitempty"`
	Things  []string `json:"things,omitempty"`
	Persons []string `json:"persons,omitempty"`
	Least   int      `json:"least"`
	Most    int      `json:"most"`
}

// A Line is what a character says. Spoken is the language of the voice.
type Line struct {
	Start   int64             `json:"start"`
	End     int64             `json:"end"`
	Speaker string            `json:"speaker"`
	Spoken  string            `json:"spoken"`
	Text    map[string]string `json:"text"`
}

// A Box is a part of the picture, in pixels.
type Box struct {
	X, Y, W, H int
}

func (b Box) meets(o Box) bool {
	return b.X < o.X+o.W && o.X < b.X+b.W && b.Y < o.Y+o.H && o.Y < b.Y+b.H
}

// A Sign is text in the picture. The text is inside the picture, as a whole, from Start to End. Box is the place in the first frame.
type Sign struct {
	Start int64  `json:"start"`
	End   int64  `json:"end"`
	Text  string `json:"text"`
	Box   Box    `json:"box"`
}

// A Face is a stretch of frames in which a character's face is inside the picture. Box is the place in the first frame, and Facing tells
// whether both eyes are seen.
type Face struct {
	Start  int64  `json:"start"`
	End    int64  `json:"end"`
	Who    string `json:"who"`
	Box    Box    `json:"box"`
	Facing bool   `json:"facing"`
}

// A Moment is one of five that a newcomer is asked to find.
type Moment struct {
	Ask           string `json:"ask"` // in plain words
	Shot          string `json:"shot"`
	Start         int64  `json:"start"`
	End           int64  `json:"end"`
	StartTimecode string `json:"start_timecode"`
	EndTimecode   string `json:"end_timecode"`
}

// moments are the questions to a newcomer, with the shot and the number of the line in the shot; -1 is the whole shot.
var moments = []struct {
	ask, shot string
	line      int
}{
	{"Mara says that the harbour is empty", "pier", 0},
	{"somebody sells apples at the market, in Spanish", "market", 0},
	{"there is only honey left", "kitchen", 1},
	{"a butterfly on flowers", "butterfly", -1},
	{"a promise to write a letter", "quay, Mara", 0},
}

func frameOf(seconds float64) int64 { return int64(seconds*fps + 0.5) }

// TruthOf returns the truth of the film.
func TruthOf() (Truth, error) {
	var t Truth
	scale, err := schema.ScaleOf(Rate, false, StartTimecode)
	if err != nil {
		return t, err
	}
	for _, s := range script() {
		n := frameOf(s.seconds)
		of := Shot{Name: s.name, Start: t.Frames, End: t.Frames + n, Begin: cmp.Or(s.begin, Cut), Over: frameOf(s.over),
			Place: s.place, Time: s.time, Weather: s.weather, Camera: s.camera(), Things: s.things}
		for _, l := range s.lines {
			t.Lines = append(t.Lines, Line{t.Frames + frameOf(l.from), t.Frames + frameOf(l.to), l.who, voices[l.who].language, l.text})
		}
		t.watch(&of, s)
		t.Shots = append(t.Shots, of)
		for _, m := range moments {
			if m.shot != s.name {
				continue
			}
			from, to := of.Start, of.End
			if m.line >= 0 {
				from, to = of.Start+frameOf(s.lines[m.line].from), of.Start+frameOf(s.lines[m.line].to)
			}
			t.Moments = append(t.Moments, Moment{m.ask, m.shot, from, to, scale.Format(from), scale.Format(to)})
		}
		t.Frames += n
	}
	return t, nil
}

// watch adds the signs and faces of a shot.
func (t *Truth) watch(of *Shot, s shot) {
	signs, faces := map[string]int{}, map[string]int{}
	of.Least = -1
	for n := range of.End - of.Start {
		seen := s.seen(s.clock(n))
		at := of.Start + n
		for _, x := range seen.signs {
			if i, ok := signs[x.text]; ok && t.Signs[i].End == at {
				t.Signs[i].End++
				continue
			}
			signs[x.text] = len(t.Signs)
			t.Signs = append(t.Signs, Sign{at, at + 1, x.text, x.box})
		}
		for _, x := range seen.faces {
			if i, ok := faces[x.text]; ok && t.Faces[i].End == at && t.Faces[i].Facing == x.facing {
				t.Faces[i].End++
				continue
			}
			faces[x.text] = len(t.Faces)
			t.Faces = append(t.Faces, Face{at, at + 1, x.text, x.box, x.facing})
		}
		for _, who := range seen.persons {
			if !slices.Contains(of.Persons, who) {
				of.Persons = append(of.Persons, who)
			}
		}
		if of.Least < 0 || len(seen.persons) < of.Least {
			of.Least = len(seen.persons)
		}
		of.Most = max(of.Most, len(seen.persons))
	}
	slices.Sort(of.Persons)
}
