package schema

import (
	"regexp"
	"slices"

	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Limits of what an algorithm declares, in entries of each of its lists.
const (
	MaxDeclared     = 64
	maxFrameSide    = 8192
	maxFramesSecond = 1000
)

// leafPat is the grammar of a leaf's name, as the query language has it.
var leafPat = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)

// reservedLeaves are names that mean something else in a query: bare words, and the filters.
var reservedLeaves = []string{"any", "title", "series", "asset", "lang", "character", "kind", "time", "confidence"}

// asked checks how an algorithm says that its output is read, asked and shown.
func (c *checker) asked(s *cinedexv1.AlgorithmSpec) {
	for _, list := range []struct {
		field string
		n     int
	}{{"kind_specs", len(s.GetKindSpecs())}, {"leaves", len(s.GetLeaves())}, {"answers", len(s.GetAnswers())}} {
		if list.n > MaxDeclared {
			c.fail(list.field, "must have at most %d entries, not %d", MaxDeclared, list.n)
			return
		}
	}
	if f := s.GetFrames(); f != nil {
		c.in("frames", true, func() { c.frames(f, s.GetReads()) })
	}
	if sound := s.GetSound(); sound != nil {
		c.in("sound", true, func() { c.sound(sound, s.GetReads()) })
	}
	var described []string
	for i, k := range s.GetKindSpecs() {
		c.in(at("kind_specs", i), k != nil, func() {
			c.want(slices.Contains(s.GetKinds(), k.GetKind()), "kind", "must be among the kinds that the algorithm writes")
			c.want(!slices.Contains(described, k.GetKind()), "kind", "must be described once")
			c.want(cinedexv1.KindRole_name[int32(k.GetRole())] != "", "role", "must be a role that this version knows")
			c.shown(k.GetShown())
			c.attributeSpecs(k.GetAttributes())
			described = append(described, k.GetKind())
		})
	}
	var names []string
	for i, l := range s.GetLeaves() {
		c.in(at("leaves", i), l != nil, func() { names = c.leaf(l, names) })
	}
	for i, a := range s.GetAnswers() {
		c.in(at("answers", i), a != nil, func() { c.answer(a, s) })
	}
}

// reservedAttributes are names that stand in the brackets of a leaf for something else.
var reservedAttributes = []string{"confidence", "lang", "slop", "region"}

func (c *checker) attributeSpecs(list []*cinedexv1.AttributeSpec) {
	if len(list) > MaxDeclared {
		c.fail("attributes", "must have at most %d entries, not %d", MaxDeclared, len(list))
		return
	}
	var names []string
	for i, a := range list {
		c.in(at("attributes", i), a != nil, func() {
			c.want(leafPat.MatchString(a.GetName()), "name", "must be small letters, digits and _, a letter first, at most 64")
			c.want(!slices.Contains(reservedAttributes, a.GetName()), "name", "%s means something else in a query: choose another name", a.GetName())
			c.want(!slices.Contains(names, a.GetName()), "name", "must be declared once")
			c.want(a.GetType() != 0 && cinedexv1.AttributeType_name[int32(a.GetType())] != "", "type", "must be TEXT, NUMBER or FLAG")
			c.line("hint", a.GetHint())
			names = append(names, a.GetName())
		})
	}
}

// The rates at which an algorithm may read sound, in samples a second.
const (
	minSoundRate = 4000
	maxSoundRate = 192_000
)

func (c *checker) sound(s *cinedexv1.SoundSpec, reads []string) {
	c.want(slices.Contains(reads, ReadsAudio) || slices.Contains(reads, ReadsVideo), "", `must be left out where reads has neither "audio" nor "video"`)
	c.want(s.GetRate() >= minSoundRate && s.GetRate() <= maxSoundRate, "rate", "must be %d to %d", minSoundRate, maxSoundRate)
}

func (c *checker) frames(f *cinedexv1.FramesSpec, reads []string) {
	c.want(slices.Contains(reads, ReadsVideo), "", `must be left out where reads does not have "video"`)
	c.want(f.GetWidth() >= 1 && f.GetWidth() <= maxFrameSide, "width", "must be 1 to %d", maxFrameSide)
	c.want(f.GetHeight() >= 0 && f.GetHeight() <= maxFrameSide, "height", "must be 0 to %d", maxFrameSide)
	c.want(!f.GetCrop() || f.GetHeight() > 0, "height", "is needed to crop")
	c.want(f.GetPerSecond() >= 0 && f.GetPerSecond() <= maxFramesSecond, "per_second", "must be 0 to %d", maxFramesSecond)
}

func (c *checker) shown(s *cinedexv1.Shown) {
	if s == nil {
		return
	}
	c.in("shown", true, func() {
		c.line("label", s.GetLabel())
		c.line("hint", s.GetHint())
		c.want(s.GetLane() == "" || ValidName(s.GetLane()), "lane", "must be a name, or empty")
		c.want(s.GetIcon() == "" || ValidName(s.GetIcon()), "icon", "must be a name, or empty")
	})
}

// leaf checks a leaf, and returns the names so far with its own.
func (c *checker) leaf(l *cinedexv1.LeafSpec, names []string) []string {
	c.want(len(l.GetAliases()) <= MaxDeclared, "aliases", "must have at most %d entries", MaxDeclared)
	for i, name := range slices.Concat([]string{l.GetName()}, l.GetAliases()[:min(len(l.GetAliases()), MaxDeclared)]) {
		field := "name"
		if i > 0 {
			field = at("aliases", i-1)
		}
		switch {
		case !leafPat.MatchString(name):
			c.fail(field, "must be small letters, digits and _, a letter first, at most 64")
		case slices.Contains(reservedLeaves, name):
			c.fail(field, "%s means something else in a query: choose another name", name)
		case slices.Contains(names, name):
			c.fail(field, "%s is the name of another leaf of the same algorithm", name)
		}
		names = append(names, name)
	}
	switch l.GetShape() {
	case cinedexv1.LeafShape_LEAF_SHAPE_UNSPECIFIED:
		c.fail("shape", "is required")
	case cinedexv1.LeafShape_LEAF_SHAPE_RANGE:
		c.fail("shape", "ranges of numbers are not answered yet: no engine keeps numbers")
	default:
		c.want(cinedexv1.LeafShape_name[int32(l.GetShape())] != "", "shape", "must be a shape that this version knows")
	}
	c.shown(l.GetShown())
	c.line("example", l.GetExample())
	return names
}

func (c *checker) answer(a *cinedexv1.AnswerSpec, s *cinedexv1.AlgorithmSpec) {
	c.want(len(a.GetLeaves()) > 0 || a.GetBare(), "leaves", "must name a leaf, or bare must be set")
	c.want(len(a.GetLeaves()) <= MaxDeclared, "leaves", "must have at most %d entries", MaxDeclared)
	for i, l := range a.GetLeaves()[:min(len(a.GetLeaves()), MaxDeclared)] {
		c.want(leafPat.MatchString(l), at("leaves", i), "must be the name of a leaf")
	}
	c.name("by", a.GetBy())
	c.name("kind", a.GetKind())
	c.want(cinedexv1.AnswerSpan_name[int32(a.GetSpan())] != "", "span", "must be a span that this version knows")
	c.want(len(a.GetInsteadOf()) == 0 || a.GetSpace() != "", "instead_of", "is for a space")
	c.want(len(a.GetInsteadOf()) <= MaxDeclared, "instead_of", "must have at most %d entries", MaxDeclared)
	for i, other := range a.GetInsteadOf()[:min(len(a.GetInsteadOf()), MaxDeclared)] {
		c.name(at("instead_of", i), other)
		c.want(other != s.GetName(), at("instead_of", i), "must be another algorithm")
	}
	c.second(a)
	if a.GetSpace() == "" {
		c.want(slices.Contains(s.GetKinds(), a.GetKind()), "kind", "must be among the kinds that the algorithm writes")
		c.want(a.GetField() == cinedexv1.AnswerField_ANSWER_FIELD_TEXT || a.GetField() == cinedexv1.AnswerField_ANSWER_FIELD_LABEL, "field", "must be the text or the label")
		c.want(a.GetCalibration() == nil, "calibration", "is for a space: words have no similarity")
		return
	}
	c.want(slices.ContainsFunc(s.GetSpaces(), func(sp *cinedexv1.Space) bool { return SpaceID(sp) == a.GetSpace() }), "space", "must be among the spaces that the algorithm writes")
	c.want(a.GetField() == cinedexv1.AnswerField_ANSWER_FIELD_UNSPECIFIED, "field", "is for words: a space has none")
	if k := a.GetCalibration(); k != nil {
		c.in("calibration", true, func() { c.calibration(k) })
	}
}

// second checks what an answer says of the kind that the answer is second to.
func (c *checker) second(a *cinedexv1.AnswerSpec) {
	if a.GetSecondTo() == "" {
		c.want(a.GetTrust() == 0, "trust", "is for an answer with second_to")
		return
	}
	c.name("second_to", a.GetSecondTo())
	c.want(a.GetSecondTo() != a.GetKind(), "second_to", "must be another kind")
	c.want(a.GetSpace() == "" && a.GetSpan() == cinedexv1.AnswerSpan_ANSWER_SPAN_UNSPECIFIED, "second_to", "is for words, at their own interval")
	c.want(a.GetTrust() >= 0 && a.GetTrust() <= 1, "trust", "must be from 0 to 1")
}

func (c *checker) calibration(k *cinedexv1.Calibration) {
	c.want(finite(k.GetMiddle()) && finite(k.GetSlope()) && k.GetSlope() > 0, "", "must have a middle and a slope above 0")
	c.want(k.GetCutoff() >= 0 && k.GetCutoff() <= 1, "cutoff", "must be from 0 to 1")
	c.want(k.GetMatch() >= 0 && k.GetMatch() < 1, "match", "must be from 0 to less than 1")
}

// fitted checks the calibrations that operators set for an algorithm.
func (c *checker) fitted(m *cinedexv1.AlgorithmAnnounced) {
	if len(m.GetCalibrations()) > MaxDeclared {
		c.fail("calibrations", "must have at most %d entries, not %d", MaxDeclared, len(m.GetCalibrations()))
		return
	}
	for i, f := range m.GetCalibrations() {
		c.in(at("calibrations", i), f != nil, func() {
			c.want(slices.ContainsFunc(m.GetAlgorithm().GetAnswers(), func(a *cinedexv1.AnswerSpec) bool { return Answers(a, f) }), "space", "must be, with leaf, of an answer of the algorithm")
			c.in("calibration", f.GetCalibration() != nil, func() { c.calibration(f.GetCalibration()) })
			c.line("set_by", f.GetSetBy())
			c.want(f.GetPairs() >= 0, "pairs", "must be 0 or more")
			c.want(finite(f.GetError()) && f.GetError() >= 0 && f.GetError() <= 1, "error", "must be from 0 to 1")
		})
	}
}

// Answers reports whether a fitted calibration is of an answer. The leaf of an answer of bare words alone is "any".
func Answers(a *cinedexv1.AnswerSpec, f *cinedexv1.FittedCalibration) bool {
	return f.GetSpace() != "" && a.GetSpace() == f.GetSpace() && (slices.Contains(a.GetLeaves(), f.GetLeaf()) || a.GetBare() && f.GetLeaf() == "any")
}
