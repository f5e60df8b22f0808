package gateway

import (
	"testing"

	"github.com/cinedex/cinedex/pkg/algo/builtin"
	"github.com/cinedex/cinedex/pkg/catalog"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A picture among the examples of a leaf is a picture of the query: no line can ask the query again, so no line is suggested.
func TestPicturesOfExamples(t *testing.T) {
	leaf := func(l *pb.Leaf) *pb.Query { return &pb.Query{Node: &pb.Query_Leaf{Leaf: l}} }
	words := &pb.Leaf{Kind: "dialogue", Text: "lighthuose"}
	image := []byte("a picture, which is longer than its hash")
	beside := &pb.Leaf{Kind: "like_frame", Asset: "a", Timecode: "00:00:01:00", Examples: []*pb.Example{{Image: image}}}
	tree := &pb.Query{Node: &pb.Query_And{And: &pb.And{Queries: []*pb.Query{leaf(words), leaf(beside)}}}}
	known, err := catalog.New(builtin.Declarations()...)
	if err != nil {
		t.Fatal(err)
	}
	p := &processed{tree: tree, view: known.View()}
	found := []*misspelling{{leaf: words, texts: []string{"lighthouse"}}}
	if got := p.suggestions(found); len(got) > 0 {
		t.Errorf("suggested %q", got)
	}
	if n := len(pictures(tree)); n != 1 {
		t.Errorf("%d pictures", n)
	}
	if kept := pictures(withoutPictures(tree)); len(*kept[0]) != 6 || string(beside.Examples[0].Image) != string(image) {
		t.Errorf("told %q, and the query holds %q", *kept[0], beside.Examples[0].Image)
	}
	beside.Examples = nil
	if got := p.suggestions(found); len(got) != 1 {
		t.Errorf("without a picture, suggested %q", got)
	}
}
