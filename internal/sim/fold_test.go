package sim

import (
	"fmt"
	"maps"
	"slices"

	"github.com/cinedex/cinedex/pkg/events"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// execution is a single try at a run.
type execution struct {
	run   string
	epoch int64
}

// A fold is the state given by the log alone, without a store, an engine or a service.
type fold struct {
	assets      map[string]*pb.Asset
	annotations map[execution]map[int64]string
	embeddings  map[execution]map[int64]float32
	ends        map[execution][]*pb.Run
}

func newFold() *fold {
	return &fold{map[string]*pb.Asset{}, map[execution]map[int64]string{}, map[execution]map[int64]float32{}, map[execution][]*pb.Run{}}
}

func (f *fold) add(ev events.Event) {
	switch m := ev.Data.(type) {
	case *pb.MediaReady:
		f.assets[m.GetAsset().GetId()] = m.GetAsset()
	case *pb.AnnotationBatch:
		x := execution{m.GetRun(), m.GetEpoch()}
		if f.annotations[x] == nil {
			f.annotations[x] = map[int64]string{}
		}
		for _, a := range m.GetAnnotations() {
			f.annotations[x][a.GetOrdinal()] = a.GetText()
		}
	case *pb.EmbeddingBatch:
		x := execution{m.GetRun(), m.GetEpoch()}
		if f.embeddings[x] == nil {
			f.embeddings[x] = map[int64]float32{}
		}
		for _, e := range m.GetEmbeddings() {
			f.embeddings[x][e.GetOrdinal()] = e.GetVector()[1]
		}
	case *pb.RunFinished:
		x := execution{m.GetRun().GetId(), m.GetRun().GetEpoch()}
		f.ends[x] = append(f.ends[x], m.GetRun())
	}
}

// whole returns the items of a finished run, if all items come from a single execution. Otherwise the error describes
// the items in the log.
func (f *fold) whole(r *pb.Run) (annotations map[int64]string, embeddings map[int64]float32, err error) {
	x := execution{r.GetId(), r.GetEpoch()}
	i := slices.IndexFunc(f.ends[x], func(e *pb.Run) bool { return e.GetState() == pb.RunState_RUN_STATE_FINISHED })
	if i < 0 {
		return nil, nil, fmt.Errorf("the log has no finish of run %s under epoch %d", x.run, x.epoch)
	}
	end := f.ends[x][i]
	if end.GetAnnotations() != r.GetAnnotations() || end.GetEmbeddings() != r.GetEmbeddings() {
		return nil, nil, fmt.Errorf("run %s finished with %d and %d items, its record says %d and %d", x.run, end.GetAnnotations(), end.GetEmbeddings(), r.GetAnnotations(), r.GetEmbeddings())
	}
	annotations, embeddings = maps.Clone(f.annotations[x]), maps.Clone(f.embeddings[x])
	for i := range end.GetAnnotations() {
		if _, ok := annotations[i]; !ok {
			return nil, nil, fmt.Errorf("the log lacks annotation %d of run %s, which has finished", i, x.run)
		}
	}
	for i := range end.GetEmbeddings() {
		if _, ok := embeddings[i]; !ok {
			return nil, nil, fmt.Errorf("the log lacks embedding %d of run %s, which has finished", i, x.run)
		}
	}
	return annotations, embeddings, nil
}
