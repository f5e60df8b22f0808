// Package builtin is the lists of the algorithms of Cinedex, of their declarations, and of the encoders of their
// spaces. Services build all three from one list over shared models. To add an algorithm, make its folder under
// pkg/algo and add the folder to a list here.
package builtin

import (
	"slices"
	"strings"

	"github.com/cinedex/cinedex/pkg/algo"
	"github.com/cinedex/cinedex/pkg/algo/beats"
	"github.com/cinedex/cinedex/pkg/algo/black"
	"github.com/cinedex/cinedex/pkg/algo/cast"
	"github.com/cinedex/cinedex/pkg/algo/chapters"
	"github.com/cinedex/cinedex/pkg/algo/credits"
	"github.com/cinedex/cinedex/pkg/algo/dialogue"
	"github.com/cinedex/cinedex/pkg/algo/fingerprint"
	"github.com/cinedex/cinedex/pkg/algo/gallery"
	"github.com/cinedex/cinedex/pkg/algo/labels"
	"github.com/cinedex/cinedex/pkg/algo/loudness"
	"github.com/cinedex/cinedex/pkg/algo/motion"
	"github.com/cinedex/cinedex/pkg/algo/oncamera"
	"github.com/cinedex/cinedex/pkg/algo/palette"
	"github.com/cinedex/cinedex/pkg/algo/persons"
	"github.com/cinedex/cinedex/pkg/algo/pictures"
	"github.com/cinedex/cinedex/pkg/algo/proxy"
	"github.com/cinedex/cinedex/pkg/algo/scenes"
	"github.com/cinedex/cinedex/pkg/algo/screentext"
	"github.com/cinedex/cinedex/pkg/algo/sentences"
	"github.com/cinedex/cinedex/pkg/algo/served"
	"github.com/cinedex/cinedex/pkg/algo/shots"
	"github.com/cinedex/cinedex/pkg/algo/sounds"
	"github.com/cinedex/cinedex/pkg/algo/speakers"
	"github.com/cinedex/cinedex/pkg/algo/sprites"
	"github.com/cinedex/cinedex/pkg/algo/subtitlecheck"
	"github.com/cinedex/cinedex/pkg/algo/things"
	"github.com/cinedex/cinedex/pkg/algo/thumbnails"
	"github.com/cinedex/cinedex/pkg/algo/transcript"
	"github.com/cinedex/cinedex/pkg/algo/waveform"
	"github.com/cinedex/cinedex/pkg/encode"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/model"
	"github.com/cinedex/cinedex/pkg/model/onnx"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// versions returns the versions of an algorithm: first the version for arrivals, then the candidates, for which a replay may ask.
type versions = func(*algo.Models) []algo.Algorithm

// defaults are the algorithms that arriving media gets where the configuration names no others. A default algorithm is cheap, and its models are
// in the group model.Core.
var defaults = []versions{
	shots.Versions,
	thumbnails.Versions,
	pictures.Versions,
	labels.Versions,
	dialogue.Versions,
	sentences.Versions,
	loudness.Versions,
	fingerprint.Versions,
	palette.Versions,
	motion.Versions,
	black.Versions,
	chapters.Versions,
	scenes.Versions,
	sprites.Versions,
	waveform.Versions,
}

// suite are the other algorithms. Arriving media gets an algorithm of the suite where the configuration names the algorithm. The models are in the
// group model.Suite.
var suite = []versions{
	sounds.Versions,
	beats.Versions,
	persons.Versions,
	oncamera.Versions,
	gallery.Versions,
	things.Versions,
	screentext.Versions,
	credits.Versions,
	transcript.Versions,
	speakers.Versions,
	cast.Versions,
	subtitlecheck.Versions,
	proxy.Versions,
}

// The names that stand for the algorithms of a list. Served are the models of manifests.
const (
	Default = "default"
	Suite   = "suite"
	Served  = "served"
)

// Models are the algorithms and encoders of a process, over shared models. Each model is opened at the first need.
type Models struct {
	shared *algo.Models
	all    []entry
	wrong  error // of folders in the cache
}

// An entry is the versions of an algorithm, the version for arrivals first.
type entry struct {
	versions []algo.Algorithm
	group    string // Default, Suite, Served or Extra
	enabled  bool   // arriving media gets the first version
}

func (e entry) spec() *pb.AlgorithmSpec { return e.versions[0].Spec() }

// Open names the models in the cache. threads bounds the processors of one call of a model. Arriving media gets the default algorithms: see Enable.
func Open(cache model.Cache, threads int) *Models {
	m := &Models{shared: &algo.Models{Cache: cache, Threads: threads}}
	for _, v := range defaults {
		m.all = append(m.all, entry{v(m.shared), Default, true})
	}
	for _, v := range suite {
		m.all = append(m.all, entry{v(m.shared), Suite, false})
	}
	m.wrong = m.addExtras(cache)
	return m
}

// Serve adds the algorithms of served models, from the manifests in a folder; an empty dir has none. Arriving media gets them, unless their
// manifest says that they are candidates. Enable changes nothing about them. Invalid: a manifest cannot be used, or an algorithm has the name.
func (m *Models) Serve(dir string) error {
	if dir == "" {
		return nil
	}
	manifests, err := served.Read(dir)
	if err != nil {
		return err
	}
	next := slices.Clone(m.all)
	for _, manifest := range manifests {
		a := served.New(manifest)
		name := a.Spec().GetName()
		if slices.ContainsFunc(next, func(e entry) bool { return e.spec().GetName() == name }) {
			return errkind.New(errkind.Invalid, "a manifest in %s declares the algorithm %s, which is there already", dir, name)
		}
		next = append(next, entry{[]algo.Algorithm{a}, Served, !manifest.Candidate})
	}
	m.all = next
	return nil
}

// Gallery gives the algorithm gallery the portraits of a folder; an empty dir has none. Invalid: the error names the file that cannot be used.
func (m *Models) Gallery(dir string) error {
	folder, err := gallery.Read(dir)
	if err != nil {
		return err
	}
	next := slices.Clone(m.all)
	for i, e := range next {
		if e.spec().GetName() == gallery.Name {
			next[i].versions = []algo.Algorithm{gallery.New(persons.Model(m.shared), folder)}
		}
	}
	m.all = next
	return nil
}

// Enable says which algorithms arriving media gets, by name. Default and Suite stand for all algorithms of a list. All other algorithms are
// candidates: a replay may ask for them. After an error nothing has changed. Invalid: no algorithm has a name, the list is empty, or a named
// algorithm reads the output of an algorithm that is not named.
func (m *Models) Enable(names ...string) error {
	if len(names) == 0 {
		return errkind.New(errkind.Invalid, "the list names no algorithm; %q stands for the algorithms that come enabled", Default)
	}
	next := slices.Clone(m.all)
	for i := range next {
		next[i].enabled = next[i].enabled && next[i].group == Served
	}
	for _, name := range names {
		found := name == Default || name == Suite // a list may be empty
		for i, e := range next {
			if name == e.group && name != Extra || name == e.spec().GetName() {
				next[i].enabled, found = true, true
			}
		}
		if !found {
			return errkind.New(errkind.Invalid, "no algorithm is called %.64q; there are %s, and the groups %s and %s", name, strings.Join(m.names(), ", "), Default, Suite)
		}
	}
	for _, e := range next {
		if err := satisfied(e, next); err != nil {
			return err
		}
	}
	m.all = next
	return nil
}

// satisfied names an algorithm that is not enabled and whose output an enabled algorithm reads.
func satisfied(e entry, all []entry) error {
	for _, need := range e.spec().GetNeeds() {
		for _, from := range all {
			if e.enabled && !from.enabled && writes(from.spec(), need) {
				name := from.spec().GetName()
				return errkind.New(errkind.Invalid, "the algorithm %s reads %q of the algorithm %s, which is not in the list: add %s", e.spec().GetName(), need, name, name)
			}
		}
	}
	return nil
}

func writes(s *pb.AlgorithmSpec, need string) bool {
	return slices.Contains(s.GetKinds(), need) || slices.ContainsFunc(s.GetSpaces(), func(sp *pb.Space) bool { return schema.SpaceID(sp) == need })
}

func (m *Models) names() (out []string) {
	for _, e := range m.all {
		out = append(out, e.spec().GetName())
	}
	return out
}

// Close frees the opened models. The caller MUST NOT close models in use.
func (m *Models) Close() error { return m.shared.Close() }

// Memory implements telemetry.MemoryHolder.
func (m *Models) Memory() (folder string, heap, outside int64) { return "", 0, onnx.Weights() }

// current are the versions for arrivals, and candidates all other versions.
func (m *Models) current() (out []algo.Algorithm) {
	for _, e := range m.all {
		if e.enabled {
			out = append(out, e.versions[0])
		}
	}
	return out
}

func (m *Models) candidates() (out []algo.Algorithm) {
	for _, e := range m.all {
		if e.enabled {
			out = append(out, e.versions[1:]...)
		} else {
			out = append(out, e.versions...)
		}
	}
	return out
}

// Algorithms returns every algorithm of Cinedex, candidates included. A folder of the cache that holds no model is an error.
func (m *Models) Algorithms() (*algo.Registry, error) {
	if m.wrong != nil {
		return nil, m.wrong
	}
	current, err := algo.NewRegistry(m.current()...)
	if err != nil {
		return nil, err
	}
	return current.WithCandidates(m.candidates()...)
}

// Group returns the name of the list, Default or Suite, in which an algorithm is; "" for an algorithm that is in neither.
func (m *Models) Group(algorithm string) string {
	for _, e := range m.all {
		if e.spec().GetName() == algorithm {
			return e.group
		}
	}
	return ""
}

// Encoders returns the encoders of the spaces of the algorithms.
func (m *Models) Encoders() (*encode.Set, error) {
	var offers []encode.Offer
	for _, a := range slices.Concat(m.current(), m.candidates()) {
		if p, ok := a.(encode.Provider); ok {
			offers = append(offers, p.Encoders()...)
		}
	}
	return encode.NewSet(offers...)
}

// Declarations returns the declarations of the algorithms of Cinedex, with the default algorithms enabled. No model is needed or opened.
func Declarations() []*pb.AlgorithmAnnounced { return Open(model.Cache{}, 1).Declarations() }

// Declarations returns the declarations of the algorithms.
func (m *Models) Declarations() []*pb.AlgorithmAnnounced {
	var out []*pb.AlgorithmAnnounced
	for _, a := range m.current() {
		out = append(out, &pb.AlgorithmAnnounced{Algorithm: a.Spec()})
	}
	for _, e := range m.all {
		for i, a := range e.versions {
			if i > 0 || !e.enabled {
				out = append(out, &pb.AlgorithmAnnounced{Algorithm: a.Spec(), Candidate: true, ByName: i == 0})
			}
		}
	}
	return out
}
