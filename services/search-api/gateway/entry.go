package gateway

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// An entry is an asset of a snapshot with its active runs. An entry never changes, so that snapshots share entries.
// A library has many entries: the asset's record is kept encoded, and the algorithms' names are kept in lineups.
type entry struct {
	id     string
	title  string // the title's id
	name   string // of the title
	credit string
	series string
	record []byte // the asset's message
	lineup *lineup
	active []activeRun // element i is of lineup.versions[i]
	sum    uint64      // of the active runs' hashes
	titled int64       // when the title was decided, in milliseconds since 1970; 0 for unknown

	clock schema.Clock // nil for an asset without pictures, or with lost set
	scale schema.TimecodeScale
	lost  string // why the frame table cannot be read; "" where it was
}

// counted returns the frames and the timecodes of a moment; zeros and empty timecodes for an asset without frames to count.
func (e *entry) counted(iv schema.Interval) (start, end int64, from, to string) {
	if e.clock == nil {
		return 0, 0, "", ""
	}
	start, end = schema.ShownFrames(e.clock, iv)
	return start, end, e.scale.Format(start), e.scale.Format(end)
}

// An activeRun is what an entry keeps of a run that readers see.
type activeRun struct {
	id         string
	previous   string // the run seen before
	generation int64
	since      int64     // when readers began to see the run, in milliseconds since 1970; 0 for unknown
	past       []pastRun // the runs seen before, the latest last
}

func sameRun(a, b activeRun) bool {
	return a.id == b.id && a.previous == b.previous && a.generation == b.generation
}

// A lineup is the versions of algorithms whose runs are active for an asset, by algorithm. A library has few lineups.
type lineup struct{ versions []algorithmVersion }

type algorithmVersion struct{ algorithm, version string }

// lineups has each lineup once. It belongs to whoever makes entries.
type lineups map[string]*lineup

// maxLineups bounds the lineups that are found again. A lineup that is not found is made twice, and that costs memory only.
const maxLineups = 10_000

// of returns the lineup of runs that are in the order of their algorithms.
func (l lineups) of(runs []*pb.ActiveRun) *lineup {
	var key strings.Builder
	for _, r := range runs {
		key.WriteString(r.GetAlgorithm())
		key.WriteByte(0)
		key.WriteString(r.GetVersion())
		key.WriteByte(0)
	}
	if known := l[key.String()]; known != nil {
		return known
	}
	made := &lineup{}
	for _, r := range runs {
		made.versions = append(made.versions, algorithmVersion{r.GetAlgorithm(), r.GetVersion()})
	}
	if len(l) >= maxLineups {
		clear(l)
	}
	l[key.String()] = made
	return made
}

// newEntry makes an entry without a clock.
func newEntry(a *pb.Asset, runs []*pb.ActiveRun, known lineups) *entry {
	record, _ := proto.MarshalOptions{Deterministic: true}.Marshal(a) // a store's message can be encoded: it was decoded
	e := &entry{id: a.GetId(), record: record}
	e.titled = a.GetTitledMs()
	e.title, e.name, e.credit, e.series = a.GetTitle().GetId(), a.GetTitle().GetName(), a.GetTitle().GetCredit(), a.GetTitle().GetSeries()
	e.line(runs, known)
	return e
}

// line gives an entry that nobody has seen its active runs. The order of runs changes.
func (e *entry) line(runs []*pb.ActiveRun, known lineups) {
	slices.SortFunc(runs, func(a, b *pb.ActiveRun) int { return cmp.Compare(a.GetAlgorithm(), b.GetAlgorithm()) })
	e.lineup, e.active, e.sum = known.of(runs), make([]activeRun, len(runs)), 0
	for i, r := range runs {
		e.active[i] = activeRun{id: r.GetRun(), previous: r.GetPrevious(), generation: r.GetGeneration(), since: r.GetActivatedMs()}
		for _, w := range r.GetEarlier() {
			e.active[i].past = append(e.active[i].past, pastRun{w.GetRun(), w.GetVersion(), w.GetActivatedMs()})
		}
		e.sum += hashOf(r.GetRun())
	}
}

func hashOf(run string) uint64 { return xxhash.Sum64String(run) }

// asset returns the asset's message, which belongs to the caller.
func (e *entry) asset() *pb.Asset {
	a := &pb.Asset{}
	_ = proto.Unmarshal(e.record, a) // newEntry encoded it
	return a
}

// run returns the active run of an algorithm, "" where there is none.
func (e *entry) run(algorithm string) string {
	for i, v := range e.lineup.versions {
		if v.algorithm == algorithm {
			return e.active[i].id
		}
	}
	return ""
}

// runs returns the active runs by algorithm.
func (e *entry) runs() []*pb.ActiveRun {
	out := make([]*pb.ActiveRun, len(e.active))
	for i, r := range e.active {
		v := e.lineup.versions[i]
		out[i] = &pb.ActiveRun{Asset: e.id, Algorithm: v.algorithm, Version: v.version, Run: r.id, Previous: r.previous, Generation: r.generation}
	}
	return out
}

// has reports whether a run is active for the asset.
func (e *entry) has(run string) bool {
	return slices.ContainsFunc(e.active, func(r activeRun) bool { return r.id == run })
}

// same reports whether two entries tell the same.
func (e *entry) same(o *entry) bool {
	return e.lost == o.lost && (e.clock == nil) == (o.clock == nil) && e.lineup == o.lineup && slices.EqualFunc(e.active, o.active, sameRun) && bytes.Equal(e.record, o.record)
}

// spanAt returns where the span of a time is looked up in the active run of the algorithm that writes a kind; false where the asset has no such run.
func (e *entry) spanAt(kind *catalog.Kind, t schema.Time) (store.Point, bool) {
	r := e.run(kind.Algorithm)
	return store.Point{Asset: e.id, Run: r, Kind: kind.GetKind(), Time: t}, r != ""
}
