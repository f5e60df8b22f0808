package apitest

import (
	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
)

// A Face is seen from one second to another.
type Face struct {
	From, To int64
	Name     string
	Region   *pb.Region
	Smiles   bool
	Count    int64 // of the faces in the picture
}

// Faces declares an algorithm that Cinedex does not come with: its annotations have regions and attributes.
func Faces() *pb.AlgorithmAnnounced {
	return &pb.AlgorithmAnnounced{Algorithm: &pb.AlgorithmSpec{
		Name: "faces", Version: "1", Reads: []string{schema.ReadsVideo}, Kinds: []string{"face"},
		KindSpecs: []*pb.KindSpec{{Kind: "face", Regions: true, Attributes: []*pb.AttributeSpec{
			{Name: "count", Type: pb.AttributeType_ATTRIBUTE_TYPE_NUMBER, Hint: "How many faces are in the picture"},
			{Name: "smiles", Type: pb.AttributeType_ATTRIBUTE_TYPE_FLAG},
			{Name: "who", Type: pb.AttributeType_ATTRIBUTE_TYPE_TEXT},
		}}},
		Leaves:  []*pb.LeafSpec{{Name: "face", Shape: pb.LeafShape_LEAF_SHAPE_WORDS, Example: "Mara"}},
		Answers: []*pb.AnswerSpec{{Leaves: []string{"face"}, By: "words", Kind: "face", Field: pb.AnswerField_ANSWER_FIELD_LABEL}},
	}}
}

// FacesCatalog is the declarations of the algorithms that come with Cinedex, and Faces.
func FacesCatalog() *catalog.Catalog {
	c, err := catalog.New(append(builtin.Declarations(), Faces())...)
	if err != nil {
		panic(err)
	}
	return c
}

// SawFaces writes an active run of Faces.
func (l *Library) SawFaces(a *pb.Asset, faces []Face) {
	l.t.Helper()
	w := l.run(a, "faces", "1")
	for _, f := range faces {
		w.say(&pb.Annotation{Kind: "face", Start: int64(schema.Time(f.From) * schema.Second), End: int64(schema.Time(f.To) * schema.Second),
			Label: f.Name, Confidence: 1, Region: f.Region, Attributes: map[string]*pb.Value{
				"count": {Kind: &pb.Value_Integer{Integer: f.Count}}, "smiles": {Kind: &pb.Value_Flag{Flag: f.Smiles}},
				"who": {Kind: &pb.Value_Texts{Texts: &pb.StringList{Values: []string{f.Name, "somebody"}}}},
			}})
	}
	l.Switch(w.finish(), "")
}

// Wrote writes an active run of any algorithm, with these annotations, from seconds to seconds.
func (l *Library) Wrote(a *pb.Asset, algorithm string, annotations ...*pb.Annotation) {
	l.t.Helper()
	l.WroteRun(l.run(a, algorithm, "1").run, annotations...)
}

// WroteRun writes a run, with these annotations, and makes the run the active run.
func (l *Library) WroteRun(r *pb.Run, annotations ...*pb.Annotation) {
	l.t.Helper()
	w := &writer{l: l, run: r}
	for _, x := range annotations {
		w.say(x)
	}
	l.Switch(w.finish(), "")
}

// Embedded writes an active run of any algorithm, with these embeddings of a space.
func (l *Library) Embedded(a *pb.Asset, algorithm string, space *pb.Space, embeddings ...*pb.Embedding) {
	l.t.Helper()
	if err := l.Engine.(search.Spacer).AddSpace(l.t.Context(), space); err != nil {
		l.t.Fatal(err)
	}
	w := l.run(a, algorithm, "1")
	for _, e := range embeddings {
		w.embed(e)
	}
	l.Switch(w.finish(), "")
}
