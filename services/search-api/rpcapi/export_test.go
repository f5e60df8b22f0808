package rpcapi_test

import (
	"bytes"
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/pkg/handoff"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
	"github.com/cinedex/cinedex/services/search-api/apitest"
)

// exporter calls Export with a token.
type exporter struct {
	client cinedexv1connect.ExportServiceClient
}

func newExporter(s *apitest.Server, token string) exporter {
	return exporter{cinedexv1connect.NewExportServiceClient(http.DefaultClient, s.URL, connect.WithInterceptors(bearerOf(token)))}
}

// bearerOf sends a token along with calls of streams.
type bearerOf string

func (b bearerOf) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc { return next }
func (b bearerOf) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return func(ctx context.Context, s connect.Spec) connect.StreamingClientConn {
		c := next(ctx, s)
		c.RequestHeader().Set("Authorization", "Bearer "+string(b))
		return c
	}
}
func (b bearerOf) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return next
}

func (e exporter) export(t *testing.T, req *pb.ExportRequest) (about *pb.ExportFile, file []byte, notes []string, err error) {
	t.Helper()
	stream, err := e.client.Export(t.Context(), connect.NewRequest(req))
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	for stream.Receive() {
		m := stream.Msg()
		if m.GetFile() != nil {
			if about != nil {
				t.Error("the file is described twice")
			}
			about = m.GetFile()
		}
		file, notes = append(file, m.GetData()...), append(notes, m.GetNotes()...)
	}
	return about, file, notes, stream.Err()
}

func exportLibrary(t *testing.T) (*apitest.Server, *pb.Asset, *pb.Asset) {
	t.Helper()
	l := apitest.New(t)
	harbour := l.Add(apitest.Film{Title: "harbour", Name: "The Harbour", Rate: schema.Rate{Num: 30000, Den: 1001}, StartTimecode: "00:59:58;00", Media: &pb.MediaRef{Bucket: "file:///films", Key: "secret/harbour.mov"},
		Shots: []apitest.Shot{{Seconds: 10, Colour: apitest.Red, Label: "lighthouse", LabelConfidence: 0.9}, {Seconds: 20, Colour: apitest.Blue, Label: "boat", LabelConfidence: 0.9}},
		Lines: []apitest.Line{{From: 1, To: 3, Language: "en", Text: "A black coffee, captain."}, {From: 1, To: 3, Language: "de", Text: "Einen schwarzen Kaffee, Käpt'n."}, {From: 12, To: 14, Language: "en", Text: "More coffee."}}})
	secret := l.Add(apitest.Film{Title: "secret", Name: "Secret", Shots: []apitest.Shot{{Seconds: 10, Colour: apitest.Red, Label: "lighthouse", LabelConfidence: 0.9}},
		Lines: []apitest.Line{{From: 1, To: 3, Language: "en", Text: "Secret coffee."}}})
	return l.Serve(map[string][]string{"reader": {"harbour"}, "all": {"*"}, "nothing": {"other"}}), harbour, secret
}

// The matches of a search, and whole kinds, are exported with the frames of the answer; titles that the caller may not see have no part.
func TestExport(t *testing.T) {
	s, harbour, secret := exportLibrary(t)
	reader := newExporter(s, "reader")
	about, file, _, err := reader.export(t, &pb.ExportRequest{Format: "csv", Search: &pb.SearchRequest{Q: "dialogue:coffee", Order: "time"}})
	if err != nil || about.GetName() != "dialogue-coffee.csv" || about.GetClips() != 2 {
		t.Fatalf("%v, %v: %s", err, about, file)
	}
	if text := string(file); !strings.Contains(text, ",29,90,00:59:58;29,01:00:01;00,") || !strings.Contains(text, "A black coffee, captain.") || strings.Contains(strings.ToLower(text), "secret") {
		t.Errorf("the table is\n%s", text)
	}
	about, file, notes, err := reader.export(t, &pb.ExportRequest{Format: "edl", Asset: harbour.GetId(), Kinds: []string{"shot"}, Handles: 12, Reel: "a001", Name: "Shots: all"})
	if err != nil || about.GetName() != "shots-all.edl" || about.GetClips() != 2 {
		t.Fatalf("%v, %v: %s", err, about, file)
	}
	if text := string(file); !strings.Contains(text, "001  A001     V     C        00:59:58;00 01:00:08;12 01:00:00;00 ") || !strings.Contains(text, "* LOC: 01:00:00;00 ") {
		t.Errorf("the list is\n%s", text)
	}
	if !slices.ContainsFunc(notes, func(n string) bool { return strings.Contains(n, "handles are shorter") }) {
		t.Errorf("the notes are %q", notes)
	}
	_, file, _, err = reader.export(t, &pb.ExportRequest{Format: "srt", Asset: harbour.GetId(), Kinds: []string{"dialogue"}, Language: "de"})
	if err != nil || !strings.Contains(string(file), "Kaffee") || strings.Contains(string(file), "coffee") {
		t.Errorf("%v: the subtitles are\n%s", err, file)
	}
	all := newExporter(s, "all")
	if about, _, _, err := all.export(t, &pb.ExportRequest{Format: "otio", Search: &pb.SearchRequest{Q: "dialogue:coffee"}}); err != nil || about.GetClips() != 3 {
		t.Errorf("%v: %v", err, about)
	}
	_, edl, _, err := all.export(t, &pb.ExportRequest{Format: "edl", Search: &pb.SearchRequest{Q: "dialogue:coffee"}, Rate: "25"})
	if err != nil || bytes.Count(edl, []byte("FROM CLIP NAME")) != 1 || !bytes.Contains(edl, []byte(secret.GetId())) {
		t.Errorf("%v: the list of one rate is\n%s", err, edl)
	}
}

// A wrong request, and a request for what the caller may not see, is refused with the field, and without a file.
func TestExportRefuses(t *testing.T) {
	s, harbour, secret := exportLibrary(t)
	reader := newExporter(s, "reader")
	query := func(q string) *pb.SearchRequest { return &pb.SearchRequest{Q: q} }
	for name, c := range map[string]struct {
		req  *pb.ExportRequest
		code connect.Code
		says string
	}{
		"no format":        {&pb.ExportRequest{Format: "docx", Search: query("coffee")}, connect.CodeInvalidArgument, "the formats are otio"},
		"nothing":          {&pb.ExportRequest{Format: "edl"}, connect.CodeInvalidArgument, "search, asset"},
		"both":             {&pb.ExportRequest{Format: "edl", Search: query("coffee"), Asset: harbour.GetId(), Kinds: []string{"shot"}}, connect.CodeInvalidArgument, "search, asset"},
		"no kinds":         {&pb.ExportRequest{Format: "edl", Asset: harbour.GetId()}, connect.CodeInvalidArgument, "kinds"},
		"unseen asset":     {&pb.ExportRequest{Format: "edl", Asset: secret.GetId(), Kinds: []string{"shot"}}, connect.CodeNotFound, "there is no asset"},
		"no asset":         {&pb.ExportRequest{Format: "edl", Asset: "none", Kinds: []string{"shot"}}, connect.CodeNotFound, "there is no asset"},
		"no match":         {&pb.ExportRequest{Format: "edl", Search: query("dialogue.words:secret")}, connect.CodeInvalidArgument, "nothing matches"},
		"bad query":        {&pb.ExportRequest{Format: "edl", Search: query("(")}, connect.CodeInvalidArgument, ""},
		"long reel":        {&pb.ExportRequest{Format: "edl", Search: query("dialogue:coffee"), Reel: "NINELONG9"}, connect.CodeInvalidArgument, "reel"},
		"handles":          {&pb.ExportRequest{Format: "edl", Search: query("dialogue:coffee"), Handles: -1}, connect.CodeInvalidArgument, "handles"},
		"limit":            {&pb.ExportRequest{Format: "edl", Search: query("dialogue:coffee"), Limit: 1 << 30}, connect.CodeInvalidArgument, "limit"},
		"record start":     {&pb.ExportRequest{Format: "edl", Search: query("dialogue:coffee"), RecordStart: "25:00:00:00"}, connect.CodeInvalidArgument, "record start"},
		"two languages":    {&pb.ExportRequest{Format: "srt", Asset: harbour.GetId(), Kinds: []string{"dialogue"}}, connect.CodeInvalidArgument, "de, en"},
		"media base":       {&pb.ExportRequest{Format: "otio", Search: query("dialogue:coffee"), MediaBase: "/films"}, connect.CodeInvalidArgument, "media_base"},
		"other rate":       {&pb.ExportRequest{Format: "otio", Search: query("dialogue:coffee"), Rate: "24"}, connect.CodeInvalidArgument, "rate"},
		"page of a search": {&pb.ExportRequest{Format: "otio", Search: &pb.SearchRequest{Q: "coffee", Limit: 3}}, connect.CodeInvalidArgument, "search"},
	} {
		about, file, _, err := reader.export(t, c.req)
		if connect.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.says) || about != nil || len(file) > 0 {
			t.Errorf("%s: %v, %v, %d bytes", name, err, about, len(file))
		}
	}
	if _, _, _, err := newExporter(s, "nobody").export(t, &pb.ExportRequest{Format: "edl", Search: query("coffee")}); connect.CodeOf(err) != connect.CodeUnauthenticated {
		t.Errorf("a stranger gets %v", err)
	}
	mixed := &pb.ExportRequest{Format: "edl", Search: query("dialogue:coffee")}
	if _, _, _, err := newExporter(s, "all").export(t, mixed); err == nil || !strings.Contains(err.Error(), "29.97 and 25 frames a second") && !strings.Contains(err.Error(), "25 and 29.97 frames a second") {
		t.Errorf("two rates in an EDL: %v", err)
	}
}

// Every format writes the shots of a film, and tells its name and its type.
func TestExportFormats(t *testing.T) {
	s, harbour, _ := exportLibrary(t)
	reader := newExporter(s, "reader")
	for _, f := range handoff.Formats() {
		if f.Name == "pdf" || f.Name == "clips" { // need the film
			continue
		}
		about, file, _, err := reader.export(t, &pb.ExportRequest{Format: f.Name, Asset: harbour.GetId(), Kinds: []string{"dialogue"}, Language: "en"})
		if err != nil || len(file) == 0 || !strings.HasSuffix(about.GetName(), "."+f.Extension) || about.GetMediaType() != f.MediaType {
			t.Errorf("%s: %v, %v, %d bytes", f.Name, err, about, len(file))
		}
	}
}
