package runs

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A Plan derives the runs of an asset from declarations of algorithms. A Plan never changes.
//
//   - Each name has at most one current version. Arriving assets get the current versions. Other versions run only if somebody asks
//     for them by version. A name without a current version stands for the first of its other versions.
//   - An algorithm reads the kinds and spaces of other algorithms. Among the versions that write a need, the first declaration counts,
//     current versions before others.
//   - An algorithm is left out if nobody writes a need of the algorithm, or if the needs form a circle.
type Plan struct {
	current  []*pb.AlgorithmSpec
	versions []*pb.AlgorithmSpec          // current versions first
	byRef    map[string]*pb.AlgorithmSpec // by "name" and by "name@version"
	writer   map[string]*pb.AlgorithmSpec // by kind and by space id
	frames   map[string]bool              // by "name@version"
}

// NewPlan makes a plan. The caller MUST NOT change the declarations afterwards. No two declarations are of the same version, and no two
// current declarations are of the same name.
func NewPlan(current, others []*pb.AlgorithmSpec) *Plan {
	p := &Plan{current: current, versions: slices.Concat(current, others), byRef: map[string]*pb.AlgorithmSpec{},
		writer: map[string]*pb.AlgorithmSpec{}, frames: map[string]bool{}}
	for _, s := range p.versions {
		p.byRef[versionID(s)] = s
		for _, kind := range s.GetKinds() {
			p.writes(kind, s)
		}
		for _, space := range s.GetSpaces() {
			p.writes(schema.SpaceID(space), s)
		}
	}
	for _, s := range slices.Backward(p.versions) { // the first version of a name counts
		p.byRef[s.GetName()] = s
	}
	for _, s := range p.versions {
		p.frames[versionID(s)] = p.withFrames(s, map[string]bool{})
	}
	return p
}

func (p *Plan) writes(need string, s *pb.AlgorithmSpec) {
	if p.writer[need] == nil {
		p.writer[need] = s
	}
}

// versionID names one version of an algorithm.
func versionID(s *pb.AlgorithmSpec) string { return s.GetName() + "@" + s.GetVersion() }

// Current returns the current version of every algorithm.
func (p *Plan) Current() []*pb.AlgorithmSpec { return slices.Clone(p.current) }

// Find returns the declaration that "name" or "name@version" stands for. NotFound: the error lists the versions.
func (p *Plan) Find(ref string) (*pb.AlgorithmSpec, error) {
	if s := p.byRef[ref]; s != nil {
		return s, nil
	}
	known := slices.Sorted(maps.Keys(p.byRef))
	known = slices.DeleteFunc(known, func(id string) bool { return !strings.Contains(id, "@") })
	return nil, errkind.New(errkind.NotFound, "no algorithm is %.100q; there are %s", ref, strings.Join(known, ", "))
}

// Inputs returns the algorithms whose output an algorithm reads. ok is false if nobody writes a need of the algorithm.
func (p *Plan) Inputs(s *pb.AlgorithmSpec) (inputs []*pb.AlgorithmSpec, ok bool) {
	for _, need := range s.GetNeeds() {
		from := p.writer[need]
		if from == nil {
			return nil, false
		}
		if !slices.Contains(inputs, from) {
			inputs = append(inputs, from)
		}
	}
	return inputs, true
}

// Writer returns the declaration of the algorithm that writes a kind or a space, or nil.
func (p *Plan) Writer(need string) *pb.AlgorithmSpec { return p.writer[need] }

// WithFrames reports whether a version of an algorithm, "name@version", runs while a film is decoded: the version reads frames, or reads nothing
// but the output of versions that do.
func (p *Plan) WithFrames(id string) bool { return p.frames[id] }

func (p *Plan) withFrames(s *pb.AlgorithmSpec, visited map[string]bool) bool {
	if s.GetFrames() != nil {
		return true
	}
	inputs, ok := p.Inputs(s)
	if visited[versionID(s)] || !ok || len(s.GetReads()) > 0 || len(inputs) == 0 {
		return false
	}
	visited[versionID(s)] = true
	return !slices.ContainsFunc(inputs, func(in *pb.AlgorithmSpec) bool { return !p.withFrames(in, visited) })
}

// Runs derives the runs of the current algorithms that apply to an asset, inputs first. An algorithm applies if the asset has the tracks that
// the algorithm reads, and all inputs of the algorithm apply. Identities follow from the asset and the declarations alone, so the inputs of a
// run are known before the inputs have run.
func (p *Plan) Runs(asset *pb.Asset) ([]*pb.Run, error) { return p.Derive(asset, p.current...) }

// Derive is Runs for the given declarations of the plan, and for the algorithms that they read.
func (p *Plan) Derive(asset *pb.Asset, list ...*pb.AlgorithmSpec) ([]*pb.Run, error) {
	d := deriving{plan: p, asset: asset, runs: make(map[string]*pb.Run), reads: make(map[string]string)}
	for _, s := range list {
		if _, err := d.run(s); err != nil {
			return nil, err
		}
	}
	return d.out, nil
}

// deriving collects runs over one asset.
type deriving struct {
	plan  *Plan
	asset *pb.Asset
	runs  map[string]*pb.Run // by "name@version"; nil where the version does not apply, and while the inputs of the version are derived
	reads map[string]string  // fingerprint by tracks; most algorithms read the same tracks
	out   []*pb.Run
}

// fingerprint returns the fingerprint of some tracks of the asset.
func (d *deriving) fingerprint(tracks []string) (string, error) {
	key := strings.Join(tracks, " ")
	f, known := d.reads[key]
	if known {
		return f, nil
	}
	f, err := schema.ReadsFingerprint(d.asset, tracks)
	d.reads[key] = f
	return f, err
}

func (d *deriving) run(s *pb.AlgorithmSpec) (*pb.Run, error) {
	id := versionID(s)
	if run, done := d.runs[id]; done {
		return run, nil
	}
	d.runs[id] = nil
	inputs, ok := d.plan.Inputs(s)
	if !ok || !has(d.asset, s.GetReads()) {
		return nil, nil
	}
	run := &pb.Run{
		Asset: d.asset.GetId(), Algorithm: s.GetName(), Version: s.GetVersion(),
		Parameters: s.GetParameters(), State: pb.RunState_RUN_STATE_REQUESTED,
	}
	for _, in := range inputs {
		input, err := d.run(in)
		if err != nil || input == nil {
			return nil, err
		}
		if run.Inputs == nil {
			run.Inputs = make(map[string]string)
		}
		run.Inputs[in.GetName()] = input.GetId()
	}
	var err error
	if run.Reads, err = d.fingerprint(s.GetReads()); err != nil {
		return nil, fmt.Errorf("deriving the run of %s: %w", s.GetName(), err)
	}
	run.Id = schema.RunID(run)
	d.runs[id] = run
	d.out = append(d.out, run)
	return run, nil
}

// has reports whether an asset has every track that an algorithm reads.
func has(asset *pb.Asset, reads []string) bool {
	for _, track := range reads {
		switch track {
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
