package indexing

import (
	"math"
	"strings"
	"testing"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// A batch that was written into the log by hand is refused before the rows are folded.
func TestBatchesWrittenByHand(t *testing.T) {
	for name, change := range map[string]func(*store.Batch){
		"empty":                     func(b *store.Batch) { b.Annotations = nil },
		"an epoch below zero":       func(b *store.Batch) { b.Epoch = -1 },
		"a time below zero":         func(b *store.Batch) { b.Annotations[0].Start = -1 },
		"an end before the start":   func(b *store.Batch) { b.Annotations[0].Start, b.Annotations[0].End = 9, 1 },
		"a kind that is a path":     func(b *store.Batch) { b.Annotations[0].Kind = "../x" },
		"a confidence of two":       func(b *store.Batch) { b.Annotations[0].Confidence = 2 },
		"a confidence of no number": func(b *store.Batch) { b.Annotations[0].Confidence = float32(math.NaN()) },
		"a text that is too long":   func(b *store.Batch) { b.Annotations[0].Text = strings.Repeat("a", schema.MaxAnnotation+1) },
		"a region outside":          func(b *store.Batch) { b.Annotations[0].Region = &pb.Region{X: 0.9, W: 0.9} },
		"an embedding of no time": func(b *store.Batch) {
			b.Annotations, b.Embeddings = nil, []*pb.Embedding{{Asset: "a", Run: "r", Start: -1}}
		},
		"an annotation of elsewhere": func(b *store.Batch) { b.Annotations[0].Asset = "b" },
	} {
		b := store.Batch{Asset: "a", Run: "r", Annotations: []*pb.Annotation{{Asset: "a", Run: "r", Kind: schema.KindShot, End: 1, Confidence: 1}}}
		if err := check("a", b); err != nil {
			t.Fatal(err)
		}
		change(&b)
		if err := check("a", b); !errkind.Is(err, errkind.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
