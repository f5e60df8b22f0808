package gateway

import (
	"context"
	"math"
	"testing"

	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Each fusion gives the scores that the definitions give by hand.
func TestFusions(t *testing.T) {
	lines := &part{number: 0, leaf: &pb.Leaf{Kind: "dialogue"}, weight: 2, source: source{Source: &catalog.Source{}}}
	looks := &part{number: 1, leaf: &pb.Leaf{Kind: "look", Weight: 0.5}, weight: 3, source: source{Source: &catalog.Source{}, space: "s@1"}}
	evidenceOf := func(pt *part, rank int, strong float32) evidence {
		return evidence{part: pt, rank: rank, strength: strong}
	}
	for _, c := range []struct {
		name                string
		why                 []evidence
		rank, weighted, max float64
	}{
		{"one part", []evidence{evidenceOf(lines, 1, 1)}, 2.0 / 61, 2, 2},
		{"a weaker item of one part", []evidence{evidenceOf(lines, 40, 0.25)}, 0.02, 0.5, 0.5},
		{"two parts", []evidence{evidenceOf(looks, 15, 0.5), evidenceOf(lines, 20, 0.75)}, 1.5/75 + 2.0/80, 0.75 + 1.5, 1.5},
		{"a part counts once, by its best item", []evidence{evidenceOf(lines, 20, 0.75), evidenceOf(lines, 90, 0.25), evidenceOf(looks, 15, 1)}, 2.0/80 + 1.5/75, 1.5 + 1.5, 1.5},
	} {
		for f, want := range map[fusion]float64{fusedByRank: c.rank, fusedByWeight: c.weighted, fusedByMax: c.max} {
			if got := f.of(c.why); math.Abs(got-want) > 1e-9 {
				t.Errorf("%s by fusion %d: %v, want %v", c.name, f, got, want)
			}
		}
	}
}

// The algebra over candidates joins the scores of its sides as the fusion says.
func TestFusionOfTheAlgebra(t *testing.T) {
	second := func(from, to int) schema.Interval {
		return schema.Interval{Start: schema.Time(from) * schema.Second, End: schema.Time(to) * schema.Second}
	}
	at := func(iv schema.Interval, score float64) []*moment {
		return []*moment{{asset: "a", Interval: iv, score: score, lead: evidence{part: &part{}}}}
	}
	for f, want := range map[fusion]float64{fusedByRank: 0.75, fusedByWeight: 0.75, fusedByMax: 0.5} {
		work := &tally{ctx: context.Background(), fusion: f}
		for name, got := range map[string][]*moment{
			"and":    work.allOf(at(second(0, 4), 0.5), at(second(2, 6), 0.25)),
			"within": work.closeBy(at(second(0, 4), 0.5), at(second(5, 6), 0.25), 2*schema.Second),
			"or":     work.anyOfThem(at(second(0, 4), 0.5), at(second(0, 4), 0.25)),
		} {
			if len(got) != 1 || got[0].score != want {
				t.Errorf("%s by fusion %d: %v, want one of %v", name, f, got, want)
			}
		}
	}
}

func TestStrength(t *testing.T) {
	words, vector := &part{}, &part{source: source{space: "s@1"}}
	for _, c := range []struct {
		pt          *part
		confidence  float32
		score, best float64
		want        float32
	}{{words, 1, 3, 12, 0.25}, {words, 1, 12, 12, 1}, {words, 1, 13, 12, 1}, {words, 1, 0, 0, 1}, {words, 1, -1, 4, 0}, {vector, 0.625, 9, 12, 0.625}} {
		if got := strength(c.pt, c.confidence, c.score, c.best); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// Languages: which of the languages that a line is said in a person is told.
func TestPreferred(t *testing.T) {
	for _, c := range []struct {
		want, have []string
		index      int
	}{
		{[]string{"en"}, []string{"en-GB"}, 0},
		{[]string{"en-US"}, []string{"de", "en-GB"}, 1},
		{[]string{"es-MX"}, []string{"en", "es"}, 1},
		{[]string{"fr", "en"}, []string{"en", "fr"}, 1},
		{[]string{"fr", "en"}, []string{"de", "en"}, 1},
		{[]string{"pt-BR"}, []string{"pt-PT", "pt-BR"}, 1},
		{[]string{"zh-Hant"}, []string{"zh-Hans", "en"}, -1},
		{[]string{"nb"}, []string{"no", "en"}, 0},
		{[]string{"fi"}, []string{"en", "sv"}, -1},
		{[]string{"fi"}, []string{"", "und", "mul"}, -1},
		{nil, []string{"en"}, -1},
	} {
		if got := preferred(c.want, c.have); got != c.index {
			t.Errorf("%v of %v: %d, want %d", c.want, c.have, got, c.index)
		}
	}
}
