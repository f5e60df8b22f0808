package searchapi_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
	"github.com/cinedex/cinedex/services/search-api/apitest"
)

// A binTest is a library with the bins of several people.
type binTest struct {
	*testing.T
	client cinedexv1connect.BinServiceClient
	server *apitest.Server
	assets map[string]string // by title
	lib    *apitest.Library
}

func newBinTest(t *testing.T) *binTest {
	l := apitest.New(t)
	l.Add(filmOf("harbour", "black coffee", "white milk", "black coffee again"))
	l.Add(filmOf("secret", "black coffee"))
	b := &binTest{T: t, lib: l, assets: map[string]string{}, server: l.Serve(map[string][]string{"ann": {"*"}, "ben": {"harbour"}, "eve": {"harbour"}})}
	b.client = cinedexv1connect.NewBinServiceClient(http.DefaultClient, b.server.URL)
	for a, err := range l.Store.AllAssets(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		b.assets[a.GetTitle().GetId()] = a.GetId()
	}
	return b
}

func (b *binTest) create(who, name string) *pb.Bin {
	b.Helper()
	r, err := b.client.CreateBin(b.Context(), as(who, &pb.CreateBinRequest{Name: name}))
	if err != nil {
		b.Fatal(err)
	}
	return r.Msg.GetBin()
}

func (b *binTest) edit(who string, at *pb.Bin, link string, edits ...*pb.BinEdit) (*pb.EditBinResponse, error) {
	r, err := b.client.EditBin(b.Context(), as(who, &pb.EditBinRequest{Bin: at.GetId(), Link: link, Seen: at.GetRevision(), Edits: edits}))
	if err != nil {
		return nil, err
	}
	return r.Msg, nil
}

func (b *binTest) mustEdit(who string, at *pb.Bin, edits ...*pb.BinEdit) *pb.EditBinResponse {
	b.Helper()
	r, err := b.edit(who, at, "", edits...)
	if err != nil {
		b.Fatal(err)
	}
	return r
}

func (b *binTest) get(who string, at *pb.Bin, link string) (*pb.Bin, error) {
	r, err := b.client.GetBin(b.Context(), as(who, &pb.GetBinRequest{Bin: at.GetId(), Link: link}))
	if err != nil {
		return nil, err
	}
	return r.Msg.GetBin(), nil
}

func (b *binTest) clip(id, title string, from, to int64) *pb.BinEdit {
	return &pb.BinEdit{Edit: &pb.BinEdit_Add{Add: &pb.AddClip{Clip: &pb.Clip{Id: id, Asset: b.assets[title], Start: from * int64(schema.Second), End: to * int64(schema.Second)}}}}
}

func shareWith(with string, edit bool, until int64) *pb.BinEdit {
	return &pb.BinEdit{Edit: &pb.BinEdit_Share{Share: &pb.ShareBin{Share: &pb.Share{With: with, Edit: edit, UntilMs: until}}}}
}

func noteOf(clip, notes string) *pb.BinEdit {
	return &pb.BinEdit{Edit: &pb.BinEdit_Note{Note: &pb.NoteClip{Clip: clip, Notes: notes}}}
}

func (b *binTest) code(what string, err error, want connect.Code) {
	b.Helper()
	if connect.CodeOf(err) != want {
		b.Errorf("%s: %v, want %s", what, err, want)
	}
}

// A bin has the clips of titles that the caller may see, counts the others, and is for the people that the bin is shared with.
func TestBinsAreShared(t *testing.T) {
	b := newBinTest(t)
	bin := b.create("ann", "cut")
	bin = b.mustEdit("ann", bin, b.clip("x", "harbour", 10, 12), b.clip("y", "secret", 10, 12)).GetBin()
	if c := bin.GetClips()[0]; c.GetStartTimecode() != "00:00:10:00" || c.GetEndFrame() != 300 || c.GetTitleName() != "The harbour" {
		t.Errorf("the clip is shown as %v", c)
	}
	_, err := b.get("ben", bin, "")
	b.code("a bin that is not shared", err, connect.CodeNotFound)
	_, err = b.get("stranger", bin, "")
	b.code("a stranger", err, connect.CodeUnauthenticated)

	bin = b.mustEdit("ann", bin, shareWith("name:ben", false, 0)).GetBin()
	seen, err := b.get("ben", bin, "")
	if err != nil || len(seen.GetClips()) != 1 || seen.GetHiddenClips() != 1 || seen.GetEditable() || len(seen.GetShares()) != 0 {
		t.Fatalf("the shared bin is %v, %v", seen, err)
	}
	_, err = b.edit("ben", bin, "", noteOf("x", "rain"))
	b.code("an edit without the right", err, connect.CodePermissionDenied)
	list, err := b.client.ListBins(t.Context(), as("ben", &pb.ListBinsRequest{}))
	if err != nil || len(list.Msg.GetBins()) != 1 || list.Msg.GetBins()[0].GetClipCount() != 1 || len(list.Msg.GetBins()[0].GetClips()) != 0 {
		t.Errorf("ben's bins: %v, %v", list, err)
	}
	known, err := b.client.GetBin(t.Context(), as("ben", &pb.GetBinRequest{Bin: bin.GetId(), Known: seen.GetTag()}))
	if err != nil || !known.Msg.GetUnchanged() || known.Msg.GetBin() != nil {
		t.Errorf("the bin that the client has: %v, %v", known, err)
	}

	bin = b.mustEdit("ann", bin, shareWith("name:ben", true, 0)).GetBin()
	bin = b.mustEdit("ben", bin, noteOf("x", "rain"), noteOf("y", "not seen")).GetBin()
	all, err := b.get("ann", bin, "")
	if err != nil || all.GetClips()[0].GetNotes() != "rain" || all.GetClips()[1].GetNotes() != "" {
		t.Errorf("after ben's notes: %v, %v", all, err)
	}
	_, err = b.edit("ben", bin, "", shareWith("everybody", true, 0))
	b.code("a share by an editor", err, connect.CodePermissionDenied)
	_, err = b.client.DeleteBin(t.Context(), as("ben", &pb.DeleteBinRequest{Bin: bin.GetId(), Seen: bin.GetRevision()}))
	b.code("a deletion by an editor", err, connect.CodePermissionDenied)
	_, err = b.edit("ben", bin, "", b.clip("z", "secret", 1, 2))
	b.code("a clip of a hidden title", err, connect.CodeNotFound)
	history, err := b.client.GetBinHistory(t.Context(), as("ben", &pb.GetBinHistoryRequest{Bin: bin.GetId()}))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range history.Msg.GetChanges() {
		for _, e := range c.GetEdits() {
			if e.GetShare() != nil || e.GetAdd().GetClip().GetId() == "y" {
				t.Errorf("ben reads in the history: %v", e)
			}
		}
	}
	_, err = b.client.DeleteBin(t.Context(), as("ann", &pb.DeleteBinRequest{Bin: bin.GetId(), Seen: bin.GetRevision() - 1}))
	b.code("a deletion of a bin that changed", err, connect.CodeAborted)
	if _, err = b.client.DeleteBin(t.Context(), as("ann", &pb.DeleteBinRequest{Bin: bin.GetId(), Seen: bin.GetRevision()})); err != nil {
		t.Error(err)
	}
	_, err = b.get("ben", bin, "")
	b.code("a deleted bin", err, connect.CodeNotFound)
}

// A link opens a bin to whoever has its secret, until the link ends.
func TestBinLinks(t *testing.T) {
	b := newBinTest(t)
	bin := b.create("ann", "cut")
	r := b.mustEdit("ann", bin, b.clip("x", "harbour", 10, 12), shareWith("link", false, 0))
	bin = r.GetBin()
	secret := r.GetLinks()[0].GetSecret()
	if s := bin.GetShares()[0]; len(s.GetSecret()) != 0 {
		t.Errorf("the answer tells %v", s)
	}
	_, err := b.get("eve", bin, "")
	b.code("without the secret", err, connect.CodeNotFound)
	_, err = b.get("eve", bin, secret+"x")
	b.code("with another secret", err, connect.CodeNotFound)
	if _, err = b.get("eve", bin, secret); err != nil {
		t.Error(err)
	}
	_, err = b.edit("eve", bin, secret, noteOf("x", "rain"))
	b.code("an edit by a link for looking", err, connect.CodePermissionDenied)
	bin = b.mustEdit("ann", bin, &pb.BinEdit{Edit: &pb.BinEdit_Unshare{Unshare: &pb.UnshareBin{With: r.GetLinks()[0].GetWith()}}}).GetBin()
	_, err = b.get("eve", bin, secret)
	b.code("an ended link", err, connect.CodeNotFound)

	until := time.Now().Add(300 * time.Millisecond)
	r = b.mustEdit("ann", bin, shareWith("link", false, until.UnixMilli()))
	secret = r.GetLinks()[0].GetSecret()
	time.Sleep(time.Until(until) + 2*time.Millisecond) // a link that ends by the clock
	_, err = b.get("eve", bin, secret)
	b.code("a link after its time", err, connect.CodeNotFound)
	_, err = b.edit("ann", r.GetBin(), "", shareWith("link", false, 1))
	b.code("a link that has ended already", err, connect.CodeInvalidArgument)
}

// A bin is handed off in its own order, with each clip's handles and markers, and without the clips that the caller may not see.
func TestBinHandOff(t *testing.T) {
	b := newBinTest(t)
	bin := b.create("ann", "cut")
	const second = int64(schema.Second)
	bin = b.mustEdit("ann", bin, b.clip("x", "harbour", 20, 22), b.clip("y", "secret", 10, 12), b.clip("z", "harbour", 10, 12), shareWith("everybody", false, 0)).GetBin()
	b.mustEdit("ann", bin, &pb.BinEdit{Edit: &pb.BinEdit_Trim{Trim: &pb.TrimClip{Clip: "z", Start: 10 * second, End: 12 * second, HandleBefore: second}}}, noteOf("z", "the best"),
		&pb.BinEdit{Edit: &pb.BinEdit_PutMarker{PutMarker: &pb.PutMarker{Clip: "z", Marker: &pb.ClipMarker{Time: 11 * second, Text: "cut here", Colour: "red"}}}})
	export := func(who string, handles int32) (string, []string) {
		t.Helper()
		client := cinedexv1connect.NewExportServiceClient(http.DefaultClient, b.server.URL)
		stream, err := client.Export(t.Context(), as(who, &pb.ExportRequest{Format: "edl", Bin: bin.GetId(), Handles: handles}))
		if err != nil {
			t.Fatal(err)
		}
		defer stream.Close()
		var file, notes = "", []string(nil)
		for stream.Receive() {
			file, notes = file+string(stream.Msg().GetData()), append(notes, stream.Msg().GetNotes()...)
		}
		if err := stream.Err(); err != nil {
			t.Fatal(err)
		}
		return file, notes
	}
	file, notes := export("ann", 0)
	for _, want := range []string{"00:00:20:00 00:00:22:00 01:00:00:00 01:00:02:00", "00:00:10:00 00:00:12:00 01:00:02:00 01:00:04:00", "00:00:09:00 00:00:12:00 01:00:04:00 01:00:07:00", "cut here"} {
		if !strings.Contains(file, want) {
			t.Errorf("the file lacks %q:\n%s", want, file)
		}
	}
	if len(notes) != 0 {
		t.Errorf("notes %q", notes)
	}
	if file, _ := export("ann", 25); !strings.Contains(file, "00:00:19:00 00:00:23:00") {
		t.Errorf("with handles of a second:\n%s", file)
	}
	file, notes = export("ben", 0)
	if strings.Contains(file, b.assets["secret"]) || strings.Contains(file, "\n003") || len(notes) != 1 || !strings.HasPrefix(notes[0], "1 clips of the bin were left out") {
		t.Errorf("what ben gets: %q\n%s", notes, file)
	}
}

// Many editors at once: each edit is in the bin and in the history once.
func TestEditorsAtOnce(t *testing.T) {
	b := newBinTest(t)
	bin := b.create("ann", "cut")
	bin = b.mustEdit("ann", bin, shareWith("name:ben", true, 0), shareWith("name:eve", true, 0)).GetBin()
	const each = 8
	var wg sync.WaitGroup
	for _, who := range []string{"ann", "ben", "eve"} {
		wg.Go(func() {
			for i := range each {
				r, err := b.edit(who, bin, "", b.clip(fmt.Sprint(who, i), "harbour", int64(i), int64(i+1)))
				if err != nil || len(r.GetConflicts()) > 0 {
					t.Errorf("%s %d: %v, %v", who, i, r.GetConflicts(), err)
				}
			}
		})
	}
	wg.Wait()
	bin, err := b.get("ann", bin, "")
	if err != nil || len(bin.GetClips()) != 3*each || bin.GetRevision() != 2+3*each {
		t.Fatalf("%d clips in revision %d, %v", len(bin.GetClips()), bin.GetRevision(), err)
	}
	changes := 0
	for below := int64(0); ; {
		r, err := b.client.GetBinHistory(t.Context(), as("ann", &pb.GetBinHistoryRequest{Bin: bin.GetId(), Below: below, Limit: 10}))
		if err != nil {
			t.Fatal(err)
		}
		changes += len(r.Msg.GetChanges())
		if below = r.Msg.GetBelow(); below == 0 {
			break
		}
	}
	if changes != int(bin.GetRevision()) {
		t.Errorf("the history has %d changes of %d", changes, bin.GetRevision())
	}
}

// A rerun tells which clips the queries still find, by which run, and what is new.
func TestBinRerun(t *testing.T) {
	b := newBinTest(t)
	bin := b.create("ann", "coffee")
	search := cinedexv1connect.NewSearchServiceClient(http.DefaultClient, b.server.URL)
	found, err := search.Search(context.Background(), as("ann", &pb.SearchRequest{Q: "dialogue:coffee title:harbour"}))
	if err != nil || found.Msg.GetTotal().GetCount() != 2 {
		t.Fatalf("%v, %v", found, err)
	}
	h := found.Msg.GetHits()[0]
	kept := &pb.Clip{Id: "kept", Asset: h.GetAsset(), Start: h.GetStart(), End: h.GetEnd(), Q: found.Msg.GetQuery(), Run: h.GetEvidence()[0].GetRun()}
	older := &pb.Clip{Id: "older", Asset: h.GetAsset(), Start: h.GetStart(), End: h.GetEnd(), Q: found.Msg.GetQuery(), Run: "an earlier run"}
	gone := &pb.Clip{Id: "gone", Asset: h.GetAsset(), Start: 1, End: 2, Q: found.Msg.GetQuery()}
	byHand := &pb.Clip{Id: "hand", Asset: h.GetAsset(), Start: 1, End: 2}
	broken := &pb.Clip{Id: "broken", Asset: h.GetAsset(), Start: 1, End: 2, Q: "dialogue:("}
	var edits []*pb.BinEdit
	for _, c := range []*pb.Clip{kept, older, gone, byHand, broken} {
		edits = append(edits, &pb.BinEdit{Edit: &pb.BinEdit_Add{Add: &pb.AddClip{Clip: c}}})
	}
	b.mustEdit("ann", bin, edits...)
	r, err := b.client.RerunBin(t.Context(), as("ann", &pb.RerunBinRequest{Bin: bin.GetId()}))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]pb.ClipVerdict{}
	for _, c := range r.Msg.GetClips() {
		got[c.GetClip()] = c.GetVerdict()
	}
	want := map[string]pb.ClipVerdict{"kept": pb.ClipVerdict_CLIP_VERDICT_SAME, "older": pb.ClipVerdict_CLIP_VERDICT_FOUND_AGAIN,
		"gone": pb.ClipVerdict_CLIP_VERDICT_GONE, "broken": pb.ClipVerdict_CLIP_VERDICT_UNSPECIFIED}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("verdicts %v, want %v", got, want)
	}
	if q := r.Msg.GetQueries(); len(q) != 1 || len(q[0].GetFound()) != 1 || q[0].GetFound()[0].GetText() != "black coffee again" {
		t.Errorf("new hits: %v", q)
	}
	if len(r.Msg.GetLeftOut()) != 1 {
		t.Errorf("left out: %v", r.Msg.GetLeftOut())
	}
}
