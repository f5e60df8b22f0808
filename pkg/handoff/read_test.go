package handoff_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/handoff"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// film is a film of 29.97 drop frame, of two hours from 00:59:50;00, which is label 107,592 of the day.
func film(t testing.TB) *handoff.Source {
	t.Helper()
	v := &pb.VideoTrack{Rate: schema.Rate{Num: 30000, Den: 1001}.Proto(), StartTimecode: "00:59:50;00", DropFrame: true, Frames: 215_784}
	clock, err := schema.ClockOf(v, nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := handoff.NewSource(&pb.Asset{Id: strings.Repeat("a", 32), Title: &pb.Title{Name: "Film"}, Video: v}, clock, "film.mov")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Files as other programs write them.
func TestReadOfOtherPrograms(t *testing.T) {
	for name, c := range map[string]struct {
		format, file, text string
		want               []handoff.Marker
		leftOut            int
	}{
		"markers of Resolve": {"", "a.edl", "TITLE: Timeline 1\r\nFCM: DROP FRAME\r\n\r\n001  001      V     C        01:00:00;00 01:00:00;01 01:00:00;00 01:00:00;01  \r\nlook at her hand |C:ResolveColorLavender |M:Marker 1 |D:24\r\n\r\n",
			[]handoff.Marker{{Start: 300, End: 324, Name: "Marker 1", Note: "look at her hand", Colour: handoff.Purple}}, 0},
		"locators of Avid": {"", "a.txt", "editor\t01:00:00;00\tV1\tmagenta\tVFX - fade in\t1\t\tMagenta\neditor\t00:59:00;02\tV1\tred\tbefore the film\t1\n",
			[]handoff.Marker{{Start: 300, End: 301, Name: "VFX - fade in", Colour: handoff.Magenta}}, 1},
		"an edit list of two reels": {"", "a.edl", "TITLE: cut\nFCM: DROP FRAME\n001  AX       V     C        00:00:00:00 00:00:02:00 01:00:00;00 01:00:02;00\n* FROM CLIP NAME: TITLE CARD\n002  FILM     V     D    012 01:00:00;00 01:00:02;00 01:00:02;00 01:00:04;00\n* FROM CLIP NAME: FILM.MOV\n* LOC: 01:00:03;00 GREEN   grade\n",
			[]handoff.Marker{{Start: 300, End: 360, Name: "FILM.MOV"}, {Start: 330, End: 331, Name: "grade", Colour: handoff.Green}}, 1},
		"a table of Premiere": {"", "a.csv", "\ufeffMarker Name,Description,In,Out,Duration,Marker Type\n\"Go, now\",,01:00:00;00,01:00:01;00,00:00:01;00,Comment\n",
			[]handoff.Marker{{Start: 300, End: 330, Name: "Go, now"}}, 0},
		"a table with semicolons": {"csv", "a", "Timecode;Name;Color\n01:00:00:00;los;Blue\n", []handoff.Marker{{Start: 300, End: 301, Name: "los", Colour: handoff.Blue}}, 0},
		"OpenTimelineIO of version 0.15": {"", "a.otio", `{"OTIO_SCHEMA":"Timeline.1","name":"t","global_start_time":{"OTIO_SCHEMA":"RationalTime.1","rate":29.97002997002997,"value":107900},"tracks":{"OTIO_SCHEMA":"Stack.1","markers":[{"OTIO_SCHEMA":"Marker.2","name":"timeline","color":"RED","marked_range":{"OTIO_SCHEMA":"TimeRange.1","start_time":{"OTIO_SCHEMA":"RationalTime.1","rate":29.97002997002997,"value":10},"duration":{"OTIO_SCHEMA":"RationalTime.1","rate":29.97002997002997,"value":5}}}],"children":[{"OTIO_SCHEMA":"Track.1","kind":"Video","children":[{"OTIO_SCHEMA":"Gap.1"},{"OTIO_SCHEMA":"Clip.1","name":"c","media_reference":{"OTIO_SCHEMA":"ExternalReference.1","target_url":"file:///x/film.mov"},"source_range":{"OTIO_SCHEMA":"TimeRange.1","start_time":{"OTIO_SCHEMA":"RationalTime.1","rate":29.97002997002997,"value":107892},"duration":{"OTIO_SCHEMA":"RationalTime.1","rate":29.97002997002997,"value":30}},"markers":[]}]}]}}`,
			[]handoff.Marker{{Start: 107892 - 107592, End: 330, Name: "c"}, {Start: 107910 - 107592, End: 323, Name: "timeline", Colour: handoff.Red}}, 0},
		"FCPXML": {"", "a.fcpxml", `<?xml version="1.0"?><!DOCTYPE fcpxml><fcpxml version="1.9"><resources><asset id="r2" name="film" src="file:///x/film.mov" start="107999892/30000s"/></resources><library><event><project><sequence><spine><asset-clip ref="r2" name="c" offset="0s" start="107999892/30000s" duration="1001/1000s"><marker start="108000893/30000s" duration="1001/30000s" value="here" note="n"/></asset-clip></spine></sequence></project></event></library></fcpxml>`,
			[]handoff.Marker{{Start: 107999892/1001 - 107592, End: 330, Name: "c"}, {Start: 301, End: 302, Name: "here", Note: "n"}}, 0},
	} {
		r, err := handoff.Read([]byte(c.text), handoff.ReadOptions{Format: c.format, Name: c.file, Source: film(t)})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(c.want, r.Markers); diff != "" || r.LeftOut != c.leftOut {
			t.Errorf("%s: %d left out, %s", name, r.LeftOut, diff)
		}
	}
}

// Broken and hostile files are refused with the reason, and never with a part of the markers.
func TestReadRefuses(t *testing.T) {
	event := "001  FILM     V     C        %s %s 01:00:00;00 01:00:02;00\n"
	for name, c := range map[string]struct{ format, text, says string }{
		"empty":                  {"edl", " \n", "empty"},
		"binary":                 {"edl", "TITLE: \x00\x01", "not a text"},
		"unknown":                {"", "hello", "none of the readable formats"},
		"unknown format":         {"docx", "hello", "none of the readable formats"},
		"no events":              {"edl", "TITLE: a\n", "no markers"},
		"impossible label":       {"edl", "TITLE: a\n" + fmt.Sprintf(event, "01:01:00;00", "01:01:02;00"), "drop frame leaves out"},
		"label beyond a day":     {"edl", "TITLE: a\n" + fmt.Sprintf(event, "24:00:00;00", "24:01:02;00"), "hours"},
		"clips of other films":   {"edl", "TITLE: a\n" + fmt.Sprintf(event, "01:00:00;00", "01:00:02;00") + "* ASSET: b\n", "none is of film.mov"},
		"outside":                {"edl", "TITLE: a\n" + fmt.Sprintf(event, "09:00:00;00", "09:00:02;00"), "00:59:50;00 to"},
		"too large":              {"edl", strings.Repeat("x", handoff.MaxBytes+1), "at most"},
		"a long line":            {"edl", "TITLE: a\n" + strings.Repeat("x", 70<<10), "line 2"},
		"too many events":        {"edl", "TITLE: a\n" + strings.Repeat(fmt.Sprintf(event, "01:00:00;00", "01:00:02;00"), 20_001), "20000"},
		"a marker without end":   {"edl", "TITLE: a\n" + fmt.Sprintf(event, "01:00:00;00", "01:00:00;01") + "n |C:ResolveColorRed |M:m |D:999999999\n", ""},
		"few columns":            {"avid", "a\tb\n", "divided by tabs"},
		"a wrong length":         {"avid", "a\t01:00:00;00\tV1\tred\tc\tlong\n", "no number of frames"},
		"no column of timecodes": {"csv", "a,b\n1,2\n", "no column"},
		"a wrong label":          {"csv", "start,name\n1:2:3,x\n", "line 2"},
		"many columns":           {"csv", strings.Repeat("a,", 300) + "start\n", "columns"},
		"no JSON":                {"otio", "{", "not JSON"},
		"other JSON":             {"otio", `{"a":1}`, "OTIO_SCHEMA"},
		"deep JSON":              {"otio", strings.Repeat(`{"children":[`, 10_000), "nested"},
		"a time of no film":      {"otio", `{"OTIO_SCHEMA":"Clip.2","source_range":{"start_time":{"rate":0,"value":1},"duration":{"rate":24,"value":1}}}`, "no time of a film"},
		"a huge time":            {"otio", `{"OTIO_SCHEMA":"Clip.2","source_range":{"start_time":{"rate":24,"value":1e300},"duration":{"rate":24,"value":1}}}`, "no time of a film"},
		"no XML":                 {"fcpxml", "<fcpxml><a></b>", "not XML"},
		"deep XML":               {"fcpxml", strings.Repeat("<fcpxml>", 200), "nested"},
		"an entity":              {"fcpxml", `<!DOCTYPE fcpxml [<!ENTITY a "b">]><fcpxml><note>&a;</note></fcpxml>`, "not XML"},
		"a wrong time":           {"fcpxml", `<fcpxml><asset-clip ref="a" start="1/0s" duration="1s"/></fcpxml>`, "1001/24000s"},
		"a time of years":        {"fcpxml", `<fcpxml><asset-clip ref="a" start="9223372036854775807s" duration="1s"/></fcpxml>`, "1001/24000s"},
	} {
		r, err := handoff.Read([]byte(c.text), handoff.ReadOptions{Format: c.format, Source: film(t)})
		if c.says == "" {
			if err != nil || r.Markers[0].End != film(t).Clock.Frames() {
				t.Errorf("%s: %v, %v", name, r, err)
			}
			continue
		}
		if !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), c.says) || r != nil {
			t.Errorf("%s: %v, %v, want an error with %q", name, r, err, c.says)
		}
	}
	if _, err := handoff.Read([]byte("TITLE: a"), handoff.ReadOptions{}); !errkind.Is(err, errkind.Invalid) {
		t.Errorf("without a film: %v", err)
	}
}

// Where the timeline of the file begins elsewhere, the start timecode of the timeline counts.
func TestReadFromAnotherStart(t *testing.T) {
	text := "editor\t10:00:10;00\tV1\tred\tnote\t1\n"
	r, err := handoff.Read([]byte(text), handoff.ReadOptions{Format: "avid", Source: film(t), Start: "10:00:00;00"})
	if err != nil || r.Markers[0].Start != 300 {
		t.Errorf("%v, %v", r, err)
	}
}

// FuzzRead: no file of any format panics, and every marker lies within the film.
func FuzzRead(f *testing.F) {
	s := film(f)
	l := handoff.List{Name: "seed", Clips: []handoff.Clip{{Source: s, Start: 300, End: 400, Name: "clip", Colour: handoff.Red, Markers: []handoff.Marker{{Start: 310, End: 320, Name: "m"}}}}}
	for _, format := range []string{"otio", "edl", "fcpxml", "csv", "avid", "resolve-edl", "resolve-csv"} {
		file, _ := write(f, format, l, handoff.Options{})
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, format := range handoff.ReadFormats() {
			r, err := handoff.Read(data, handoff.ReadOptions{Format: format, Source: s})
			if err != nil {
				continue
			}
			for _, m := range r.Markers {
				if m.Start < 0 || m.End <= m.Start || m.End > s.Clock.Frames() {
					t.Fatalf("%s: %+v", format, m)
				}
			}
		}
	})
}
