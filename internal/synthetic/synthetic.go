// Package synthetic makes libraries of any size for tests and figures, the same library for the same numbers. A Library
// is assets with a finished run each, as the events of the algo-runner. A Studio is many films with six runs each,
// written into a store and a search engine in the state after indexing.
package synthetic

import (
	"fmt"
	"iter"

	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A Library is n annotations in runs of equal length.
type Library struct {
	Annotations int
	// Run is the number of annotations of a run. Event is the number of annotations in an event.
	Run, Event int
	// TextEvery is n if every n-th annotation is a line of dialogue. The others are shots.
	TextEvery int
}

// Of is a library of n annotations, as an algo-runner would have logged the library.
func Of(n, textEvery int) Library {
	return Library{Annotations: n, Run: 5000, Event: 500, TextEvery: textEvery}
}

// Runs is the number of runs. The remaining annotations are left out.
func (l Library) Runs() int { return l.Annotations / l.Run }

// Asset is the i-th asset.
func (l Library) Asset(i int) *pb.Asset {
	return &pb.Asset{Id: schema.AssetID(fmt.Sprintf("%032x", 1+i)), Title: &pb.Title{Id: fmt.Sprintf("title-%d", i), Name: fmt.Sprintf("Title %d", i)},
		Duration: int64(2*l.Run) * int64(schema.Second), Audio: []*pb.AudioTrack{{Codec: "aac", SampleRate: 48000, Channels: 2}}}
}

// Events yields, run by run, the batches of a run and the end of the run.
func (l Library) Events() iter.Seq2[[]events.Event, events.Event] {
	return func(yield func([]events.Event, events.Event) bool) {
		for i := range l.Runs() {
			if !yield(l.run(i)) {
				return
			}
		}
	}
}

func (l Library) run(i int) (batches []events.Event, finished events.Event) {
	asset := l.Asset(i).GetId()
	run := &pb.Run{Asset: asset, Algorithm: "filled", Version: "1", State: pb.RunState_RUN_STATE_FINISHED, Annotations: int64(l.Run), Epoch: 1}
	run.Id = schema.RunID(run)
	for first := 0; first < l.Run; first += l.Event {
		b := &pb.AnnotationBatch{Asset: asset, Run: run.GetId(), Epoch: 1, Algorithm: run.GetAlgorithm(), Version: run.GetVersion(), First: int64(first)}
		for j := first; j < min(first+l.Event, l.Run); j++ {
			at := int64(schema.Second) * int64(2*j)
			a := &pb.Annotation{Run: run.GetId(), Asset: asset, Ordinal: int64(j), Kind: schema.KindShot, Start: at, End: at + int64(schema.Second), Confidence: 1}
			if j%l.TextEvery == 0 {
				a.Kind, a.Language, a.Text = schema.KindDialogue, "en", Text(i, j)
			}
			b.Annotations = append(b.Annotations, a)
		}
		batches = append(batches, events.Event{Subject: asset, Data: b})
	}
	return batches, events.Event{Subject: asset, Data: &pb.RunFinished{Run: run}}
}

// Words are the words of texts, beside the words in every text.
var Words = []string{"captain", "morning", "letter", "garden", "winter", "engine", "station", "mirror", "doctor", "island", "window", "orchard",
	"market", "bridge", "candle", "thunder", "village", "sailor", "summer", "kitchen", "ladder", "pocket", "river"}

// Text is the i-th line of the n-th asset.
func Text(n, i int) string {
	word := func(k int) string { return Words[k%len(Words)] }
	return fmt.Sprintf("the %s of %s waits for the %s by the harbour", word(n+i), word(n*7+3*i), word(n*3+i*i))
}
