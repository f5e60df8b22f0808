package loudness

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Algorithm is the algorithm "loudness".
type Algorithm struct{}

// Versions returns the versions of the algorithm, the current version first.
func Versions(*algo.Models) []algo.Algorithm { return []algo.Algorithm{Algorithm{}} }

// The kinds of the algorithm.
const (
	KindLoudness = "loudness"
	KindSilence  = "silence"
	KindTone     = "tone"
)

var (
	track = &pb.AttributeSpec{Name: "track", Type: pb.AttributeType_ATTRIBUTE_TYPE_NUMBER, Hint: "The index of the sound track"}
	spec  = &pb.AlgorithmSpec{
		Name: "loudness", Version: "2", Summary: "How loud the film is by EBU R 128, and where nothing is heard, or a test tone",
		Reads: []string{schema.ReadsAudio},
		Kinds: []string{KindLoudness, KindSilence, KindTone},
		Sound: &pb.SoundSpec{Rate: Rate, EveryChannel: true},
		KindSpecs: []*pb.KindSpec{
			{
				Kind: KindLoudness, LabelLanguage: "en", Shown: &pb.Shown{Label: "Loudness", Hint: "Loud and quiet passages, and the loudness of the whole", Lane: "sound", Icon: "sound"},
				Attributes: []*pb.AttributeSpec{track, number("integrated", "Loudness of the whole track, in LUFS"), number("range", "Loudness range, in LU"),
					number("true_peak", "The greatest true peak, in dBTP"), number("momentary", "The greatest momentary loudness, in LUFS"),
					number("short_term", "The greatest or the least short-term loudness, in LUFS")},
			},
			{
				Kind: KindSilence, LabelLanguage: "en", Shown: &pb.Shown{Label: "Silence", Hint: "Where nothing is heard", Lane: "sound", Icon: "silence"},
				Attributes: []*pb.AttributeSpec{track, number("seconds", "How long the silence lasts")},
			},
			{
				Kind: KindTone, LabelLanguage: "en", Shown: &pb.Shown{Label: "Test tone", Hint: "Where the tone of 1 kHz is heard", Lane: "sound", Icon: "sound"},
				Attributes: []*pb.AttributeSpec{track, number("level", "How loud the tone is, in dBFS"), number("seconds", "How long the tone lasts")},
			},
		},
		Leaves: []*pb.LeafSpec{
			{Name: "loudness", Shape: pb.LeafShape_LEAF_SHAPE_WORDS, Example: "loud",
				Shown: &pb.Shown{Label: "Loudness", Hint: "Passages that are loud or quiet, or the whole: programme", Icon: "sound"}},
			{Name: "silence", Shape: pb.LeafShape_LEAF_SHAPE_WORDS, Example: "silence",
				Shown: &pb.Shown{Label: "Silence", Hint: "Half a second or more in which nothing is heard", Icon: "silence"}},
			{Name: "tone", Shape: pb.LeafShape_LEAF_SHAPE_WORDS, Example: "1 kHz"},
		},
		Answers: []*pb.AnswerSpec{
			{Leaves: []string{"loudness"}, By: "words", Kind: KindLoudness, Field: pb.AnswerField_ANSWER_FIELD_LABEL},
			{Leaves: []string{"silence"}, By: "words", Kind: KindSilence, Field: pb.AnswerField_ANSWER_FIELD_LABEL},
			{Leaves: []string{"tone"}, By: "words", Kind: KindTone, Field: pb.AnswerField_ANSWER_FIELD_LABEL},
		},
	}
)

func number(name, hint string) *pb.AttributeSpec {
	return &pb.AttributeSpec{Name: name, Type: pb.AttributeType_ATTRIBUTE_TYPE_NUMBER, Hint: hint}
}

// Spec implements algo.Algorithm.
func (Algorithm) Spec() *pb.AlgorithmSpec { return spec }

// maxTracks is the number of sound tracks that are measured. A film in many languages has a track for each.
const maxTracks = 32

// Annotate implements algo.Algorithm.
func (Algorithm) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	tracks := in.Asset().GetAudio()
	tracks = tracks[:min(len(tracks), maxTracks)]
	for i, t := range tracks {
		h, err := listen(ctx, in, t)
		if err != nil {
			return err
		}
		if h.end > 0 {
			if err := h.write(ctx, out, t); err != nil {
				return fmt.Errorf("writing the loudness of track %d: %w", t.GetIndex(), err)
			}
		}
		out.Progress(int64(i+1), int64(len(tracks)))
	}
	return nil
}

// A hearing is a track that was listened to. end is the end of the sound.
type hearing struct {
	meter *meter
	quiet quiet
	tones tones
	end   schema.Time
}

func listen(ctx context.Context, in algo.Input, t *pb.AudioTrack) (*hearing, error) {
	var h hearing
	for s, err := range in.Sound(ctx, t) {
		if err != nil {
			return nil, fmt.Errorf("hearing track %d: %w", t.GetIndex(), err)
		}
		if h.meter == nil {
			h.meter = newMeter(s.Channels)
		}
		h.meter.push(s)
		h.quiet.push(s)
		h.tones.push(s)
		h.end = s.Interval().End
	}
	return &h, nil
}

func (h *hearing) write(ctx context.Context, out algo.Output, t *pb.AudioTrack) error {
	annotation := func(kind, label string, iv schema.Interval, text string, attributes algo.Attributes) error {
		attributes["track"] = algo.Integer(int64(t.GetIndex()))
		_, err := out.Annotation(ctx, &pb.Annotation{
			Kind: kind, Label: label, Text: text, Language: t.GetLanguage(), Confidence: 1,
			Start: int64(iv.Start), End: int64(iv.End), Attributes: attributes,
		})
		return err
	}
	m, end := h.meter, h.end
	whole, peak, spread := m.blocks.integrated(), m.truePeak(), m.shorts.spread()
	text := fmt.Sprintf("%.1f LUFS, range %.1f LU, true peak %.1f dBTP", whole, spread, peak)
	err := annotation(KindLoudness, "programme", schema.Interval{End: end}, text, algo.Attributes{
		"integrated": rounded(whole), "range": rounded(spread), "true_peak": rounded(peak),
		"momentary": rounded(max(m.momentary, absoluteGate)), "short_term": rounded(max(m.shortT, absoluteGate)),
	})
	if err != nil {
		return err
	}
	for _, p := range passages(m.curve, whole) {
		iv := schema.Interval{Start: schema.Time(p.from) * schema.Second, End: min(schema.Time(p.to)*schema.Second, end)}
		if err := annotation(KindLoudness, p.label, iv, fmt.Sprintf("%.1f LUFS", p.extreme), algo.Attributes{"short_term": rounded(p.extreme)}); err != nil {
			return err
		}
	}
	for _, iv := range h.quiet.end() {
		if err := annotation(KindSilence, "silence", iv, "", algo.Attributes{"seconds": rounded((iv.End - iv.Start).Seconds())}); err != nil {
			return err
		}
	}
	for _, f := range h.tones.end() {
		attributes := algo.Attributes{"seconds": rounded((f.interval.End - f.interval.Start).Seconds()), "level": rounded(f.level)}
		if err := annotation(KindTone, "1 kHz tone", f.interval, fmt.Sprintf("%.1f dBFS", f.level), attributes); err != nil {
			return err
		}
	}
	return nil
}

// rounded gives two decimals: the measures are not more exact.
func rounded(x float64) *pb.Value { return algo.Number(math.Round(x*100) / 100) }

// How far a passage is from the whole, in LU, and how long a passage is at least, in seconds.
const (
	loudAbove  = 6
	quietBelow = 12
	minPassage = 3
)

// A passage is the seconds [from, to) of a label.
type passage struct {
	label    string
	from, to int
	extreme  float64
}

// passages returns the loud and the quiet passages. curve holds the loudness of the three seconds before the end of each second, so the middle second
// of a window is a second earlier. Silence is no quiet passage.
func passages(curve []float32, whole float64) []passage {
	label := func(l float32) string {
		switch {
		case whole <= absoluteGate || float64(l) < absoluteGate:
			return ""
		case float64(l) >= whole+loudAbove:
			return "loud"
		case float64(l) <= whole-quietBelow:
			return "quiet"
		}
		return ""
	}
	var out []passage
	for i := range curve {
		value := curve[min(i+1, len(curve)-1)]
		l := label(value)
		if n := len(out) - 1; n >= 0 && out[n].label == l && out[n].to == i {
			out[n].to++
			if l == "loud" {
				out[n].extreme = max(out[n].extreme, float64(value))
			} else {
				out[n].extreme = min(out[n].extreme, float64(value))
			}
			continue
		}
		if l != "" {
			out = append(out, passage{l, i, i + 1, float64(value)})
		}
	}
	return slices.DeleteFunc(out, func(p passage) bool { return p.to-p.from < minPassage })
}

const (
	// silentBelow is -60 dBFS: samples up to it are silence.
	silentBelow = 32
	// minSilence is the shortest silence, in samples.
	minSilence = Rate / 2
)

// quiet gathers the stretches of silence.
type quiet struct {
	from, at int64 // the current stretch is [from, at)
	found    []schema.Interval
}

// maxSilences bounds the stretches of a track: silence and clicks by turns would give two a second.
const maxSilences = 20_000

func (q *quiet) push(s algo.Samples) {
	for n := range s.Count() {
		for _, v := range s.Data[n*s.Channels : (n+1)*s.Channels] {
			if v > silentBelow || v < -silentBelow {
				q.close()
				q.from = q.at + 1
				break
			}
		}
		q.at++
	}
}

func (q *quiet) close() {
	if q.at-q.from >= minSilence && len(q.found) < maxSilences {
		q.found = append(q.found, schema.Interval{Start: schema.FromSamples(q.from, Rate), End: schema.FromSamples(q.at, Rate)})
	}
}

func (q *quiet) end() []schema.Interval {
	q.close()
	return q.found
}
