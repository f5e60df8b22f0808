package profile

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A Profile is the file of one application. See the package's comment for the keys.
type Profile struct {
	Name       string             `yaml:"name"`
	Version    int                `yaml:"version"`
	About      string             `yaml:"about,omitempty"`
	Leaves     map[string]float64 `yaml:"leaves,omitempty"`
	Algorithms []string           `yaml:"algorithms,omitempty"`
	Filter     Filter             `yaml:"filter,omitempty"`
	Languages  []string           `yaml:"languages,omitempty"`
	Order      string             `yaml:"order,omitempty"`
	Group      string             `yaml:"group,omitempty"`
	Fusion     string             `yaml:"fusion,omitempty"`
	Limit      int32              `yaml:"limit,omitempty"`
	MaxLimit   int32              `yaml:"max_limit,omitempty"`
	Scoring    string             `yaml:"scoring,omitempty"`
	Variety    Variety            `yaml:"variety,omitempty"`
	Fields     []string           `yaml:"fields,omitempty"`
	Split      Split              `yaml:"split,omitempty"`

	score *Score
	sum   [sha256.Size]byte
}

// A Filter narrows every query of a profile. A request narrows further, and never widens.
type Filter struct {
	Titles        []string `yaml:"titles,omitempty"`
	Series        []string `yaml:"series,omitempty"`
	Languages     []string `yaml:"languages,omitempty"`
	Characters    []string `yaml:"characters,omitempty"`
	Kinds         []string `yaml:"kinds,omitempty"`
	MinConfidence float32  `yaml:"min_confidence,omitempty"`
}

// Variety bounds how alike the hits of an answer are. A hit over a bound is folded into the best hit of its title: the best hit counts
// the folded hit.
type Variety struct {
	// PerTitle is the number of hits of one title; 0 means no bound.
	PerTitle int `yaml:"per_title,omitempty"`
	// Apart is the least time between the starts of two hits of one asset; 0 means none.
	Apart time.Duration `yaml:"apart,omitempty"`
	// NearDuplicates folds a shot that looks like a better shot: another encode, crop or grade of the shot, or the same view again.
	NearDuplicates bool `yaml:"near_duplicates,omitempty"`
}

// A Split gives a share of the callers another profile: for comparing two profiles over real questions.
type Split struct {
	Profile string  `yaml:"profile,omitempty"`
	Share   float64 `yaml:"share,omitempty"`
}

// The ways to make one score of the scores of several parts: Profile.Fusion. The gateway's package says what each is.
const (
	FusionRank     = "rank"
	FusionWeighted = "weighted"
	FusionMax      = "max"
)

// What hits are grouped by: Profile.Group. NoGroup is for requests against a profile that groups.
const (
	GroupTitle = "title"
	NoGroup    = "none"
)

// MaxLanguages bounds the languages of a person.
const MaxLanguages = 16

// Bounds of a file.
const (
	MaxBytes    = 64 << 10
	maxLimit    = 200 // hits of a page, as of any request
	maxWeight   = 1000
	maxPerTitle = 1000
	maxAbout    = 1000
	maxVersion  = 1_000_000_000
)

var nameForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`)

// Parse reads and checks a file. Errors are Invalid, and name the key.
func Parse(b []byte) (*Profile, error) {
	if len(b) > MaxBytes {
		return nil, errkind.New(errkind.Invalid, "the file has %d bytes, more than the %d allowed", len(b), MaxBytes)
	}
	p := &Profile{sum: sha256.Sum256(b)}
	d := yaml.NewDecoder(bytes.NewReader(b))
	d.KnownFields(true)
	if err := d.Decode(p); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, errkind.New(errkind.Invalid, "the file is empty")
		}
		return nil, errkind.New(errkind.Invalid, "%w", err)
	}
	if err := d.Decode(&struct{}{}); !errors.Is(err, io.EOF) {
		return nil, errkind.New(errkind.Invalid, "the file holds more than one document; a profile is one file")
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	if p.Scoring == "" {
		return p, nil
	}
	score, err := Compile(p.Scoring)
	if err != nil {
		return nil, err
	}
	p.score = score
	return p, nil
}

// ID is how an answer names the profile.
func (p *Profile) ID() string { return fmt.Sprintf("%s@%d", p.Name, p.Version) }

// Print is a fingerprint of the file.
func (p *Profile) Print() []byte { return p.sum[:] }

// Score is the compiled scoring; nil where the profile has none.
func (p *Profile) Score() *Score { return p.score }

// Weight is the weight of a leaf; ok is false for a leaf that the profile does not ask.
func (p *Profile) Weight(leaf string) (weight float64, ok bool) {
	if len(p.Leaves) == 0 {
		return 1, true
	}
	weight, ok = p.Leaves[leaf]
	return weight, ok
}

// Asks reports whether the answers of an algorithm count.
func (p *Profile) Asks(algorithm string) bool {
	return len(p.Algorithms) == 0 || slices.Contains(p.Algorithms, algorithm)
}

// Narrow is the filter of the profile as a message; nil where the profile narrows nothing.
func (p *Profile) Narrow() *pb.Filter {
	f := p.Filter
	if len(f.Titles)+len(f.Series)+len(f.Languages)+len(f.Characters)+len(f.Kinds) == 0 && f.MinConfidence == 0 {
		return nil
	}
	return &pb.Filter{Titles: slices.Clone(f.Titles), Series: slices.Clone(f.Series), Languages: slices.Clone(f.Languages), Characters: slices.Clone(f.Characters),
		Kinds: slices.Clone(f.Kinds), MinConfidence: f.MinConfidence}
}

func (p *Profile) check() error {
	invalid := func(format string, args ...any) error { return errkind.New(errkind.Invalid, format, args...) }
	switch {
	case !nameForm.MatchString(p.Name):
		return invalid("name: %.70q is no name: small letters, digits and hyphens, at most 63", p.Name)
	case p.Version < 1 || p.Version > maxVersion:
		return invalid("version: %d is not from 1 to %d", p.Version, maxVersion)
	case len(p.About) > maxAbout:
		return invalid("about: %d bytes are more than the %d allowed", len(p.About), maxAbout)
	case p.Order != "" && p.Order != "score" && p.Order != "time":
		return invalid("order: %.20q is neither score nor time", p.Order)
	case p.Group != "" && p.Group != GroupTitle:
		return invalid("group: hits are not grouped by %.20q; write title, or leave the key out", p.Group)
	case !slices.Contains([]string{"", FusionRank, FusionWeighted, FusionMax}, p.Fusion):
		return invalid("fusion: %.20q is none of %s, %s, %s", p.Fusion, FusionRank, FusionWeighted, FusionMax)
	case p.MaxLimit < 0 || p.MaxLimit > maxLimit:
		return invalid("max_limit: %d is not from 1 to %d", p.MaxLimit, maxLimit)
	case p.Limit < 0 || p.Limit > p.most():
		return invalid("limit: %d is not from 1 to %d", p.Limit, p.most())
	case p.Variety.PerTitle < 0 || p.Variety.PerTitle > maxPerTitle:
		return invalid("variety.per_title: %d is not from 0 to %d", p.Variety.PerTitle, maxPerTitle)
	case p.Variety.Apart < 0 || p.Variety.Apart > time.Hour:
		return invalid("variety.apart: %s is not from 0 to 1h", p.Variety.Apart)
	case !(p.Filter.MinConfidence >= 0 && p.Filter.MinConfidence <= 1):
		return invalid("filter.min_confidence: must be from 0 to 1")
	}
	for leaf, w := range p.Leaves {
		if !(w > 0) || w > maxWeight || math.IsInf(w, 0) {
			return invalid("leaves.%.70s: the weight must be above 0, and at most %d; leave out a leaf that is not asked", leaf, maxWeight)
		}
	}
	for i, l := range p.Filter.Languages {
		tag, err := schema.CanonicalLanguage(l)
		if err != nil {
			return invalid("filter.languages[%d]: %w", i, err)
		}
		p.Filter.Languages[i] = tag
	}
	var err error
	if p.Languages, err = CanonicalLanguages(p.Languages); err != nil {
		return err
	}
	if err := CheckFields(p.Fields); err != nil {
		return err
	}
	return p.Split.check()
}

// CanonicalLanguages returns the languages of a person as canonical tags, the favourite first. An error is Invalid, and names the language.
func CanonicalLanguages(tags []string) ([]string, error) {
	if len(tags) > MaxLanguages {
		return nil, errkind.New(errkind.Invalid, "languages: %d are more than the %d allowed; the favourites are enough", len(tags), MaxLanguages)
	}
	var out []string
	for i, l := range tags {
		tag, err := schema.CanonicalLanguage(l)
		if err != nil {
			return nil, errkind.New(errkind.Invalid, "languages[%d]: %w", i, err)
		}
		if !slices.Contains(out, tag) {
			out = append(out, tag)
		}
	}
	return out, nil
}

func (s Split) check() error {
	switch {
	case s == Split{}:
		return nil
	case !nameForm.MatchString(s.Profile):
		return errkind.New(errkind.Invalid, "split.profile: %.70q is no name of a profile", s.Profile)
	case !(s.Share > 0 && s.Share < 1):
		return errkind.New(errkind.Invalid, "split.share: must lie between 0 and 1")
	}
	return nil
}

// most is the largest limit that a request may have.
func (p *Profile) most() int32 {
	if p.MaxLimit > 0 {
		return p.MaxLimit
	}
	return maxLimit
}

// LimitOf is the limit of a request that asks for so many hits, 0 for the profile's own. Zero is returned where neither says any.
// An error is Invalid.
func (p *Profile) LimitOf(asked int32) (int32, error) {
	if asked == 0 {
		if p.Limit == 0 {
			return p.MaxLimit, nil
		}
		return p.Limit, nil
	}
	if asked > p.most() {
		return 0, errkind.New(errkind.Invalid, "limit: the profile %s allows at most %d", p.Name, p.most())
	}
	return asked, nil
}

// CheckFields returns an Invalid error for the first name that is no field of a hit.
func CheckFields(fields []string) error {
	for i, f := range fields {
		if !slices.Contains(hitFields, f) {
			return errkind.New(errkind.Invalid, "fields[%d]: a hit has no field %.70q; it has %s", i, f, strings.Join(hitFields, ", "))
		}
	}
	return nil
}

// hitFields are the names of the fields of a hit, sorted.
var hitFields = func() []string {
	var names []string
	fields := (&pb.Hit{}).ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		names = append(names, string(fields.Get(i).Name()))
	}
	slices.Sort(names)
	return names
}()
