package catalog

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/runs"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Bare is the name of the leaf of bare words, which name no leaf. No algorithm may declare Bare.
const Bare = "any"

// A View is the catalogue at one moment. A View never changes.
type View struct {
	entries []*Entry // the newest version of each algorithm first
	leaves  map[string]*Leaf
	names   map[string]string // leaf by name and alias
	kinds   map[string]*Kind
	roles   map[pb.KindRole]*Kind
	owners  map[claim]string // algorithm by claim
	spaces  []*pb.Space
	writes  map[string][]string // spaces by version of an algorithm
	refused map[string]error    // by ID
	plan    *runs.Plan
}

// An Entry is one version of an algorithm.
type Entry struct {
	*pb.AlgorithmSpec
	Candidate bool
	// Waits says that no runner serves the version: its runs wait.
	Waits bool
	// Fitted are the calibrations that operators set. The answers of the spec have the calibrations already.
	Fitted []*pb.FittedCalibration
	// Remote says that the version is of a worker, a program beside the algo-runner.
	Remote bool
}

// calibrated returns the algorithm with the calibrations that operators set.
func calibrated(a *pb.AlgorithmAnnounced) *pb.AlgorithmSpec {
	if len(a.GetCalibrations()) == 0 {
		return a.GetAlgorithm()
	}
	s := proto.CloneOf(a.GetAlgorithm())
	for _, f := range a.GetCalibrations() {
		for _, answer := range s.GetAnswers() {
			if schema.Answers(answer, f) {
				answer.Calibration = f.GetCalibration()
			}
		}
	}
	return s
}

// A Leaf is a name by which people ask, with its sources.
type Leaf struct {
	*pb.LeafSpec
	// Algorithm declared the leaf; empty for Bare.
	Algorithm string
	// Sources answer the leaf: sources of Algorithm first, then by kind, words before spaces.
	Sources []*Source
}

// A Kind is a kind of annotation.
type Kind struct {
	*pb.KindSpec
	// Algorithm writes the kind; empty where no algorithm in the catalogue does.
	Algorithm string
}

// A Source is a way to answer a leaf.
type Source struct {
	*pb.AnswerSpec
	Algorithm string
	// About is the kind of annotation that hits stand for.
	About        *Kind
	position     int // among the answers of its algorithm
	calibrations map[string]*pb.Calibration
}

// CalibrationOf returns the calibration of a version of the source's space: nil for a version in the catalogue that has none, since the
// similarities of another version say nothing of its own. A version that the catalogue does not know has the calibration of the newest.
func (s *Source) CalibrationOf(space string) *pb.Calibration {
	if c, known := s.calibrations[space]; known {
		return c
	}
	return s.GetCalibration()
}

// newView links valid declarations.
func newView(list []*pb.AlgorithmAnnounced) *View {
	v := &View{leaves: map[string]*Leaf{}, names: map[string]string{}, kinds: map[string]*Kind{}, roles: map[pb.KindRole]*Kind{},
		owners: map[claim]string{}, writes: map[string][]string{}, refused: map[string]error{}}
	var taken []*pb.AlgorithmAnnounced
	for _, a := range slices.SortedStableFunc(slices.Values(list), byClaim) {
		if err := v.take(a.GetAlgorithm()); err != nil {
			v.refused[ID(a.GetAlgorithm())] = err
			continue
		}
		taken = append(taken, a)
	}
	slices.SortStableFunc(taken, newestFirst)
	for _, a := range taken {
		v.entries = append(v.entries, &Entry{calibrated(a), a.GetCandidate(), a.GetWaits(), a.GetCalibrations(), a.GetRemote()})
	}
	v.declare()
	v.link()
	v.plan = planOf(v.entries)
	return v
}

// planOf derives runs of the entries. The current version of an algorithm is the newest version that is no candidate, and that a runner serves; if
// no runner serves any, the newest version that is no candidate.
func planOf(entries []*Entry) *runs.Plan {
	current := map[string]*Entry{}
	for _, e := range entries { // the newest version first
		if was := current[e.GetName()]; !e.Candidate && (was == nil || was.Waits && !e.Waits) {
			current[e.GetName()] = e
		}
	}
	var now, others []*pb.AlgorithmSpec
	for _, e := range entries {
		if current[e.GetName()] == e {
			now = append(now, e.AlgorithmSpec)
		} else {
			others = append(others, e.AlgorithmSpec)
		}
	}
	return runs.NewPlan(now, others)
}

// newestFirst orders algorithms by name, and the versions of an algorithm by precedence: versions for arrivals, the candidate that stands for the
// name, the other candidates.
func newestFirst(a, b *pb.AlgorithmAnnounced) int {
	candidate := func(x *pb.AlgorithmAnnounced) int {
		switch {
		case !x.GetCandidate():
			return 0
		case x.GetByName():
			return 1
		}
		return 2
	}
	return cmp.Or(cmp.Compare(a.GetAlgorithm().GetName(), b.GetAlgorithm().GetName()), cmp.Compare(candidate(a), candidate(b)),
		cmp.Compare(b.GetSinceMs(), a.GetSinceMs()), cmp.Compare(b.GetAlgorithm().GetVersion(), a.GetAlgorithm().GetVersion()))
}

// take grants an algorithm its claims, or names the algorithm which has a claim already.
func (v *View) take(s *pb.AlgorithmSpec) error {
	all := claims(s)
	for _, c := range all {
		if owner, claimed := v.owners[c]; claimed && owner != s.GetName() {
			return errkind.New(errkind.Conflict, "algorithm %s claims %s, which algorithm %s has", ID(s), c, owner)
		}
	}
	for _, c := range all {
		v.owners[c] = s.GetName()
	}
	return nil
}

// declare collects kinds, spaces and leaves. The first entry to declare a name counts.
func (v *View) declare() {
	v.leaves[Bare] = &Leaf{LeafSpec: &pb.LeafSpec{Name: Bare, Shape: pb.LeafShape_LEAF_SHAPE_WORDS}}
	v.names[Bare] = Bare
	for _, e := range v.entries {
		for _, s := range e.GetSpaces() {
			id := schema.SpaceID(s)
			if !slices.ContainsFunc(v.spaces, func(o *pb.Space) bool { return schema.SpaceID(o) == id }) {
				v.spaces = append(v.spaces, s)
			}
			v.writes[ID(e.AlgorithmSpec)] = append(v.writes[ID(e.AlgorithmSpec)], id)
		}
		for _, k := range e.GetKindSpecs() {
			if v.kinds[k.GetKind()] != nil {
				continue
			}
			v.kinds[k.GetKind()] = &Kind{k, e.GetName()}
			if r := k.GetRole(); r != pb.KindRole_KIND_ROLE_UNSPECIFIED && v.roles[r] == nil {
				v.roles[r] = v.kinds[k.GetKind()]
			}
		}
		for _, l := range e.GetLeaves() {
			if v.leaves[l.GetName()] != nil {
				continue
			}
			v.leaves[l.GetName()] = &Leaf{LeafSpec: l, Algorithm: e.GetName()}
			for _, name := range append([]string{l.GetName()}, l.GetAliases()...) {
				v.names[name] = l.GetName()
			}
		}
	}
	for _, e := range v.entries {
		for _, k := range e.GetKinds() {
			if v.kinds[k] == nil {
				v.kinds[k] = &Kind{&pb.KindSpec{Kind: k}, e.GetName()}
			}
		}
	}
}

// link gives every leaf its sources.
func (v *View) link() {
	for _, e := range v.entries {
		for i, a := range e.GetAnswers() {
			for _, name := range reached(a) {
				if l := v.leaves[v.names[name]]; l != nil && answers(a, l.LeafSpec, e.AlgorithmSpec) == nil {
					v.add(l, e, a, i)
				}
			}
		}
	}
	for _, l := range v.leaves {
		slices.SortStableFunc(l.Sources, func(a, b *Source) int {
			own := func(s *Source) int {
				if s.Algorithm == l.Algorithm {
					return 0
				}
				return 1
			}
			if own(a) == 0 && own(b) == 0 {
				return cmp.Compare(a.position, b.position)
			}
			return cmp.Or(cmp.Compare(own(a), own(b)), cmp.Compare(a.GetKind(), b.GetKind()), cmp.Compare(spaceName(a.GetSpace()), spaceName(b.GetSpace())),
				cmp.Compare(a.Algorithm, b.Algorithm), cmp.Compare(a.position, b.position))
		})
	}
}

// reached returns the leaves that an answer names, and Bare where bare words reach it.
func reached(a *pb.AnswerSpec) []string {
	if !a.GetBare() {
		return a.GetLeaves()
	}
	return append(slices.Clone(a.GetLeaves()), Bare)
}

// add gives a leaf a source. An older version adds the calibration of the space which the version writes.
func (v *View) add(l *Leaf, e *Entry, a *pb.AnswerSpec, position int) {
	i := slices.IndexFunc(l.Sources, func(s *Source) bool {
		return s.Algorithm == e.GetName() && s.GetBy() == a.GetBy() && s.GetKind() == a.GetKind() && s.GetField() == a.GetField() && spaceName(s.GetSpace()) == spaceName(a.GetSpace())
	})
	if i < 0 {
		about := v.kinds[a.GetKind()]
		if about == nil {
			about = &Kind{KindSpec: &pb.KindSpec{Kind: a.GetKind()}}
		}
		l.Sources = append(l.Sources, &Source{AnswerSpec: a, Algorithm: e.GetName(), About: about, position: position, calibrations: map[string]*pb.Calibration{}})
		i = len(l.Sources) - 1
	}
	if s := l.Sources[i]; a.GetSpace() != "" && s.calibrations[a.GetSpace()] == nil {
		s.calibrations[a.GetSpace()] = a.GetCalibration()
	}
}

// inputs are the encoders that a space needs to be asked by a leaf of each shape. A shot is asked with stored vectors.
var inputs = map[pb.LeafShape]string{
	pb.LeafShape_LEAF_SHAPE_WORDS:   "text",
	pb.LeafShape_LEAF_SHAPE_PICTURE: "picture",
	pb.LeafShape_LEAF_SHAPE_FRAME:   "frame",
	pb.LeafShape_LEAF_SHAPE_SHOT:    "",
}

// answers says why an answer of an algorithm does not fit a leaf; nil if the answer fits.
func answers(a *pb.AnswerSpec, l *pb.LeafSpec, by *pb.AlgorithmSpec) error {
	refuse := func(why string) error {
		return errkind.New(errkind.Invalid, "algorithm %s cannot answer the leaf %q: %s", ID(by), l.GetName(), why)
	}
	if a.GetSpace() == "" {
		if s := l.GetShape(); s != pb.LeafShape_LEAF_SHAPE_WORDS && s != pb.LeafShape_LEAF_SHAPE_IDENTITY {
			return refuse("the leaf takes no words, and the answer looks for words")
		}
		return nil
	}
	input, vectors := inputs[l.GetShape()]
	if !vectors {
		return refuse("no vector is made of an identity")
	}
	for _, s := range by.GetSpaces() {
		if schema.SpaceID(s) == a.GetSpace() && input != "" && !slices.Contains(s.GetEncoders(), input) {
			return refuse(fmt.Sprintf("the space %s has no encoder of %s", a.GetSpace(), input))
		}
	}
	return nil
}

// answerable names a leaf for which an answer of the algorithm does not fit, or a leaf without declaration.
func (v *View) answerable(s *pb.AlgorithmSpec) error {
	for _, a := range s.GetAnswers() {
		for _, name := range reached(a) {
			l := v.leaves[v.names[name]]
			if l == nil {
				return errkind.New(errkind.Invalid, "algorithm %s answers the leaf %q, which no algorithm declares; there are %s", ID(s), name, strings.Join(slices.Sorted(maps.Keys(v.leaves)), ", "))
			}
			if err := answers(a, l.LeafSpec, s); err != nil {
				return err
			}
		}
	}
	return nil
}

func spaceName(id string) string {
	name, _, _ := strings.Cut(id, "@")
	return name
}

// Entries returns every version of every algorithm: algorithms by name, the version in force first. The caller MUST NOT change the entries.
func (v *View) Entries() []*Entry { return v.entries }

// Entry returns a version of an algorithm by ID, or nil.
func (v *View) Entry(id string) *Entry {
	for _, e := range v.entries {
		if ID(e.AlgorithmSpec) == id {
			return e
		}
	}
	return nil
}

// Plan returns the derivation of runs from the catalogue.
func (v *View) Plan() *runs.Plan { return v.plan }

// Refused returns the reason of each refused declaration, by ID.
func (v *View) Refused() map[string]error { return maps.Clone(v.refused) }

// Leaf returns the leaf of this name, or nil. An alias is no name: people type aliases, and query.Language resolves them.
func (v *View) Leaf(name string) *Leaf { return v.leaves[name] }

// Leaves returns the leaves with sources, by name.
func (v *View) Leaves() []*Leaf {
	var out []*Leaf
	for _, name := range slices.Sorted(maps.Keys(v.leaves)) {
		if l := v.leaves[name]; len(l.Sources) > 0 {
			out = append(out, l)
		}
	}
	return out
}

// LeafNames returns the names of Leaves.
func (v *View) LeafNames() []string {
	var out []string
	for _, l := range v.Leaves() {
		out = append(out, l.GetName())
	}
	return out
}

// Kind returns a kind of annotation. A kind without an algorithm has no role and is not shown.
func (v *View) Kind(kind string) *Kind {
	if k := v.kinds[kind]; k != nil {
		return k
	}
	return &Kind{KindSpec: &pb.KindSpec{Kind: kind}}
}

// Kinds returns the kinds of all algorithms, by name.
func (v *View) Kinds() []*Kind {
	var out []*Kind
	for _, name := range slices.Sorted(maps.Keys(v.kinds)) {
		out = append(out, v.kinds[name])
	}
	return out
}

// Role returns the kind with a role; a kind without name and algorithm if no algorithm declares the role.
func (v *View) Role(r pb.KindRole) *Kind {
	if k := v.roles[r]; k != nil {
		return k
	}
	return &Kind{KindSpec: &pb.KindSpec{}}
}

// Spaces returns the spaces of all algorithms.
func (v *View) Spaces() []*pb.Space { return slices.Clone(v.spaces) }

// Space returns a space by id; nil where the catalogue has none.
func (v *View) Space(id string) *pb.Space {
	i := slices.IndexFunc(v.spaces, func(s *pb.Space) bool { return schema.SpaceID(s) == id })
	if i < 0 {
		return nil
	}
	return v.spaces[i]
}

// SpacesOf returns the ids of the spaces of a version of an algorithm.
func (v *View) SpacesOf(algorithm, version string) []string { return v.writes[algorithm+"@"+version] }

// Spelled implements query.Vocabulary: the leaf behind a name, and the shape of its value.
func (v *View) Spelled(name string) (leaf string, shape pb.LeafShape) {
	if l := v.leaves[v.names[name]]; l != nil {
		return l.GetName(), l.GetShape()
	}
	return name, pb.LeafShape_LEAF_SHAPE_UNSPECIFIED
}

// Names implements query.Vocabulary: the names and aliases of the leaves with sources, sorted.
func (v *View) Names() []string {
	var out []string
	for name, leaf := range v.names {
		if len(v.leaves[leaf].Sources) > 0 {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// Short implements query.Vocabulary: the name which people type for a leaf.
func (v *View) Short(leaf string) string {
	if l := v.leaves[leaf]; l != nil && len(l.GetAliases()) > 0 {
		return l.GetAliases()[0]
	}
	return leaf
}
