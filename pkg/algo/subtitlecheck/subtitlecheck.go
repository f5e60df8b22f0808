package subtitlecheck

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/dialogue"
	"github.com/cinedex/cinedex/pkg/algo/sounds"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/timedtext"
)

// Kind is the kind of the algorithm.
const Kind = "subtitle_fault"

// The labels of faults.
const (
	Late    = "late cue"
	Early   = "early cue"
	Missing = "missing cue"
	Fast    = "fast cue"
)

// Algorithm is the algorithm "subtitlecheck".
type Algorithm struct{}

// Versions returns the versions of the algorithm, the current version first.
func Versions(*algo.Models) []algo.Algorithm { return []algo.Algorithm{Algorithm{}} }

var spec = &pb.AlgorithmSpec{
	Name: "subtitlecheck", Version: "1", Summary: "Cues that are late, early, missing or too fast to read",
	Reads: []string{schema.ReadsText},
	Needs: []string{sounds.Kind},
	Kinds: []string{Kind},
	KindSpecs: []*pb.KindSpec{{
		Kind: Kind, LabelLanguage: "en",
		Shown: &pb.Shown{Label: "Subtitle faults", Hint: "Cues that are late, early, missing or too fast to read", Lane: "subtitle_faults", Icon: "warning"},
		Attributes: []*pb.AttributeSpec{
			{Name: "ms", Type: pb.AttributeType_ATTRIBUTE_TYPE_NUMBER, Hint: "How late or early a cue is, or how long speech has no cue, in milliseconds"},
			{Name: "cps", Type: pb.AttributeType_ATTRIBUTE_TYPE_NUMBER, Hint: "Characters a second of a fast cue"},
			{Name: "track", Type: pb.AttributeType_ATTRIBUTE_TYPE_TEXT, Hint: "The text track, as lines of dialogue name the track"},
			{Name: "track_language", Type: pb.AttributeType_ATTRIBUTE_TYPE_TEXT, Hint: "The language of the text track"},
		},
	}},
	Leaves: []*pb.LeafSpec{{
		Name: "subtitles", Shape: pb.LeafShape_LEAF_SHAPE_WORDS, Example: "late",
	}},
	Answers: []*pb.AnswerSpec{{Leaves: []string{"subtitles"}, By: "words", Kind: Kind, Field: pb.AnswerField_ANSWER_FIELD_LABEL}},
}

// Spec implements algo.Algorithm.
func (Algorithm) Spec() *pb.AlgorithmSpec { return spec }

// Annotate implements algo.Algorithm.
func (Algorithm) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	heard, err := speechOf(ctx, in)
	if err != nil {
		return err
	}
	tracks := dialogue.Tracks(in.Asset(), "subtitles", "captions")
	for i, track := range tracks {
		cues, err := in.Cues(ctx, track)
		if err != nil {
			return fmt.Errorf("reading the %s %s: %w", track.GetLanguage(), track.GetRole(), err)
		}
		for _, f := range check(linesOf(in.Asset(), track, cues), heard.of(in.Asset(), track)) {
			if _, err := out.Annotation(ctx, f.annotation(track)); err != nil {
				return fmt.Errorf("writing a fault of the %s %s: %w", track.GetLanguage(), track.GetRole(), err)
			}
		}
		out.Progress(int64(i+1), int64(len(tracks)))
	}
	return nil
}

// A stretch is speech, with the confidence of package sounds.
type stretch struct {
	schema.Interval
	confidence float32
}

// tracksOfSpeech is the speech of each sound track, by index.
type tracksOfSpeech map[int64][]stretch

// maxStretches bounds the stretches of a sound track: a day of speech with a pause each second.
const maxStretches = 90_000

// speechOf reads the stretches of speech.
func speechOf(ctx context.Context, in algo.Input) (tracksOfSpeech, error) {
	out := tracksOfSpeech{}
	for a, err := range in.Annotations(ctx, sounds.Kind) {
		if err != nil {
			return nil, fmt.Errorf("reading the speech: %w", err)
		}
		track := a.GetAttributes()["track"].GetInteger()
		if a.GetLabel() == sounds.Speech && len(out[track]) < maxStretches {
			out[track] = append(out[track], stretch{schema.IntervalOf(a), a.GetConfidence()})
		}
	}
	for _, s := range out {
		slices.SortFunc(s, func(a, b stretch) int { return a.Compare(b.Interval) })
	}
	return out, nil
}

// of returns the speech that a text track is compared with: of the first sound track in the language of the text track, or else of the first sound track.
func (s tracksOfSpeech) of(asset *pb.Asset, track *pb.TextTrack) []stretch {
	audio := asset.GetAudio()
	if len(audio) == 0 {
		return nil
	}
	base := func(tag string) string { b, _, _ := strings.Cut(tag, "-"); return b }
	i := slices.IndexFunc(audio, func(a *pb.AudioTrack) bool { return base(a.GetLanguage()) == base(track.GetLanguage()) })
	return s[int64(audio[max(i, 0)].GetIndex())]
}

// A line is a cue of speech.
type line struct {
	schema.Interval
	text string
	// limit is the characters a second that people read.
	limit float64
}

// linesOf returns the cues that somebody says. Cues of the same time, of several speakers, are one line.
func linesOf(asset *pb.Asset, track *pb.TextTrack, cues []timedtext.Cue) (out []line) {
	for _, cue := range cues {
		of := dialogue.Lines(asset, track, cue) // a second line has the readings of the first
		if len(of) == 0 || !said(of[0].GetText()) {
			continue
		}
		l := line{schema.IntervalOf(of[0]), of[0].GetText(), limitOf(cmp.Or(cue.Language, track.GetLanguage()))}
		if n := len(out); n > 0 && out[n-1].Interval == l.Interval {
			out[n-1].text += "\n" + l.text
			continue
		}
		out = append(out, l)
	}
	slices.SortStableFunc(out, func(a, b line) int { return a.Compare(b.Interval) })
	return out
}

// said reports whether a cue is speech: something is left without sounds in brackets, and the cue is no song between notes.
func said(text string) bool {
	if strings.ContainsAny(text, "♪♫") {
		return false
	}
	depth, letters := 0, false
	for _, r := range text {
		switch {
		case strings.ContainsRune("([（［", r):
			depth++
		case strings.ContainsRune(")]）］", r):
			depth = max(0, depth-1)
		case depth == 0 && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			letters = true
		}
	}
	return letters
}

// limitOf is the characters a second that adults read, by Netflix's Timed Text Style Guide.
func limitOf(language string) float64 {
	switch base, _, _ := strings.Cut(language, "-"); base {
	case "ja":
		return 4
	case "zh":
		return 9
	case "ko":
		return 12
	}
	return 20
}

// A fault is a cue that is not as it should be, or speech without a cue.
type fault struct {
	schema.Interval
	label, text string
	ms          int64
	cps         float64
	confidence  float32
}

const (
	// lateFrom and earlyFrom are from where on a cue is late or early.
	lateFrom, earlyFrom = 400 * schema.Millisecond, 500 * schema.Millisecond
	// missingFrom is the least length of speech that needs a cue, and restFrom the least length of speech that goes on without a cue.
	missingFrom, restFrom = 600 * schema.Millisecond, 1200 * schema.Millisecond
)

// check returns the faults of a track, in the order of their starts.
func check(lines []line, speech []stretch) []fault {
	out := fastOf(lines)
	if len(lines) > 0 {
		out = append(out, timesOf(lines, speech)...)
	}
	slices.SortStableFunc(out, func(a, b fault) int { return cmp.Or(a.Compare(b.Interval), cmp.Compare(a.label, b.label)) })
	return out
}

// fastOf returns the cues that are too fast to read.
func fastOf(lines []line) (out []fault) {
	for _, l := range lines {
		letters := utf8.RuneCountInString(strings.ReplaceAll(l.text, "\n", ""))
		if cps := float64(letters) / l.Duration().Seconds(); cps > l.limit {
			out = append(out, fault{Interval: l.Interval, label: Fast, text: l.text, cps: math.Round(10*cps) / 10, confidence: 1})
		}
	}
	return out
}

// timesOf returns the cues that are late or early, and speech without a cue.
func timesOf(lines []line, speech []stretch) (out []fault) {
	if len(speech) == 0 {
		return nil
	}
	cues, heard := make([]schema.Interval, len(lines)), make([]schema.Interval, len(speech))
	for i, l := range lines {
		cues[i] = l.Interval
	}
	for i, s := range speech {
		heard[i] = s.Interval
	}
	late := shift(cues, heard)
	moved := slices.Clone(cues)
	for i := range moved {
		moved[i].Start, moved[i].End = moved[i].Start-late, moved[i].End-late
	}
	for _, b := range align(moved, heard) {
		switch {
		case b.cues[0] == b.cues[1]:
			for _, s := range speech[b.speech[0]:b.speech[1]] {
				if s.Duration() >= missingFrom {
					out = append(out, fault{Interval: s.Interval, label: Missing, ms: s.Duration().Millis(), confidence: s.confidence})
				}
			}
		case b.speech[0] < b.speech[1]:
			out = append(out, mistimed(lines[b.cues[0]:b.cues[1]], speech[b.speech[0]], late)...)
			out = append(out, uncovered(cues[b.cues[0]:b.cues[1]], speech[b.speech[0]:b.speech[1]], late)...)
		}
	}
	return out
}

// mistimed returns the faults of the cues of a block: the first cue is compared with the beginning of the speech, and the other cues are as late as the whole track.
func mistimed(lines []line, first stretch, track schema.Time) (out []fault) {
	for i, l := range lines {
		late := track
		if i == 0 {
			late = l.Start - first.Start
		}
		switch {
		case late >= lateFrom:
			out = append(out, fault{Interval: l.Interval, label: Late, text: l.text, ms: late.Millis(), confidence: first.confidence})
		case late <= -earlyFrom:
			out = append(out, fault{Interval: l.Interval, label: Early, text: l.text, ms: (-late).Millis(), confidence: first.confidence})
		}
	}
	return out
}

// uncovered returns the speech of a block that the cues of the block leave out: a cue that is lacking before or behind a cue, without a pause of the speech.
func uncovered(cues []schema.Interval, speech []stretch, track schema.Time) (out []fault) {
	first := cues[0].Start - speech[0].Start
	for _, s := range speech {
		from := s.Start
		missing := func(until schema.Time) {
			if rest := (schema.Interval{Start: from, End: min(until, s.End)}); rest.End-rest.Start >= restFrom {
				out = append(out, fault{Interval: rest, label: Missing, ms: rest.Duration().Millis(), confidence: s.confidence})
			}
		}
		for i, c := range cues {
			late := track
			if i == 0 {
				late = first
			}
			missing(c.Start - late)
			from = max(from, c.End-late)
		}
		missing(s.End)
	}
	return out
}

func (f fault) annotation(track *pb.TextTrack) *pb.Annotation {
	attributes := algo.Attributes{
		"track":          algo.Text(track.GetSha256()[:min(len(track.GetSha256()), 12)]),
		"track_language": algo.Text(track.GetLanguage()),
	}
	if f.label == Fast {
		attributes["cps"] = algo.Number(f.cps)
	} else {
		attributes["ms"] = algo.Integer(f.ms)
	}
	return &pb.Annotation{Kind: Kind, Label: f.label, Language: "en", Text: f.text, Confidence: f.confidence, Start: int64(f.Start), End: int64(f.End), Attributes: attributes}
}
