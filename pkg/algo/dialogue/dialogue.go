// Package dialogue is the algorithm that writes the lines of a film's subtitles as annotations, for search by words and for the algorithm sentences.
// Every cue of every track of subtitles or captions becomes an annotation with text, language, and the speaker if the track names one. Times are the
// cue's own, to the flick, and the order of tracks in the asset does not change the result.
//
// The contract of an annotation:
//
//   - Attribute "track": the beginning of the sha256 of the track's cues, which distinguishes tracks of the same language.
//   - Attribute "role": the role of the track, or "readings".
//   - Attribute "readings": the readings (ruby) of the line. The readings are also a line of their own, with the role "readings" and the attribute
//     "read_in" for the text of the first line.
package dialogue

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/timedtext"
)

type Algorithm struct{}

// Versions returns the versions of the algorithm, the current version first.
func Versions(*algo.Models) []algo.Algorithm { return []algo.Algorithm{New()} }

func New() Algorithm { return Algorithm{} }

var spec = &pb.AlgorithmSpec{
	Name: "dialogue", Version: "1", Summary: "What is said, from the subtitles",
	Reads: []string{schema.ReadsText},
	Kinds: []string{schema.KindDialogue},
	KindSpecs: []*pb.KindSpec{{
		Kind: schema.KindDialogue, Quoted: true, InLanguage: true, Characters: true,
		Shown: &pb.Shown{Label: "Said", Hint: "Lines of dialogue", Lane: "dialogue", Icon: "speech", Order: 2},
	}},
	Leaves: []*pb.LeafSpec{{
		Name: "dialogue", Shape: pb.LeafShape_LEAF_SHAPE_WORDS, Example: "we have to go",
		Shown: &pb.Shown{Label: "Said", Hint: "Words that are spoken, in any language", Icon: "speech", Order: 1},
	}},
	Answers: []*pb.AnswerSpec{{
		Leaves: []string{"dialogue"}, Bare: true, By: "words",
		Kind: schema.KindDialogue, Field: pb.AnswerField_ANSWER_FIELD_TEXT,
	}},
}

// Spec implements algo.Algorithm.
func (Algorithm) Spec() *pb.AlgorithmSpec { return spec }

// Annotate implements algo.Algorithm.
func (Algorithm) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	tracks := spoken(in.Asset())
	for i, track := range tracks {
		cues, err := in.Cues(ctx, track)
		if err != nil {
			return fmt.Errorf("reading the %s %s: %w", track.GetLanguage(), track.GetRole(), err)
		}
		for _, cue := range cues {
			for _, a := range Lines(in.Asset(), track, cue) {
				if _, err := out.Annotation(ctx, a); err != nil {
					return fmt.Errorf("writing a line of %s: %w", track.GetLanguage(), err)
				}
			}
		}
		out.Progress(int64(i+1), int64(len(tracks)))
	}
	return nil
}

// spoken returns the tracks of speech. The order follows from the tracks' content, as the run's identity does, and not from the order in the asset.
func spoken(asset *pb.Asset) []*pb.TextTrack {
	return Tracks(asset, "", "subtitles", "captions")
}

// Tracks returns the text tracks of some roles, in an order that follows from the content of the tracks.
func Tracks(asset *pb.Asset, roles ...string) []*pb.TextTrack {
	var tracks []*pb.TextTrack
	for _, t := range asset.GetText() {
		if slices.Contains(roles, t.GetRole()) {
			tracks = append(tracks, t)
		}
	}
	slices.SortStableFunc(tracks, func(a, b *pb.TextTrack) int {
		return cmp.Or(cmp.Compare(a.GetLanguage(), b.GetLanguage()), cmp.Compare(a.GetRole(), b.GetRole()), cmp.Compare(a.GetSha256(), b.GetSha256()))
	})
	return tracks
}

// Lines returns the line of a cue, of kind dialogue. A cue with ruby gives a second line with the readings: both lines can be found, and neither interrupts the
// phrases of the other.
func Lines(asset *pb.Asset, track *pb.TextTrack, cue timedtext.Cue) []*pb.Annotation {
	line := annotation(asset, track, cue)
	if line == nil {
		return nil
	}
	if len(cue.Readings) == 0 {
		return []*pb.Annotation{line}
	}
	readings := strings.Join(cue.Readings, " ")
	line.Attributes["readings"] = algo.Text(readings)
	cue.Text = readings
	read := annotation(asset, track, cue)
	if read == nil {
		return []*pb.Annotation{line}
	}
	read.Attributes["role"], read.Attributes["read_in"] = algo.Text("readings"), algo.Text(line.GetText())
	return []*pb.Annotation{line, read}
}

// character returns the name of a speaker as one line of at most schema.MaxNameLength characters. A file may have any bytes there.
func character(speaker string) string {
	name := strings.Join(strings.FieldsFunc(strings.ToValidUTF8(speaker, "\uFFFD"), func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	if utf8.RuneCountInString(name) > schema.MaxNameLength {
		name = string([]rune(name)[:schema.MaxNameLength])
	}
	return name
}

// annotation returns the line of a cue; nil for a cue without text, or after the film's end.
func annotation(asset *pb.Asset, track *pb.TextTrack, cue timedtext.Cue) *pb.Annotation {
	interval := schema.Interval{Start: max(cue.Start, 0), End: cue.End}
	if end := schema.Time(asset.GetDuration()); end > 0 {
		interval.End = min(interval.End, end)
	}
	text := strings.TrimSpace(strings.ToValidUTF8(cue.Text, "\uFFFD"))
	if text == "" || interval.Empty() {
		return nil
	}
	if utf8.RuneCountInString(text) > schema.MaxAnnotation {
		text = string([]rune(text)[:schema.MaxAnnotation])
	}
	return &pb.Annotation{
		Kind:  schema.KindDialogue,
		Start: int64(interval.Start), End: int64(interval.End),
		Text: text, Language: cmp.Or(cue.Language, track.GetLanguage()), Character: character(cue.Speaker), Confidence: 1,
		Attributes: algo.Attributes{
			"track": algo.Text(track.GetSha256()[:min(len(track.GetSha256()), 12)]),
			"role":  algo.Text(cmp.Or(track.GetRole(), "subtitles")),
		},
	}
}
