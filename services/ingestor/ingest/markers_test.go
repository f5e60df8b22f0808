package ingest

import (
	"net/http"
	"strings"
	"testing"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/timedtext"
)

// resolveMarkers is a file of markers of Resolve, for a film of 25 frames a second that starts at 01:00:00:00.
const resolveMarkers = "TITLE: notes\nFCM: NON-DROP FRAME\n\n" +
	"001  001      V     C        01:00:00:05 01:00:00:06 01:00:00:05 01:00:00:06  \nthe boom is in the picture |C:ResolveColorRed |M:reshoot |D:3\n\n"

// TestMarkers: an event that names a known asset brings markers, without the film's address. The markers become a text track of their own role; a file of
// the same name replaces the track, and a refused file is told and replaces nothing.
func TestMarkers(t *testing.T) {
	w := newWorld(t, nil)
	m := arrived("open", w.film("film"), w.text("en", "hello"))
	m.StartTimecode = "01:00:00:00"
	w.sends("owner", m)
	asset := w.asset().GetId()
	bring := func(token, title string, side *pb.SideCar) (int, string) {
		status, body := w.post(token, &pb.MediaArrived{Title: &pb.Title{Id: title}, Asset: asset, Text: []*pb.SideCar{side}})
		if status == http.StatusAccepted {
			w.settle()
		}
		return status, body
	}
	side := func(data string) *pb.SideCar {
		return &pb.SideCar{Role: "markers", Language: "und", Name: "notes.edl", Data: []byte(data)}
	}
	if status, body := bring("sender-of-open", "open", side(resolveMarkers)); status != http.StatusAccepted {
		t.Fatalf("%d %s", status, body)
	}
	track := func() *pb.TextTrack {
		t.Helper()
		var found []*pb.TextTrack
		for _, text := range w.asset().GetText() {
			if text.GetRole() == "markers" {
				found = append(found, text)
			}
		}
		if len(w.asset().GetText()) != 2 || len(found) != 1 || found[0].GetName() != "notes.edl" || found[0].GetFormat() != "edl" {
			t.Fatalf("the tracks are %v", w.asset().GetText())
		}
		return found[0]
	}
	cues := func() []timedtext.Cue {
		t.Helper()
		b := must[[]byte](t)(w.blobs.Read(t.Context(), track().GetMedia(), timedtext.MaxBytes))
		return must[*timedtext.Track](t)(timedtext.Parse(b, timedtext.Options{Format: "webvtt"})).Cues
	}
	if got := cues(); len(got) != 1 || got[0].Start.Millis() != 200 || got[0].End.Millis() != 320 || got[0].Text != "reshoot\nthe boom is in the picture\n#red" {
		t.Errorf("the markers are %+v", got)
	}
	if status, _ := bring("owner", "open", side(strings.Replace(resolveMarkers, "reshoot", "keep", 1))); status != http.StatusAccepted || !strings.HasPrefix(cues()[0].Text, "keep") {
		t.Errorf("a file of the same name: %d, %+v", status, cues())
	}
	if got := w.asset(); got.GetVideo().GetStartTimecode() != "01:00:00:00" || got.GetMedia().GetKey() == "" {
		t.Errorf("the asset lost facts: %v", got)
	}
	bring("owner", "open", side(strings.ReplaceAll(resolveMarkers, "01:00:00", "05:00:00")))
	if refused := w.asset().GetRefusedText(); len(refused) != 1 || refused[0].GetName() != "notes.edl" || !strings.Contains(refused[0].GetTold()[0], "from 01:00:00:00 to 01:00:00:24") {
		t.Errorf("refused are %v", refused)
	}
	if !strings.HasPrefix(cues()[0].Text, "keep") {
		t.Errorf("a refused file replaced the markers: %+v", cues())
	}
	side5 := side(strings.ReplaceAll(resolveMarkers, "01:00:00", "05:00:00"))
	side5.StartTimecode = "05:00:00:00"
	if bring("owner", "open", side5); len(w.asset().GetRefusedText()) != 0 || !strings.HasPrefix(cues()[0].Text, "reshoot") {
		t.Errorf("with the start of the timeline: %v, %+v", w.asset().GetRefusedText(), cues())
	}
	if letters := w.letters(); len(letters) != 0 {
		t.Errorf("dead letters: %q", letters)
	}
}

// TestMarkersOfOthers: an event that names an asset brings nothing to an asset of another title, whatever rights the sender has, and moves no asset.
func TestMarkersOfOthers(t *testing.T) {
	w := newWorld(t, nil)
	w.sends("owner", arrived("open", w.film("film")))
	asset := w.asset().GetId()
	side := []*pb.SideCar{{Role: "markers", Language: "und", Name: "notes.edl", Data: []byte(resolveMarkers)}}
	for _, c := range []struct {
		token string
		m     *pb.MediaArrived
		want  int
	}{
		{"reader", &pb.MediaArrived{Title: &pb.Title{Id: "open"}, Asset: asset, Text: side}, http.StatusForbidden},
		{"sender-of-open", &pb.MediaArrived{Title: &pb.Title{Id: "other"}, Asset: asset, Text: side}, http.StatusForbidden},
		{"mover-of-open", &pb.MediaArrived{Title: &pb.Title{Id: "other"}, Asset: asset, Text: side}, http.StatusAccepted},
		{"owner", &pb.MediaArrived{Title: &pb.Title{Id: "open"}, Asset: strings.Repeat("0", 32), Text: side}, http.StatusAccepted},
		{"owner", &pb.MediaArrived{Title: &pb.Title{Id: "open"}, Asset: "x", Text: side}, http.StatusBadRequest},
		{"owner", &pb.MediaArrived{Title: &pb.Title{Id: "open"}, Asset: asset, Url: "file:///films/a.mp4"}, http.StatusBadRequest},
		{"owner", &pb.MediaArrived{Title: &pb.Title{Id: "open"}, Asset: asset, Text: []*pb.SideCar{{Role: "markers", Language: "und"}}}, http.StatusBadRequest},
		{"owner", &pb.MediaArrived{Title: &pb.Title{Id: "open"}, Asset: asset, Text: []*pb.SideCar{{Role: "markers", Language: "und", Format: "srt", Data: []byte("x")}}}, http.StatusBadRequest},
		{"owner", &pb.MediaArrived{Title: &pb.Title{Id: "open"}, Asset: asset, Text: []*pb.SideCar{{Role: "markers", Language: "und", Data: make([]byte, 600<<10)}}}, http.StatusBadRequest},
	} {
		if status, body := w.post(c.token, c.m); status != c.want {
			t.Errorf("%s, %.200v: %d %s", c.token, c.m, status, body)
		}
	}
	w.settle()
	w.wantTitle("after all", "open")
	if got := w.asset(); len(got.GetText()) != 0 || len(got.GetRefusedText()) != 0 {
		t.Errorf("the asset has %v", got)
	}
	for _, l := range w.letters() {
		if !strings.Contains(l, "has no asset") {
			t.Errorf("a dead letter says %q", l)
		}
	}
	if n := len(w.letters()); n != 2 {
		t.Errorf("%d dead letters, want 2", n)
	}
}
