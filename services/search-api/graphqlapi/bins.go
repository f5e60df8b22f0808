package graphqlapi

import (
	"context"
	"fmt"

	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

func (r resolvers) Bins(ctx context.Context, limit int32, cursor *string) (*pb.ListBinsResponse, error) {
	return ask(ctx, r.rpc.ListBins, &pb.ListBinsRequest{Limit: limit, Cursor: value(cursor)})
}

func (r resolvers) Bin(ctx context.Context, id string, link *string) (*pb.Bin, error) {
	answer, err := ask(ctx, r.rpc.GetBin, &pb.GetBinRequest{Bin: id, Link: value(link)})
	return answer.GetBin(), err
}

func (r resolvers) BinHistory(ctx context.Context, bin string, link *string, below *int32, limit int32) (*pb.GetBinHistoryResponse, error) {
	return ask(ctx, r.rpc.GetBinHistory, &pb.GetBinHistoryRequest{Bin: bin, Link: value(link), Below: int64(value(below)), Limit: limit})
}

func (r resolvers) RerunBin(ctx context.Context, bin string, link *string) (*pb.RerunBinResponse, error) {
	return ask(ctx, r.rpc.RerunBin, &pb.RerunBinRequest{Bin: bin, Link: value(link)})
}

func (r resolvers) CreateBin(ctx context.Context, name string, notes *string) (*pb.Bin, error) {
	answer, err := ask(ctx, r.rpc.CreateBin, &pb.CreateBinRequest{Name: name, Notes: value(notes)})
	return answer.GetBin(), err
}

func (r resolvers) EditBin(ctx context.Context, bin string, link *string, seen int32, edits []*BinEditInput) (*pb.EditBinResponse, error) {
	req := &pb.EditBinRequest{Bin: bin, Link: value(link), Seen: int64(seen)}
	for i, e := range edits {
		m, err := e.message(fmt.Sprintf("edits[%d]", i))
		if err != nil {
			return nil, failure{err}
		}
		req.Edits = append(req.Edits, m)
	}
	return ask(ctx, r.rpc.EditBin, req)
}

func (r resolvers) DeleteBin(ctx context.Context, bin string, seen int32) (bool, error) {
	_, err := ask(ctx, r.rpc.DeleteBin, &pb.DeleteBinRequest{Bin: bin, Seen: int64(seen)})
	return err == nil, err
}

func (r resolvers) RestoreBin(ctx context.Context, bin string, link *string, seen, revision int32) (*pb.RestoreBinResponse, error) {
	return ask(ctx, r.rpc.RestoreBin, &pb.RestoreBinRequest{Bin: bin, Link: value(link), Seen: int64(seen), Revision: int64(revision)})
}

// WatchBin tells a bin after each change, until the caller leaves, or the stream ends for a reason of its own.
func (r resolvers) WatchBin(ctx context.Context, bin string, link, known *string) (<-chan *pb.WatchBinResponse, error) {
	return follow(ctx, func(ctx context.Context, tell func(*pb.WatchBinResponse) error) error {
		return r.rpc.FollowBin(ctx, &pb.WatchBinRequest{Bin: bin, Link: value(link), Known: value(known)}, tell)
	})
}

// message returns the edit as the service takes edits. Invalid: not exactly one field is set. gqlgen does not see to that within a list.
func (e *BinEditInput) message(at string) (*pb.BinEdit, error) {
	var set []*pb.BinEdit
	if e.Add != nil {
		set = append(set, &pb.BinEdit{Edit: &pb.BinEdit_Add{Add: &pb.AddClip{Clip: e.Add.Clip.message(), After: value(e.Add.After)}}})
	}
	if e.Remove != nil {
		set = append(set, &pb.BinEdit{Edit: &pb.BinEdit_Remove{Remove: &pb.RemoveClip{Clip: e.Remove.Clip}}})
	}
	if e.Move != nil {
		set = append(set, &pb.BinEdit{Edit: &pb.BinEdit_Move{Move: &pb.MoveClip{Clip: e.Move.Clip, After: value(e.Move.After)}}})
	}
	if e.Trim != nil {
		set = append(set, &pb.BinEdit{Edit: &pb.BinEdit_Trim{Trim: &pb.TrimClip{Clip: e.Trim.Clip, Start: e.Trim.Start, End: e.Trim.End, HandleBefore: value(e.Trim.HandleBefore), HandleAfter: value(e.Trim.HandleAfter)}}})
	}
	if e.Note != nil {
		set = append(set, &pb.BinEdit{Edit: &pb.BinEdit_Note{Note: &pb.NoteClip{Clip: e.Note.Clip, Notes: value(e.Note.Notes), Colour: value(e.Note.Colour)}}})
	}
	if e.PutMarker != nil {
		set = append(set, &pb.BinEdit{Edit: &pb.BinEdit_PutMarker{PutMarker: &pb.PutMarker{Clip: e.PutMarker.Clip, Marker: e.PutMarker.Marker.message()}}})
	}
	if e.RemoveMarker != nil {
		set = append(set, &pb.BinEdit{Edit: &pb.BinEdit_RemoveMarker{RemoveMarker: &pb.RemoveMarker{Clip: e.RemoveMarker.Clip, Marker: e.RemoveMarker.Marker}}})
	}
	if e.Name != nil {
		set = append(set, &pb.BinEdit{Edit: &pb.BinEdit_Name{Name: &pb.NameBin{Name: e.Name.Name, Notes: value(e.Name.Notes)}}})
	}
	if e.Share != nil {
		s := e.Share.Share
		set = append(set, &pb.BinEdit{Edit: &pb.BinEdit_Share{Share: &pb.ShareBin{Share: &pb.Share{With: s.With, Edit: value(s.Edit), UntilMs: value(s.UntilMs)}}}})
	}
	if e.Unshare != nil {
		set = append(set, &pb.BinEdit{Edit: &pb.BinEdit_Unshare{Unshare: &pb.UnshareBin{With: e.Unshare.With}}})
	}
	if len(set) != 1 {
		return nil, errkind.New(errkind.Invalid, "%s: set exactly one of add, remove, move, trim, note, putMarker, removeMarker, name, share and unshare", at)
	}
	return set[0], nil
}

func (c *ClipInput) message() *pb.Clip {
	m := &pb.Clip{Id: value(c.ID), Asset: c.Asset, Start: c.Start, End: c.End, HandleBefore: value(c.HandleBefore), HandleAfter: value(c.HandleAfter), Notes: value(c.Notes), Colour: value(c.Colour),
		Q: value(c.Q), Text: value(c.Text), Language: value(c.Language), Run: value(c.Run), Algorithm: value(c.Algorithm), Version: value(c.Version), Confidence: float32(value(c.Confidence))}
	for _, x := range c.Markers {
		m.Markers = append(m.Markers, x.message())
	}
	return m
}

func (c *ClipMarkerInput) message() *pb.ClipMarker {
	return &pb.ClipMarker{Id: value(c.ID), Time: c.Time, Text: value(c.Text), Colour: value(c.Colour)}
}
