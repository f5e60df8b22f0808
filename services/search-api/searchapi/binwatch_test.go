package searchapi_test

import (
	"context"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/proto"

	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// follow opens a stream of a bin. next returns the next bin that the stream tells, or the stream's end.
func (b *binTest) follow(who string, req *pb.WatchBinRequest) (next func() (*pb.Bin, error)) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
	b.Cleanup(cancel)
	stream, err := b.client.WatchBin(ctx, as(who, req))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = stream.Close() })
	return func() (*pb.Bin, error) {
		for stream.Receive() {
			if bin := stream.Msg().GetBin(); bin != nil {
				return bin, nil
			}
		}
		return nil, stream.Err()
	}
}

// TestWatchBin: a stream tells each change by anybody, without the clips of hidden titles, and ends with the bin and with the share.
func TestWatchBin(t *testing.T) {
	b := newBinTest(t)
	bin := b.create("ann", "cut")
	until := time.Now().Add(3 * time.Second)
	bin = b.mustEdit("ann", bin, b.clip("x", "harbour", 10, 12), shareWith("name:ben", true, 0), shareWith("name:eve", false, until.UnixMilli())).GetBin()
	ben, eve := b.follow("ben", &pb.WatchBinRequest{Bin: bin.GetId()}), b.follow("eve", &pb.WatchBinRequest{Bin: bin.GetId()})
	for _, next := range []func() (*pb.Bin, error){ben, eve} {
		if got, err := next(); err != nil || len(got.GetClips()) != 1 || len(got.GetShares()) != 0 {
			t.Fatalf("the first message: %v, %v", got, err)
		}
	}
	bin = b.mustEdit("ann", bin, b.clip("y", "secret", 10, 12), noteOf("x", "rain")).GetBin()
	if got, err := ben(); err != nil || len(got.GetClips()) != 1 || got.GetClips()[0].GetNotes() != "rain" || got.GetHiddenClips() != 1 {
		t.Errorf("after an edit: %v, %v", got, err)
	}
	if got, err := eve(); err != nil || got.GetRevision() != bin.GetRevision() {
		t.Errorf("the stream beside: %v, %v", got, err)
	}
	// Another process writes into the store.
	other, err := b.lib.Store.Bin(t.Context(), bin.GetId())
	if err != nil {
		t.Fatal(err)
	}
	other = proto.CloneOf(other)
	other.Name = "cut 2"
	if _, err := b.lib.Store.PutBin(t.Context(), other, &pb.BinChange{By: "ann"}); err != nil {
		t.Fatal(err)
	}
	if got, err := ben(); err != nil || got.GetName() != "cut 2" {
		t.Errorf("after an edit by another process: %v, %v", got, err)
	}
	for {
		if _, err = eve(); err != nil {
			break
		}
	}
	b.code("a share that ended", err, connect.CodeNotFound)
	if time.Now().Before(until) {
		t.Error("the stream ended before the share")
	}
	if _, err := b.client.DeleteBin(t.Context(), as("ann", &pb.DeleteBinRequest{Bin: bin.GetId(), Seen: bin.GetRevision() + 1})); err != nil {
		t.Fatal(err)
	}
	_, err = ben()
	b.code("a deleted bin", err, connect.CodeNotFound)
	_, err = b.follow("stranger", &pb.WatchBinRequest{Bin: bin.GetId()})()
	b.code("a stranger", err, connect.CodeUnauthenticated)
}

// TestRestoreBin: an editor takes a bin back to a revision, and takes the restoring back. Clips of hidden titles stay.
func TestRestoreBin(t *testing.T) {
	b := newBinTest(t)
	bin := b.create("ann", "cut")
	first := b.mustEdit("ann", bin, b.clip("x", "harbour", 10, 12), b.clip("y", "secret", 1, 2), shareWith("name:ben", true, 0), shareWith("name:eve", false, 0)).GetBin()
	bin = b.mustEdit("ann", first, noteOf("x", "rain"), b.clip("z", "harbour", 1, 2)).GetBin()
	bin = b.mustEdit("ann", bin, &pb.BinEdit{Edit: &pb.BinEdit_Remove{Remove: &pb.RemoveClip{Clip: "x"}}}, &pb.BinEdit{Edit: &pb.BinEdit_Remove{Remove: &pb.RemoveClip{Clip: "y"}}}).GetBin()
	restore := func(who string, seen, revision int64) (*pb.RestoreBinResponse, error) {
		r, err := b.client.RestoreBin(t.Context(), as(who, &pb.RestoreBinRequest{Bin: bin.GetId(), Seen: seen, Revision: revision}))
		if err != nil {
			return nil, err
		}
		return r.Msg, nil
	}
	_, err := restore("ben", bin.GetRevision()-1, first.GetRevision())
	b.code("a bin that changed", err, connect.CodeAborted)
	_, err = restore("eve", bin.GetRevision(), first.GetRevision())
	b.code("an onlooker", err, connect.CodePermissionDenied)
	_, err = restore("ben", bin.GetRevision(), bin.GetRevision()+1)
	b.code("a revision of the future", err, connect.CodeInvalidArgument)
	got, err := restore("ben", bin.GetRevision(), first.GetRevision())
	if err != nil || got.GetLeftOut() != 1 || len(got.GetBin().GetClips()) != 1 || got.GetBin().GetClips()[0].GetId() != "x" || got.GetBin().GetClips()[0].GetNotes() != "" {
		t.Fatalf("ben restores %v, %v", got, err)
	}
	got, err = restore("ann", got.GetBin().GetRevision(), first.GetRevision())
	if err != nil || got.GetLeftOut() != 0 || len(got.GetBin().GetClips()) != 2 || got.GetBin().GetClips()[1].GetId() != "y" {
		t.Fatalf("ann restores %v, %v", got, err)
	}
	got, err = restore("ann", got.GetBin().GetRevision(), bin.GetRevision())
	if err != nil || len(got.GetBin().GetClips()) != 1 || got.GetBin().GetClips()[0].GetId() != "z" || len(got.GetBin().GetShares()) != 2 {
		t.Fatalf("taken back: %v, %v", got, err)
	}
}
