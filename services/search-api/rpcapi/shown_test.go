package rpcapi_test

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/cinedex/cinedex/pkg/handoff"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/services/search-api/apitest"
)

// TestReadersSeeNoPaths asks every method, GraphQL and the pages of a library whose media lie under a marked path.
func TestReadersSeeNoPaths(t *testing.T) {
	const mark = "marked-path"
	marked := func(key string) *pb.MediaRef { return &pb.MediaRef{Bucket: "file:///" + mark + "/films", Key: key} }
	l := apitest.New(t)
	a := l.Add(apitest.Film{Title: "harbour", Name: "The Harbour", Media: marked("harbour.mp4"), Container: "mp4", Unshown: 35,
		Text:  []*pb.TextTrack{{Language: "en", Format: "srt", Media: marked("harbour.srt"), Index: -1}},
		Shots: []apitest.Shot{{Seconds: 10, Colour: apitest.Red, Label: "lighthouse", LabelConfidence: 0.9}},
		Lines: []apitest.Line{{From: 1, To: 3, Language: "en", Text: "A black coffee, captain."}}, Thumbnail: func(int) *pb.MediaRef { return marked("0.jpg") }})
	failed := &pb.Run{Id: "failed", Asset: a.GetId(), Algorithm: "dialogue", Version: "9", State: pb.RunState_RUN_STATE_FAILED, ErrorKind: "internal", Error: "reading /" + mark + "/films/harbour.mp4", Epoch: 1}
	if err := l.Store.FinishRun(t.Context(), failed); err != nil {
		t.Fatal(err)
	}
	s := l.Serve(map[string][]string{"reader": {"*"}})

	asset := `"asset":"` + a.GetId() + `"`
	frame := `{"q":"frame:\"` + a.GetId() + `@1s\""}`
	bodies := map[string][]string{
		"Search":          {`{"q":"coffee"}`, `{"q":"label:lighthouse"}`, `{"q":"look:red"}`, frame, `{"q":"coffee OR frame:\"` + a.GetId() + `@1s\""}`, `{"q":"("}`},
		"SearchBatch":     {`{"searches":[{"q":"coffee"},` + frame + `,{"q":"("}]}`},
		"ListTitles":      {`{}`},
		"GetAsset":        {`{` + asset + `}`, `{"asset":"none"}`},
		"ListAnnotations": {`{` + asset + `}`, `{"asset":"none"}`},
		"GetStatus":       {`{}`},
		"GetCatalog":      {`{}`},
		"Suggest":         {`{"typed":"cof"}`, `{"typed":"har"}`},
		"Parse":           {`{"q":"coffee title:x"}`, frame, `{"q":"("}`},
		"CompareVersions": {`{"algorithm":"dialogue","from":"1","to":"2","queries":[{"q":"coffee"}]}`},
	}
	methods := pb.File_cinedex_v1_search_proto.Services().ByName("SearchService").Methods()
	answers := map[string]string{}
	recommendations := pb.File_cinedex_v1_recommend_proto.Services().ByName("RecommendService").Methods()
	for name, bodies := range map[string][]string{
		"Recommend": {`{"q":"coffee"}`, `{"q":"("}`}, "Picked": {`{}`, `{"search":"x","moments":[{` + asset + `}]}`}, "Forget": {`{}`, `{"name":"somebody"}`},
	} {
		if recommendations.ByName(protoreflect.Name(name)) == nil || recommendations.Len() != 3 {
			t.Errorf("%s: the service has the methods %v", name, recommendations)
		}
		for _, body := range bodies {
			b, _ := post(t, s, "reader", "application/json", "/cinedex.v1.RecommendService/"+name, []byte(body))
			answers[name+" "+body] = string(b)
		}
	}
	for _, body := range []string{`{"judgement":{"q":"coffee",` + asset + `,"start":"0","end":"1","verdict":"VERDICT_RIGHT"}}`, `{"judgement":{"q":"(","asset":"none"}}`} {
		b, _ := post(t, s, "reader", "application/json", "/cinedex.v1.JudgementService/Judge", []byte(body))
		answers["Judge "+body] = string(b)
	}
	b, _ := post(t, s, "reader", "application/json", "/cinedex.v1.JudgementService/ListJudgements", []byte(`{}`))
	answers["ListJudgements"] = string(b)
	for i := range methods.Len() {
		name := string(methods.Get(i).Name())
		if len(bodies[name]) == 0 {
			t.Errorf("%s: the test has no request for it", name)
		}
		for _, body := range bodies[name] {
			b, _ := post(t, s, "reader", "application/json", service+name, []byte(body))
			answers[name+" "+body] = string(b)
		}
	}
	for _, format := range handoff.Formats() {
		for _, body := range []string{`"search":{"q":"coffee"}`, asset + `,"kinds":["shot","dialogue"]`, asset + `,"kinds":["dialogue"],"media":true,"exact":true`} {
			m := fmt.Sprintf(`{"format":%q,%s}`, format.Name, body)
			b, _ := post(t, s, "reader", "application/connect+json", "/cinedex.v1.ExportService/Export", append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(m))), m...))
			// Editing programs find media by name: an address with the name alone tells no place.
			answers["Export "+m] = strings.NewReplacer("file:///harbour.mp4", "", "file://localhost/harbour.mp4", "").Replace(string(exportedBytes(t, b)))
		}
	}
	ref := "media { bucket key }"
	all := "id " + ref + " text { language " + ref + " } video { frameTable { bucket key } } attributes"
	for _, q := range []string{
		"{ titles { titles { assets { " + all + " } } } }", `{ asset(id: "` + a.GetId() + `") { asset { ` + all + ` } } }`,
		`{ annotations(asset: "` + a.GetId() + `") { annotations { kind text attributes } } }`, "{ status { runs { algorithm error errorKind } } }",
		`{ search(q: "frame:\"` + a.GetId() + `@1s\"") { hits { media thumbnail } partial { error } } }`,
	} {
		body, err := json.Marshal(map[string]string{"query": q})
		if err != nil {
			t.Fatal(err)
		}
		b, _ := post(t, s, "reader", "application/json", "/graphql", body)
		answers["GraphQL "+q] = string(b)
	}
	thumbnails := ""
	active, err := l.Store.Active(t.Context(), a.GetId())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range active {
		if r.GetAlgorithm() == "thumbnails" {
			thumbnails = "/thumbnails/" + a.GetId() + "/" + r.GetRun() + "/0.jpg"
		}
	}
	for _, path := range []string{"/media/" + a.GetId(), thumbnails} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer reader")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		answers["GET "+path] = string(b)
	}
	for asked, answer := range answers {
		if strings.Contains(answer, "activatedMs") || strings.Contains(answer, "earlier") {
			t.Errorf("%s tells when runs were switched: %s", asked, answer)
		}
		if strings.Contains(answer, mark) || strings.Contains(answer, "file:") {
			t.Errorf("%s tells where media lie: %s", asked, answer)
		}
	}
	if got := answers[`Export {"format":"edl",`+asset+`,"kinds":["shot","dialogue"]}`]; !strings.Contains(got, "FROM CLIP NAME: harbour.mp4") {
		t.Errorf("Export answers %s", got)
	}
	if got := answers["GetAsset {"+asset+"}"]; !strings.Contains(got, "/media/"+a.GetId()) || !strings.Contains(got, "harbour") {
		t.Errorf("GetAsset answers %s", got)
	}
	if got := answers["GetStatus {}"]; !strings.Contains(got, "operators see why") || !strings.Contains(got, "the first 35 of") {
		t.Errorf("GetStatus answers %s", got)
	}
}

// exportedBytes returns the messages of a stream of Connect, with the bytes of the file as text.
func exportedBytes(t *testing.T, b []byte) (out []byte) {
	t.Helper()
	for len(b) >= 5 {
		n := int(binary.BigEndian.Uint32(b[1:5]))
		var m struct{ Data string }
		if err := json.Unmarshal(b[5:5+n], &m); err != nil {
			t.Fatal(err)
		}
		data, err := base64.StdEncoding.DecodeString(m.Data)
		if err != nil {
			t.Fatal(err)
		}
		out, b = bytes.Join([][]byte{out, b[5 : 5+n], data}, []byte("\n")), b[5+n:]
	}
	return append(out, b...)
}
