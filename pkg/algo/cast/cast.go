package cast

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/dialogue"
	"github.com/cinedex/cinedex/pkg/algo/speakers"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Kind is the kind of the algorithm.
const Kind = "cast"

// Algorithm is the algorithm "cast".
type Algorithm struct{}

// Versions returns the versions of the algorithm, the current version first.
func Versions(*algo.Models) []algo.Algorithm { return []algo.Algorithm{Algorithm{}} }

var spec = &pb.AlgorithmSpec{
	Name: "cast", Version: "1", Summary: "The names of the speakers, from the subtitles",
	Reads: []string{schema.ReadsText},
	Needs: []string{speakers.Kind},
	Kinds: []string{Kind},
	KindSpecs: []*pb.KindSpec{{
		Kind: Kind, Characters: true,
		Shown: &pb.Shown{Label: "Cast", Hint: "Who speaks, by name", Lane: "speakers", Icon: "speech"},
		Attributes: []*pb.AttributeSpec{
			{Name: "speaker", Type: pb.AttributeType_ATTRIBUTE_TYPE_NUMBER, Hint: "The number of the speaker in the title"},
			{Name: "share", Type: pb.AttributeType_ATTRIBUTE_TYPE_NUMBER, Hint: "How much of the voice's named time has the name, 0 to 1"},
		},
	}},
	Answers: []*pb.AnswerSpec{{Leaves: []string{"speaker"}, Bare: true, By: "words", Kind: Kind, Field: pb.AnswerField_ANSWER_FIELD_LABEL}},
}

// Spec implements algo.Algorithm.
func (Algorithm) Spec() *pb.AlgorithmSpec { return spec }

const (
	// leastNamed is the least time of a voice that is named.
	leastNamed = 2 * schema.Second
	// majority is the share of a voice's named time that a name has more of.
	majority = 0.5
)

// Annotate implements algo.Algorithm.
func (Algorithm) Annotate(ctx context.Context, in algo.Input, out algo.Output) error {
	said, err := named(ctx, in)
	if err != nil || len(said) == 0 {
		return err
	}
	var turns []*pb.Annotation
	votes := ballot{}
	for a, err := range in.Annotations(ctx, speakers.Kind) {
		if err != nil {
			return fmt.Errorf("reading who speaks when: %w", err)
		}
		turns = append(turns, a)
		for len(said) > 0 && int64(said[0].End) <= a.GetStart() {
			said = said[1:]
		}
		votes.count(a, said)
	}
	for _, a := range turns {
		name, share := votes.name(number(a))
		if name == "" {
			continue
		}
		_, err := out.Annotation(ctx, &pb.Annotation{
			Kind: Kind, Label: name, Character: name, Confidence: a.GetConfidence() * float32(share), Start: a.GetStart(), End: a.GetEnd(),
			Attributes: algo.Attributes{"speaker": algo.Integer(number(a)), "share": algo.Number(share)},
		})
		if err != nil {
			return fmt.Errorf("writing a turn of %s: %w", name, err)
		}
	}
	return ctx.Err() // nothing may have been written
}

func number(turn *pb.Annotation) int64 { return turn.GetAttributes()["speaker"].GetInteger() }

// A line is a stretch in which subtitles name the speaker.
type line struct {
	schema.Interval
	name string
}

// named returns the lines of all tracks in which the speaker is named, by their start.
func named(ctx context.Context, in algo.Input) ([]line, error) {
	var out []line
	for _, track := range dialogue.Tracks(in.Asset(), "", "subtitles", "captions") {
		cues, err := in.Cues(ctx, track)
		if err != nil {
			return nil, fmt.Errorf("reading the %s %s: %w", track.GetLanguage(), track.GetRole(), err)
		}
		for _, c := range cues {
			if name := strings.TrimSpace(c.Speaker); name != "" && len(name) <= schema.MaxNameLength {
				out = append(out, line{schema.Interval{Start: c.Start, End: c.End}, name})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b line) int { return cmp.Compare(a.Start, b.Start) })
	return out, nil
}

// A ballot is the time in which a voice is heard under a spelling of a name, by the number of the voice, the name in small letters, and the spelling.
type ballot map[int64]map[string]map[string]schema.Time

// count adds the lines that overlap a turn.
func (b ballot) count(turn *pb.Annotation, said []line) {
	heard := schema.IntervalOf(turn)
	for _, l := range said {
		if l.Start >= heard.End {
			return
		}
		both := l.Intersect(heard)
		if both.Empty() {
			continue
		}
		voice, key := number(turn), strings.ToLower(l.name)
		if b[voice] == nil {
			b[voice] = map[string]map[string]schema.Time{}
		}
		if b[voice][key] == nil {
			b[voice][key] = map[string]schema.Time{}
		}
		b[voice][key][l.name] += both.Duration()
	}
}

// name returns the name of a voice, and the share of the name; "" for a voice without.
func (b ballot) name(voice int64) (string, float64) {
	var total, most schema.Time
	first := ""
	for _, key := range sortedKeys(b[voice]) {
		sum := schema.Time(0)
		for _, t := range b[voice][key] {
			sum += t
		}
		if total += sum; sum > most {
			first, most = key, sum
		}
	}
	share := float64(most) / float64(max(total, 1))
	if total < leastNamed || share <= majority {
		return "", 0
	}
	best := ""
	for _, s := range sortedKeys(b[voice][first]) {
		capitals := func(s string) bool { return s == strings.ToUpper(s) && s != strings.ToLower(s) }
		times := b[voice][first]
		if best == "" || capitals(best) && !capitals(s) || capitals(best) == capitals(s) && times[s] > times[best] {
			best = s
		}
	}
	return best, share
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
