package graphqlapi_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
	"github.com/cinedex/cinedex/services/search-api/apitest"
)

// TestBins: bins are made, edited, restored and deleted over GraphQL, and every answer is the answer over RPC.
func TestBins(t *testing.T) {
	s, sdl := serve(t), theSchema(t)
	rpc := cinedexv1connect.NewBinServiceClient(http.DefaultClient, s.URL)
	asset := apitest.AssetOf("harbour")
	second := int64(schema.Second)
	run := func(token, document string, variables map[string]any, field string, into proto.Message) answer {
		t.Helper()
		a := ask(t, s, token, document, variables)
		if into == nil {
			return a
		}
		if len(a.Errors) > 0 {
			t.Fatalf("%s: %v", field, a.Errors)
		}
		text := string(a.Data[field])
		for short, name := range map[string]string{"SAME": "CLIP_VERDICT_SAME", "FOUND_AGAIN": "CLIP_VERDICT_FOUND_AGAIN", "GONE": "CLIP_VERDICT_GONE"} {
			text = strings.ReplaceAll(text, `"verdict":"`+short+`"`, `"verdict":"`+name+`"`)
		}
		if err := protojson.Unmarshal([]byte(text), into); err != nil {
			t.Fatalf("%v: %.500s", err, text)
		}
		return a
	}
	wholeBin, clip := everything(sdl, "Bin"), map[string]any{
		"id": "first", "asset": asset, "start": fmt.Sprint(8 * second), "end": fmt.Sprint(12 * second), "handleBefore": second, "notes": "the best", "colour": "red", "q": `dialogue.words:"coffee"`,
		"text": "A black coffee, captain.", "language": "en-GB", "confidence": 0.5, "markers": []any{map[string]any{"id": "m", "time": 9 * second, "text": "here", "colour": "blue"}},
	}
	made := &pb.Bin{}
	run("all", `mutation { createBin(name: "Harbour", notes: "by night")`+wholeBin+`}`, nil, "createBin", made)
	if made.GetName() != "Harbour" || made.GetNotes() != "by night" || !made.GetOwned() || made.GetRevision() != 1 {
		t.Fatalf("made: %v", made)
	}
	editing := `mutation($bin: ID!, $seen: Int!, $edits: [BinEditInput!]!) { editBin(bin: $bin, seen: $seen, edits: $edits)` + everything(sdl, "BinEdited") + `}`
	edited := &pb.EditBinResponse{}
	run("all", editing, map[string]any{"bin": made.GetId(), "seen": 1, "edits": []any{
		map[string]any{"add": map[string]any{"clip": clip}},
		map[string]any{"add": map[string]any{"clip": map[string]any{"id": "second", "asset": asset, "start": "0", "end": second}}},
		map[string]any{"name": map[string]any{"name": "The harbour"}},
		map[string]any{"share": map[string]any{"share": map[string]any{"with": "link", "untilMs": "4102444800000"}}},
	}}, "editBin", edited)
	if len(edited.GetBin().GetClips()) != 2 || len(edited.GetLinks()) != 1 || edited.GetBin().GetClips()[0].GetMarkers()[0].GetText() != "here" || edited.GetBin().GetShares()[0].GetUntilMs() != 4102444800000 {
		t.Fatalf("edited: %v", edited)
	}
	run("all", editing, map[string]any{"bin": made.GetId(), "seen": 2, "edits": []any{
		map[string]any{"move": map[string]any{"clip": "second"}},
		map[string]any{"trim": map[string]any{"clip": "first", "start": 9 * second, "end": 11 * second}},
		map[string]any{"note": map[string]any{"clip": "first", "notes": "cut", "colour": "green"}},
		map[string]any{"putMarker": map[string]any{"clip": "first", "marker": map[string]any{"id": "n", "time": 10 * second}}},
		map[string]any{"removeMarker": map[string]any{"clip": "first", "marker": "m"}},
	}}, "editBin", edited)
	// An edit of what somebody else has changed since is told.
	run("all", editing, map[string]any{"bin": made.GetId(), "seen": 2, "edits": []any{map[string]any{"trim": map[string]any{"clip": "first", "start": 8 * second, "end": 12 * second}}}}, "editBin", edited)
	if len(edited.GetConflicts()) != 1 || edited.GetConflicts()[0].GetClip().GetStart() != 9*second {
		t.Errorf("conflicts: %v", edited.GetConflicts())
	}
	// An edit that sets no field, or two, is refused with its place in the list, and nothing of the list is made. gqlgen does not check @oneOf within a list.
	renaming := map[string]any{"name": map[string]any{"name": "Renamed"}}
	for name, wrong := range map[string]any{
		"none": map[string]any{}, "null": map[string]any{"remove": nil},
		"two": map[string]any{"remove": map[string]any{"clip": "a"}, "unshare": map[string]any{"with": "b"}},
	} {
		a := run("all", editing, map[string]any{"bin": made.GetId(), "seen": 3, "edits": []any{renaming, wrong}}, "", nil)
		if a.code() != "invalid" || !strings.HasPrefix(a.Errors[0].Message, "edits[1]: set exactly one of add, remove, ") {
			t.Errorf("an edit of %s: %v", name, a.Errors)
		}
	}
	for name, wrong := range map[string]string{"none": `{}`, "two": `{remove: {clip: "a"}, unshare: {with: "b"}}`} { // written in the document
		a := run("all", fmt.Sprintf(`mutation { editBin(bin: %q, seen: 3, edits: [%s]) { bin { id } } }`, made.GetId(), wrong), nil, "", nil)
		if len(a.Errors) != 1 || !strings.Contains(a.Errors[0].Message, "exactly one") {
			t.Errorf("a written edit of %s: %v", name, a.Errors)
		}
	}
	if a := run("all", editing, map[string]any{"bin": made.GetId(), "seen": 3, "edits": []any{map[string]any{"add": map[string]any{"clip": map[string]any{"asset": "none", "start": 0, "end": 1}}}}}, "", nil); a.code() != "not_found" {
		t.Errorf("a clip of no asset: %v", a.Errors)
	}

	// Every answer is the answer over RPC.
	got, want := &pb.ListBinsResponse{}, must(rpc.ListBins(t.Context(), bearer("all", &pb.ListBinsRequest{})))
	listed := run("all", `{ bins`+strings.Replace(everything(sdl, "BinPage"), everything(sdl, "Clip"), " { id }", 1)+`}`, nil, "bins", got)
	if same(t, got, want); len(got.GetBins()) != 1 {
		t.Errorf("listed: %s", listed.Data)
	}
	bin := &pb.Bin{}
	run("all", fmt.Sprintf(`{ bin(id: %q)`, made.GetId())+wholeBin+`}`, nil, "bin", bin)
	same(t, bin, must(rpc.GetBin(t.Context(), bearer("all", &pb.GetBinRequest{Bin: made.GetId()}))).GetBin())
	history := &pb.GetBinHistoryResponse{}
	run("all", fmt.Sprintf(`{ binHistory(bin: %q, limit: 10)`, made.GetId())+everything(sdl, "BinHistory")+`}`, nil, "binHistory", history)
	if same(t, history, must(rpc.GetBinHistory(t.Context(), bearer("all", &pb.GetBinHistoryRequest{Bin: made.GetId(), Limit: 10})))); len(history.GetChanges()) != 3 {
		t.Errorf("the history has %d changes", len(history.GetChanges()))
	}
	rerun := &pb.RerunBinResponse{}
	run("all", fmt.Sprintf(`{ rerunBin(bin: %q)`, made.GetId())+everything(sdl, "BinRerun")+`}`, nil, "rerunBin", rerun)
	if same(t, rerun, must(rpc.RerunBin(t.Context(), bearer("all", &pb.RerunBinRequest{Bin: made.GetId()})))); len(rerun.GetClips()) != 1 {
		t.Errorf("re-run: %v", rerun)
	}

	// A bin of somebody else does not exist, and opens by the secret of a link: without the clips of titles that the caller may not see.
	for name, document := range map[string]string{
		"bin": `{ bin(id: %q) { id } }`, "binHistory": `{ binHistory(bin: %q) { below } }`, "rerunBin": `{ rerunBin(bin: %q) { leftOut } }`, "deleteBin": `mutation { deleteBin(bin: %q, seen: 3) }`,
		"restoreBin": `mutation { restoreBin(bin: %q, seen: 3, revision: 1) { leftOut } }`, "editBin": `mutation { editBin(bin: %q, seen: 3, edits: []) { bin { id } } }`,
	} {
		if a := run("harbour-only", fmt.Sprintf(document, made.GetId()), nil, "", nil); a.code() != "not_found" {
			t.Errorf("%s of somebody else: %v", name, a.Errors)
		}
	}
	opened := &pb.Bin{}
	run("harbour-only", `query($bin: ID!, $link: String) { bin(id: $bin, link: $link) { id name clips { id } editable } }`, map[string]any{"bin": made.GetId(), "link": linkSecret(t, s, made.GetId(), editing)}, "bin", opened)
	if len(opened.GetClips()) != 2 || opened.GetEditable() {
		t.Errorf("by the link: %v", opened)
	}

	// A stream tells the bin, and the bin anew after a change.
	next := subscribe(t, s, "all", fmt.Sprintf(`subscription { watchBin(bin: %q) { bin { name revision } } }`, made.GetId()))
	first := next()
	restored := &pb.RestoreBinResponse{}
	run("all", fmt.Sprintf(`mutation { restoreBin(bin: %q, seen: %d, revision: 1)`, made.GetId(), first.GetBin().GetRevision())+everything(sdl, "BinRestored")+`}`, nil, "restoreBin", restored)
	if restored.GetBin().GetName() != "Harbour" || len(restored.GetBin().GetClips()) != 0 {
		t.Errorf("restored: %v", restored)
	}
	if m := next(); m.GetBin().GetName() != "Harbour" || m.GetBin().GetRevision() != restored.GetBin().GetRevision() {
		t.Errorf("told: %v after %v", m, first)
	}
	if a := run("all", fmt.Sprintf(`mutation { deleteBin(bin: %q, seen: 1) }`, made.GetId()), nil, "", nil); a.code() != "conflict" {
		t.Errorf("deleting a bin that changed: %v", a.Errors)
	}
	if a := run("all", fmt.Sprintf(`mutation { deleteBin(bin: %q, seen: %d) }`, made.GetId(), restored.GetBin().GetRevision()), nil, "", nil); string(a.Data["deleteBin"]) != "true" {
		t.Errorf("deleted: %s %v", a.Data, a.Errors)
	}
}

// linkSecret makes a link of a bin, and returns the secret.
func linkSecret(t *testing.T, s *apitest.Server, bin, editing string) string {
	t.Helper()
	a := ask(t, s, "all", editing, map[string]any{"bin": bin, "seen": 3, "edits": []any{map[string]any{"share": map[string]any{"share": map[string]any{"with": "link"}}}}})
	var edited struct{ Links []struct{ Secret string } }
	if err := json.Unmarshal(a.Data["editBin"], &edited); err != nil || len(edited.Links) != 1 {
		t.Fatalf("%v: %s %v", err, a.Data, a.Errors)
	}
	return edited.Links[0].Secret
}

// subscribe begins a subscription to a bin. The returned function waits for the next message with a bin.
func subscribe(t *testing.T, s *apitest.Server, token, document string) func() *pb.WatchBinResponse {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/graphql", strings.NewReader(request(document, nil)))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "text/event-stream")
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	lines := bufio.NewScanner(resp.Body)
	return func() *pb.WatchBinResponse {
		t.Helper()
		for lines.Scan() {
			data, ok := strings.CutPrefix(lines.Text(), "data: ")
			if !ok || data == "" {
				continue
			}
			var m struct {
				Data struct{ WatchBin json.RawMessage }
			}
			told := &pb.WatchBinResponse{}
			if err := json.Unmarshal([]byte(data), &m); err != nil || protojson.Unmarshal(m.Data.WatchBin, told) != nil {
				t.Fatalf("%v: %s", err, data)
			}
			if told.GetBin() != nil {
				return told
			}
		}
		t.Fatalf("the stream ended: %v", lines.Err())
		return nil
	}
}

func bearer[T any](token string, m *T) *connect.Request[T] {
	r := connect.NewRequest(m)
	r.Header().Set("Authorization", "Bearer "+token)
	return r
}

func must[T any](r *connect.Response[T], err error) *T {
	if err != nil {
		panic(err)
	}
	return r.Msg
}
