package algo

import (
	"fmt"
	"slices"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A Registry is the algorithms of a process, in an order in which each comes after
// those whose output it reads. It does not change, and may be used by many at once.
type Registry struct {
	order    []Algorithm
	byName   map[string]Algorithm
	producer map[string]Algorithm // by kind and by space id
	inputs   map[string][]Algorithm
}

// NewRegistry checks the algorithms against each other. Two of one name, two that write
// the same kind or space, a need that nobody writes and a circle of needs are errors of kind Invalid.
func NewRegistry(list ...Algorithm) (*Registry, error) {
	r := &Registry{
		byName:   make(map[string]Algorithm),
		producer: make(map[string]Algorithm),
		inputs:   make(map[string][]Algorithm),
	}
	for _, a := range list {
		if err := r.add(a); err != nil {
			return nil, err
		}
	}
	for _, a := range list {
		spec := a.Spec()
		for _, need := range spec.GetNeeds() {
			from, ok := r.producer[need]
			if !ok {
				return nil, errkind.New(errkind.Invalid, "algorithm %s needs %q, which no algorithm writes", spec.GetName(), need)
			}
			if !slices.Contains(r.inputs[spec.GetName()], from) {
				r.inputs[spec.GetName()] = append(r.inputs[spec.GetName()], from)
			}
		}
	}
	return r, r.sort(list)
}

func (r *Registry) add(a Algorithm) error {
	spec := a.Spec()
	if err := schema.Validate(spec); err != nil {
		return fmt.Errorf("registering algorithm %q: %w", spec.GetName(), err)
	}
	if _, twice := r.byName[spec.GetName()]; twice {
		return errkind.New(errkind.Invalid, "two algorithms are called %s", spec.GetName())
	}
	r.byName[spec.GetName()] = a
	writes := slices.Clone(spec.GetKinds())
	for _, s := range spec.GetSpaces() {
		writes = append(writes, schema.SpaceID(s))
	}
	for _, w := range writes {
		if other, twice := r.producer[w]; twice {
			return errkind.New(errkind.Invalid, "algorithms %s and %s both write %q", other.Spec().GetName(), spec.GetName(), w)
		}
		r.producer[w] = a
	}
	if _, ok := a.(FrameReader); ok && !reads(spec, schema.ReadsVideo) {
		return errkind.New(errkind.Invalid, "algorithm %s asks for frames and does not declare that it reads video", spec.GetName())
	}
	return nil
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
		for _, in := range r.inputs[name] {
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

// All returns every algorithm, inputs before those that read them.
func (r *Registry) All() []Algorithm { return slices.Clone(r.order) }

// Algorithm returns the one of this name.
func (r *Registry) Algorithm(name string) (Algorithm, error) {
	if a, ok := r.byName[name]; ok {
		return a, nil
	}
	return nil, errkind.New(errkind.NotFound, "no algorithm is called %q", name)
}

// Producer returns the algorithm that writes a kind or a space ("name@version"), nil where none does.
func (r *Registry) Producer(need string) Algorithm { return r.producer[need] }

// Inputs returns the algorithms whose output the named one reads.
func (r *Registry) Inputs(name string) []Algorithm { return slices.Clone(r.inputs[name]) }

// Spaces returns every space that is written here.
func (r *Registry) Spaces() []*pb.Space {
	var out []*pb.Space
	for _, a := range r.order {
		out = append(out, a.Spec().GetSpaces()...)
	}
	return out
}

// Runs derives the run of every algorithm that applies to the asset, inputs first: the
// asset has what the algorithm reads, and all its inputs apply. Identities follow from
// the asset, the algorithms and their versions alone, so a run's inputs are known
// before they have run.
func (r *Registry) Runs(asset *pb.Asset) ([]*pb.Run, error) {
	var out []*pb.Run
	ids := make(map[string]string)
next:
	for _, a := range r.order {
		spec := a.Spec()
		if !has(asset, spec.GetReads()) {
			continue
		}
		run := &pb.Run{
			Asset: asset.GetId(), Algorithm: spec.GetName(), Version: spec.GetVersion(),
			Parameters: spec.GetParameters(), State: pb.RunState_RUN_STATE_REQUESTED,
		}
		for _, in := range r.inputs[spec.GetName()] {
			id, applies := ids[in.Spec().GetName()]
			if !applies {
				continue next
			}
			if run.Inputs == nil {
				run.Inputs = make(map[string]string)
			}
			run.Inputs[in.Spec().GetName()] = id
		}
		var err error
		if run.Reads, err = schema.ReadsFingerprint(asset, spec.GetReads()); err != nil {
			return nil, fmt.Errorf("deriving the run of %s: %w", spec.GetName(), err)
		}
		run.Id = schema.RunID(run)
		ids[spec.GetName()] = run.Id
		out = append(out, run)
	}
	return out, nil
}

// WithFrames reports whether the named algorithm runs while a film is decoded: it reads
// frames, or all that it reads is made by algorithms that do.
func (r *Registry) WithFrames(name string) bool {
	a, ok := r.byName[name]
	if !ok {
		return false
	}
	if _, frames := a.(FrameReader); frames {
		return true
	}
	if len(a.Spec().GetReads()) > 0 || len(r.inputs[name]) == 0 {
		return false
	}
	for _, in := range r.inputs[name] {
		if !r.WithFrames(in.Spec().GetName()) {
			return false
		}
	}
	return true
}

func reads(spec *pb.AlgorithmSpec, what string) bool { return slices.Contains(spec.GetReads(), what) }

// has reports whether the asset has all that is read of it.
func has(asset *pb.Asset, reads []string) bool {
	for _, what := range reads {
		switch what {
		case schema.ReadsVideo:
			if asset.GetVideo().GetFrames() == 0 {
				return false
			}
		case schema.ReadsAudio:
			if len(asset.GetAudio()) == 0 {
				return false
			}
		case schema.ReadsText:
			if len(asset.GetText()) == 0 {
				return false
			}
		}
	}
	return true
}
