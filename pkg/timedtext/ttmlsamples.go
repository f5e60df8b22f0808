package timedtext

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/cinedex/cinedex/pkg/schema"
)

// A Sample is a piece of a text track inside a film, with its time on the film's clock.
type Sample struct {
	Start, End schema.Time
	Data       []byte
}

// ParseSamples reads a track of TTML documents (stpp, ISO/IEC 14496-30).
//
//   - The times of each document count from the beginning of the track. The document's cues are shown only during the
//     document's sample.
//   - A cue continued in the next sample is a single cue.
//   - Options.Offset is the time of the film's first picture on the clock of the samples.
func ParseSamples(samples []Sample, opts Options) (*Track, error) {
	p := &parser{out: &Track{Format: "ttml", Certainty: 1}, opts: opts}
	var open []Cue // cues lasting to the end of the sample before
	for i, s := range samples {
		if len(bytes.TrimSpace(s.Data)) == 0 {
			continue
		}
		cues, err := p.sample(i+1, s)
		if err != nil {
			return nil, err
		}
		var next []Cue
		for _, c := range cues {
			same := func(o Cue) bool { return o.Text == c.Text && o.Speaker == c.Speaker && o.End == c.Start }
			if j := slices.IndexFunc(open, same); j >= 0 {
				c.Start = open[j].Start
				open = slices.Delete(open, j, j+1)
			}
			if c.End == s.End {
				next = append(next, c)
			} else {
				p.addRounded(i+1, schema.Millisecond, c)
			}
		}
		p.addAll(i, open)
		if open = next; p.over != nil {
			break
		}
	}
	p.addAll(len(samples), open)
	return p.finish()
}

func (p *parser) addAll(line int, cues []Cue) {
	for _, c := range cues {
		p.addRounded(line, schema.Millisecond, c)
	}
}

// sample reads the cues of a document, cut to the document's sample.
func (p *parser) sample(number int, s Sample) ([]Cue, error) {
	doc := &parser{out: &Track{Format: "ttml"}, opts: Options{Language: p.opts.Language, Rate: p.opts.Rate, Duration: s.End}}
	text, err := doc.decodeText(s.Data)
	if err == nil {
		if err := boundedMarkup(text, "ttml"); err != nil {
			return nil, err
		}
		err = doc.ttml(text)
	}
	if err != nil {
		p.bad(number, "is a sample that cannot be read: %v", err)
		return nil, nil
	}
	if doc.over != nil {
		return nil, doc.over
	}
	p.out.Encoding = cmp.Or(p.out.Encoding, doc.out.Encoding)
	p.out.Language = cmp.Or(p.out.Language, doc.out.Language)
	for _, n := range doc.out.Notes {
		p.note("%s", n)
	}
	for _, b := range doc.out.Bad {
		p.bad(number, "is a sample whose line %d %s", b.Line, b.Reason)
	}
	within := func(shift schema.Time) (out []Cue) {
		for _, c := range doc.cues {
			if c.Start, c.End = max(c.Start+shift, s.Start), min(c.End+shift, s.End); c.Start < c.End {
				out = append(out, c.Cue)
			}
		}
		return out
	}
	cues := within(0)
	if shifted := within(s.Start); len(cues) == 0 && len(shifted) > 0 {
		p.note("the times of the samples count from each sample's start, where the standard counts from the track's")
		cues = shifted
	}
	if n := len(doc.cues) - len(cues); n > 0 {
		p.bad(number, "is a sample with %s that lie outside the sample", plural(n, "cue"))
	}
	return cues, nil
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
