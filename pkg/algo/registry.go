package algo

import (
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

// A Registry is the algorithms of a process. An algorithm comes after the algorithms whose output the algorithm reads. A Registry never
// changes, and many goroutines MAY use a Registry at once.
//
// Each name has a current version, for arriving media. Further versions are candidates: a candidate runs if an operator asks for
// the candidate by version.
type Registry struct {
	order      []Algorithm
	candidates []Algorithm
	byName     map[string]Algorithm
	byVersion  map[string]Algorithm   // by "name@version", candidates included
	producer   map[string]Algorithm   // by kind and by space id
	inputs     map[string][]Algorithm // by "name@version"
}

// versionID names one version of an algorithm.
func versionID(a Algorithm) string { return a.Spec().GetName() + "@" + a.Spec().GetVersion() }

// NewRegistry checks the algorithms against each other. Invalid: two algorithms have the same name, two algorithms write
// the same kind or space, no algorithm writes a need, or the needs form a circle.
func NewRegistry(list ...Algorithm) (*Registry, error) {
	r := &Registry{
		byName:    make(map[string]Algorithm),
		byVersion: make(map[string]Algorithm),
		producer:  make(map[string]Algorithm),
		inputs:    make(map[string][]Algorithm),
	}
	for _, a := range list {
		if err := r.add(a); err != nil {
			return nil, err
		}
	}
	for _, a := range list {
		if err := r.connect(a); err != nil {
			return nil, err
		}
	}
	return r, r.sort(list)
}

// WithCandidates returns the registry with further versions, for callers that ask by version. A candidate reads the output of current
// algorithms, and of other candidates where no current algorithm writes the kind or space. Invalid: a version exists twice, or no algorithm writes
// a need.
func (r *Registry) WithCandidates(list ...Algorithm) (*Registry, error) {
	next := &Registry{order: r.order, candidates: slices.Concat(r.candidates, list), byName: r.byName,
		byVersion: maps.Clone(r.byVersion), producer: maps.Clone(r.producer), inputs: maps.Clone(r.inputs)}
	for _, a := range list {
		if err := next.check(a); err != nil {
			return nil, err
		}
		for _, w := range written(a) {
			if _, there := next.producer[w]; !there {
				next.producer[w] = a
			}
		}
	}
	for _, a := range list {
		if err := next.connect(a); err != nil {
			return nil, err
		}
	}
	return next, nil
}

// With returns the registry with algorithms that came while the process ran, and the reason why an algorithm was left out, by "name@version". An
// algorithm MAY read kinds and spaces that no algorithm of the registry writes: another process may have written them.
func (r *Registry) With(list ...Algorithm) (*Registry, map[string]error) {
	next := &Registry{order: r.order, candidates: slices.Clone(r.candidates), byName: r.byName,
		byVersion: maps.Clone(r.byVersion), producer: maps.Clone(r.producer), inputs: maps.Clone(r.inputs)}
	refused := map[string]error{}
	for _, a := range list {
		if err := next.join(a); err != nil {
			refused[versionID(a)] = err
		}
	}
	return next, refused
}

// join adds an algorithm, behind the algorithms that are there.
func (r *Registry) join(a Algorithm) error {
	writes := written(a)
	for _, w := range writes {
		if other := r.producer[w]; other != nil && other.Spec().GetName() != a.Spec().GetName() {
			return errkind.New(errkind.Conflict, "algorithms %s and %s both write %q", versionID(other), versionID(a), w)
		}
	}
	if err := r.check(a); err != nil {
		return err
	}
	for _, w := range writes {
		if r.producer[w] == nil {
			r.producer[w] = a
		}
	}
	r.candidates = append(r.candidates, a)
	return nil
}

// connect records the inputs of an algorithm: the algorithms whose output the algorithm reads.
func (r *Registry) connect(a Algorithm) error {
	id := versionID(a)
	for _, need := range a.Spec().GetNeeds() {
		from, ok := r.producer[need]
		if !ok {
			return errkind.New(errkind.Invalid, "algorithm %s needs %q, which no algorithm writes", a.Spec().GetName(), need)
		}
		if !slices.Contains(r.inputs[id], from) {
			r.inputs[id] = append(slices.Clone(r.inputs[id]), from)
		}
	}
	return nil
}

// check checks a version by itself, and records the version.
func (r *Registry) check(a Algorithm) error {
	spec := a.Spec()
	if err := schema.Validate(spec); err != nil {
		return fmt.Errorf("registering algorithm %q: %w", spec.GetName(), err)
	}
	if _, twice := r.byVersion[versionID(a)]; twice {
		return errkind.New(errkind.Invalid, "algorithm %s is there twice", versionID(a))
	}
	if _, ok := a.(FrameReader); ok && !reads(spec, schema.ReadsVideo) {
		return errkind.New(errkind.Invalid, "algorithm %s asks for frames and does not declare that it reads video", spec.GetName())
	}
	r.byVersion[versionID(a)] = a
	return nil
}

func (r *Registry) add(a Algorithm) error {
	spec := a.Spec()
	if _, twice := r.byName[spec.GetName()]; twice {
		return errkind.New(errkind.Invalid, "two algorithms are called %s", spec.GetName())
	}
	if err := r.check(a); err != nil {
		return err
	}
	r.byName[spec.GetName()] = a
	for _, w := range written(a) {
		if other, twice := r.producer[w]; twice {
			return errkind.New(errkind.Invalid, "algorithms %s and %s both write %q", other.Spec().GetName(), spec.GetName(), w)
		}
		r.producer[w] = a
	}
	return nil
}

// written returns the kinds and the ids of the spaces that an algorithm writes.
func written(a Algorithm) []string {
	out := slices.Clone(a.Spec().GetKinds())
	for _, s := range a.Spec().GetSpaces() {
		out = append(out, schema.SpaceID(s))
	}
	return out
}

// sort puts inputs first, and otherwise keeps the order of the list.
func (r *Registry) sort(list []Algorithm) error {
	const visiting, done = 1, 2
	state := make(map[string]int)
	var visit func(a Algorithm) error
	visit = func(a Algorithm) error {
		name := a.Spec().GetName()
		switch state[name] {
		case done:
			return nil
		case visiting:
			return errkind.New(errkind.Invalid, "algorithm %s needs, through others, its own output", name)
		}
		state[name] = visiting
		for _, in := range r.inputs[versionID(a)] {
			if err := visit(in); err != nil {
				return err
			}
		}
		state[name] = done
		r.order = append(r.order, a)
		return nil
	}
	for _, a := range list {
		if err := visit(a); err != nil {
			return err
		}
	}
	return nil
}

// All returns the current version of every algorithm, inputs before their readers.
func (r *Registry) All() []Algorithm { return slices.Clone(r.order) }

// Versions returns every version of every algorithm, current versions first.
func (r *Registry) Versions() []Algorithm { return slices.Concat(r.order, r.candidates) }

// Find returns the algorithm that "name" or "name@version" stands for. A name without a current version stands for the first candidate of the name.
func (r *Registry) Find(ref string) (Algorithm, error) {
	if a, ok := r.byVersion[ref]; ok {
		return a, nil
	}
	if a, ok := r.byName[ref]; ok {
		return a, nil
	}
	for _, a := range r.candidates {
		if a.Spec().GetName() == ref {
			return a, nil
		}
	}
	var known []string
	for _, a := range r.Versions() {
		known = append(known, versionID(a))
	}
	return nil, errkind.New(errkind.NotFound, "no algorithm is %.100q; there are %s", ref, strings.Join(known, ", "))
}

// Algorithm returns the current version of this name.
func (r *Registry) Algorithm(name string) (Algorithm, error) {
	if a, ok := r.byName[name]; ok {
		return a, nil
	}
	return nil, errkind.New(errkind.NotFound, "no algorithm is called %q", name)
}

// Producer returns the algorithm that writes a kind or a space ("name@version"), or nil.
func (r *Registry) Producer(need string) Algorithm { return r.producer[need] }

// Inputs returns the algorithms whose output the current version of this name reads.
func (r *Registry) Inputs(name string) []Algorithm {
	if a := r.byName[name]; a != nil {
		return slices.Clone(r.inputs[versionID(a)])
	}
	return nil
}

// Spaces returns every space that an algorithm of the registry writes.
func (r *Registry) Spaces() []*pb.Space {
	var out []*pb.Space
	for _, a := range r.Versions() {
		for _, s := range a.Spec().GetSpaces() {
			if !slices.ContainsFunc(out, func(o *pb.Space) bool { return schema.SpaceID(o) == schema.SpaceID(s) }) {
				out = append(out, s)
			}
		}
	}
	return out
}

// Plan returns the derivation of runs from the declarations of the registry. A declaration without frames of an algorithm that reads frames
// counts as a declaration with frames.
func (r *Registry) Plan() *runs.Plan { return runs.NewPlan(specs(r.order), specs(r.candidates)) }

func specs(list []Algorithm) (out []*pb.AlgorithmSpec) {
	for _, a := range list {
		spec := a.Spec()
		if _, frames := a.(FrameReader); frames && spec.GetFrames() == nil {
			spec = proto.CloneOf(spec)
			spec.Frames = &pb.FramesSpec{}
		}
		out = append(out, spec)
	}
	return out
}

// Runs derives the runs that an asset gets of the current algorithms, inputs first.
func (r *Registry) Runs(asset *pb.Asset) ([]*pb.Run, error) { return r.Plan().Runs(asset) }

func reads(spec *pb.AlgorithmSpec, what string) bool { return slices.Contains(spec.GetReads(), what) }
