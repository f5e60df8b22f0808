package dialogue_test

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/dialogue"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/timedtext"
)

// tracks is an asset with text only.
type tracks struct {
	asset *pb.Asset
	cues  map[string][]timedtext.Cue
}

func (t tracks) Asset() *pb.Asset  { return t.asset }
func (tracks) Clock() schema.Clock { return nil }
func (tracks) Frames(context.Context) iter.Seq2[algo.Frame, error] {
	panic("it reads frames")
}
func (t tracks) Cues(_ context.Context, track *pb.TextTrack) ([]timedtext.Cue, error) {
	return t.cues[track.GetSha256()], nil
}
func (tracks) Annotations(context.Context, string) iter.Seq2[*pb.Annotation, error] {
	panic("it reads annotations")
}
func (tracks) Sound(context.Context, *pb.AudioTrack) iter.Seq2[algo.Samples, error] {
	panic("it reads sound")
}
func (tracks) Embeddings(context.Context, string) iter.Seq2[*pb.Embedding, error] {
	panic("it reads embeddings")
}

type lines []string

func (l *lines) Annotation(_ context.Context, a *pb.Annotation) (string, error) {
	*l = append(*l, fmt.Sprintf("%d-%d %s %s %s: %s", a.GetStart(), a.GetEnd(), a.GetLanguage(), a.GetAttributes()["role"].GetText(), a.GetCharacter(), a.GetText()))
	return "", nil
}
func (*lines) Embedding(context.Context, *pb.Embedding) error { return nil }
func (*lines) Blob(context.Context, string, string, []byte) (*pb.MediaRef, error) {
	return nil, nil
}
func (*lines) Progress(int64, int64) {}

func TestLines(t *testing.T) {
	asset := &pb.Asset{Duration: 1000, Text: []*pb.TextTrack{
		{Language: "sv", Role: "subtitles", Sha256: "3"},
		{Language: "en", Role: "chapters", Sha256: "4"},
		{Language: "en", Role: "captions", Sha256: "2"},
		{Language: "en", Role: "descriptions", Sha256: "5"},
		{Language: "en", Sha256: "1"},
	}}
	cues := map[string][]timedtext.Cue{
		"1": {{Start: 0, End: 10, Text: " Hello \n", Speaker: "Emo"}, {Start: 20, End: 30, Text: " "}, {Start: 40, End: 40, Text: "no time"}},
		"2": {{Start: 990, End: 2000, Text: "cut at the end"}, {Start: 1000, End: 2000, Text: "after the end"}, {Start: -5, End: 5, Text: "before"}},
		"3": {{Start: 7, End: 9, Text: "Hej \xff"}, {Start: 10, End: 20, Text: "橋が落ちた", Language: "ja", Readings: []string{"はし", "お"}}},
		"4": {{Start: 0, End: 100, Text: "Chapter 1"}},
		"5": {{Start: 0, End: 100, Text: "A room."}},
	}
	want := []string{
		"0-10 en subtitles Emo: Hello",
		"990-1000 en captions : cut at the end",
		"0-5 en captions : before",
		"7-9 sv subtitles : Hej \uFFFD",
		"10-20 ja subtitles : 橋が落ちた",
		"10-20 ja readings : はし お",
	}
	for range 2 {
		var got lines
		if err := dialogue.New().Annotate(t.Context(), tracks{asset, cues}, &got); err != nil {
			t.Fatal(err)
		}
		if fmt.Sprint(got) != fmt.Sprint(lines(want)) {
			t.Errorf("wrote\n%v\nwant\n%v", got, want)
		}
		// The order of tracks in the asset is not part of the run's identity.
		asset.Text[0], asset.Text[4] = asset.Text[4], asset.Text[0]
	}
}

// A speaker's name from a file is a name that the log takes, however long or odd, and the run does not fail.
func TestOddSpeakers(t *testing.T) {
	asset := &pb.Asset{Id: "a", Duration: 100}
	track := &pb.TextTrack{Language: "en", Role: "subtitles", Sha256: "00"}
	for speaker, want := range map[string]string{
		"Mara":                      "Mara",
		" Ann\tof\nthe\x00 Sea ":    "Ann of the Sea",
		"Ma\xffra":                  "Ma\uFFFDra",
		strings.Repeat("é", 10_000): strings.Repeat("é", schema.MaxNameLength),
	} {
		got := dialogue.Lines(asset, track, timedtext.Cue{Start: 0, End: 10, Text: "Hello.", Speaker: speaker})
		if len(got) != 1 || got[0].GetCharacter() != want {
			t.Errorf("%.40q: %v", speaker, got)
		}
	}
}
