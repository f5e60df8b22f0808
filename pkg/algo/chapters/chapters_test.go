package chapters_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/algotest"
	"github.com/cinedex/cinedex/pkg/algo/chapters"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/timedtext"
)

// Elephants Dream's own chapters and audio description become annotations of their kinds, and its subtitles none.
func TestElephantsDream(t *testing.T) {
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	clip := &algotest.Clip{Asset: &pb.Asset{Id: schema.AssetID(strings.Repeat("0", 64)), Duration: int64(654 * schema.Second)}}
	for name, role := range map[string]string{"descriptions": "descriptions", "en": "subtitles", "chapters": "chapters"} {
		path, err := cache.Require("elephants-dream-" + name)
		if err != nil {
			if os.Getenv("CINEDEX_REQUIRE_ALL") != "" {
				t.Fatal(err)
			}
			t.Skip("lacking ", err)
		}
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text, err := timedtext.Parse(b, timedtext.Options{Format: "webvtt"})
		if err != nil {
			t.Fatal(err)
		}
		clip.AddText("en", text.Cues)
		clip.Asset.Text[len(clip.Asset.Text)-1].Role = role
	}
	reg, err := algo.NewRegistry(chapters.Algorithm{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := algotest.Run(t.Context(), reg, "chapters", clip)
	if err != nil {
		t.Fatal(err)
	}
	byKind := map[string][]string{}
	for _, a := range r.Annotations {
		byKind[a.GetKind()] = append(byKind[a.GetKind()], fmt.Sprintf("%d-%d %s %s", schema.Time(a.GetStart()).Millis(), schema.Time(a.GetEnd()).Millis(), a.GetLanguage(), a.GetText()))
	}
	want := []string{"0-27500 en Prologue", "27500-70000 en Switchboard trap"}
	if got := byKind[chapters.KindChapter]; len(got) < 5 || cmp.Diff(want, got[:2]) != "" {
		t.Errorf("the chapters are %q, want first %q", got, want)
	}
	if got := byKind[chapters.KindDescription]; len(got) < 40 || got[3] != "26100-28206 en Two people stand on a small bridge." {
		t.Errorf("the descriptions are %d: %.400q", len(got), got)
	}
	if len(byKind) != 2 {
		t.Errorf("the kinds are %d, want 2", len(byKind))
	}
}

// A track of markers becomes annotations of the kind marker, with name and colour; a track of subtitles does not.
func TestMarkers(t *testing.T) {
	clip := &algotest.Clip{Asset: &pb.Asset{Id: schema.AssetID(strings.Repeat("0", 64)), Duration: int64(60 * schema.Second)}}
	clip.AddText("und", []timedtext.Cue{
		{Start: schema.Second, End: 2 * schema.Second, Text: "reshoot\nthe boom is in\nthe picture\n#red"},
		{Start: 3 * schema.Second, End: 4 * schema.Second, Text: "#1"},
	})
	clip.Asset.Text[0].Role, clip.Asset.Text[0].Name = schema.RoleMarkers, "notes.edl"
	clip.AddText("en", []timedtext.Cue{{Start: 5 * schema.Second, End: 6 * schema.Second, Text: "reshoot"}})
	reg, err := algo.NewRegistry(chapters.Algorithm{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := algotest.Run(t.Context(), reg, "chapters", clip)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range r.Annotations {
		got = append(got, fmt.Sprintf("%s %d-%d %q name=%q colour=%q file=%q", a.GetKind(), schema.Time(a.GetStart()).Millis(), schema.Time(a.GetEnd()).Millis(), a.GetText(),
			a.GetAttributes()["name"].GetText(), a.GetAttributes()["colour"].GetText(), a.GetAttributes()["file"].GetText()))
	}
	want := []string{
		`marker 1000-2000 "reshoot\nthe boom is in\nthe picture\nred" name="reshoot" colour="red" file="notes.edl"`,
		`marker 3000-4000 "#1" name="#1" colour="" file="notes.edl"`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
