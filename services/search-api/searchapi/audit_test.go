package searchapi_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"image/jpeg"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
	"github.com/cinedex/cinedex/services/search-api/searchapi"
)

// lines are the lines of the audit log.
type lines struct {
	mu  sync.Mutex
	all [][]byte
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, bytes.Clone(b))
	return len(b), nil
}

func (l *lines) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.all)
}

// wait returns the lines from the nth on, once the log has more than n lines: a line is written after the answer.
func (l *lines) wait(t *testing.T, n int) []audit.Entry {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		l.mu.Lock()
		all := l.all[n:]
		l.mu.Unlock()
		if len(all) == 0 {
			if time.Now().After(end) {
				t.Fatal("no line")
			}
			continue
		}
		var out []audit.Entry
		for _, b := range all {
			var e audit.Entry
			if err := json.Unmarshal(b, &e); err != nil {
				t.Fatal(err)
			}
			out = append(out, e)
		}
		return out
	}
}

func film(title string) apitest.Film {
	return apitest.Film{Title: title, Shots: []apitest.Shot{{Seconds: 2, Colour: apitest.Red}}, Lines: []apitest.Line{{From: 0, To: 1, Language: "en", Text: "A storm."}}}
}

// Every door of the search API leaves a line for a call, answered or refused, and no line holds a picture.
func TestEachCallIsOneLine(t *testing.T) {
	l := apitest.New(t)
	asset := l.Add(l.Shoot(film("harbour")))
	hidden := l.Add(l.Shoot(film("hidden")))
	out := &lines{}
	record, err := audit.Open(audit.Default(), audit.Deps{Output: out, Service: "search-api", Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = record.Close() })
	s := l.Serve(map[string][]string{"editor": {"harbour"}}, func(_ *gateway.Config, d *searchapi.Deps) { d.Audit = record })

	var picture bytes.Buffer
	if err := jpeg.Encode(&picture, apitest.Still(apitest.Red), nil); err != nil {
		t.Fatal(err)
	}
	coded := base64.StdEncoding.EncodeToString(picture.Bytes())
	const rpc = "/cinedex.v1.SearchService/"
	type request struct {
		method, path, body, token, contentType string
	}
	post := func(path, body string) request { return request{"POST", path, body, "editor", "application/json"} }
	get := func(path string) request { return request{"GET", path, "", "editor", ""} }
	answer, _ := ask(t, s.URL, "POST", rpc+"Search", `{"q":"storm"}`, "editor", "application/json")
	out.wait(t, 0)
	var hits struct{ Hits []struct{ Thumbnail string } }
	if err := json.Unmarshal(answer, &hits); err != nil || len(hits.Hits) != 1 || hits.Hits[0].Thumbnail == "" {
		t.Fatalf("%s: %v", answer, err)
	}
	thumbnail := hits.Hits[0].Thumbnail
	for name, c := range map[string]struct {
		request
		want audit.Entry
	}{
		"search":             {post(rpc+"Search", `{"q":"storm"}`), audit.Entry{Call: rpc + "Search", Queries: []string{"storm"}, Titles: []string{"harbour"}, TitlesTotal: 1, Hits: 1, Outcome: "ok"}},
		"nothing found":      {post(rpc+"Search", `{"q":"dialogue.words:nothing"}`), audit.Entry{Call: rpc + "Search", Queries: []string{`dialogue.words:"nothing"`}, Outcome: "ok"}},
		"a picture":          {post(rpc+"Search", `{"query":{"leaf":{"kind":"like_image","image":"`+coded+`"}}}`), audit.Entry{Call: rpc + "Search", Queries: []string{`image:b"` + stem(picture.Bytes()) + `"`}, Pictures: []audit.Picture{audit.PictureOf(picture.Bytes())}, Titles: []string{"harbour"}, TitlesTotal: 1, Hits: 1, Outcome: "ok"}},
		"a picture and more": {post(rpc+"Search", `{"q":"image:b\"`+coded+`\" AND AND"}`), audit.Entry{Call: rpc + "Search", Queries: []string{"image…"}, Outcome: "invalid", Reason: "a query with a picture was refused"}},
		"titles":             {post(rpc+"ListTitles", `{}`), audit.Entry{Call: rpc + "ListTitles", Titles: []string{"harbour"}, TitlesTotal: 1, Hits: 1, Outcome: "ok"}},
		"status":             {post(rpc+"GetStatus", `{}`), audit.Entry{Call: rpc + "GetStatus", Titles: []string{"harbour"}, TitlesTotal: 1, Hits: 1, Outcome: "ok"}},
		"asset":              {post(rpc+"GetAsset", `{"asset":"`+asset.GetId()+`"}`), audit.Entry{Call: rpc + "GetAsset", About: asset.GetId(), Titles: []string{"harbour"}, TitlesTotal: 1, Hits: 1, Outcome: "ok"}},
		"a hidden asset":     {post(rpc+"GetAsset", `{"asset":"`+hidden.GetId()+`"}`), audit.Entry{Call: rpc + "GetAsset", About: hidden.GetId(), Outcome: "not_found", Reason: fmt.Sprintf("there is no asset %q", hidden.GetId())}},
		"annotations":        {post(rpc+"ListAnnotations", `{"asset":"`+asset.GetId()+`","kinds":["dialogue"]}`), audit.Entry{Call: rpc + "ListAnnotations", About: asset.GetId(), Titles: []string{"harbour"}, TitlesTotal: 1, Hits: 1, Outcome: "ok"}},
		"compare":            {post(rpc+"CompareVersions", `{}`), audit.Entry{Call: rpc + "CompareVersions", Outcome: "denied", Reason: `the token of editor lacks the role "operator"; the operator can add the role to the file of tokens`}},
		"no JSON":            {post(rpc+"Search", `{`), audit.Entry{Call: rpc + "Search", Outcome: "invalid"}},
		"no procedure":       {post(rpc+"Steal", `{}`), audit.Entry{Call: rpc + "Steal", Outcome: "not_found"}},
		"no protobuf":        {request{"POST", rpc + "Search", "\x00\x00\x00\x00\x02\xff\xff", "editor", "application/grpc-web"}, audit.Entry{Call: rpc + "Search", Outcome: "invalid"}},
		"graphql":            {post("/graphql", `{"query":"{search(q:\"storm\"){hits{title}} titles{titles{title{id}}}}"}`), audit.Entry{Call: "POST /graphql", Queries: []string{"storm"}, Titles: []string{"harbour"}, TitlesTotal: 1, Hits: 2, Outcome: "ok"}},
		"graphql refused":    {post("/graphql", `{"query":"{asset(id:\"nothing\"){asset{id}}}"}`), audit.Entry{Call: "POST /graphql", About: "nothing", Outcome: "not_found", Reason: `there is no asset "nothing"`}},
		"graphql, no bin":    {post("/graphql", `{"query":"{bin(id:\"nothing\"){id}}"}`), audit.Entry{Call: "POST /graphql", About: "nothing", Outcome: "not_found", Reason: `there is no bin "nothing"`}},
		"no graphql":         {post("/graphql", `{"query":"{"}`), audit.Entry{Call: "POST /graphql", Outcome: "invalid", Reason: "input:1:2: Expected Name, found <EOF>"}},
		"film":               {get("/media/" + asset.GetId()), audit.Entry{Call: "GET /media/{asset}", About: asset.GetId(), Titles: []string{"harbour"}, TitlesTotal: 1, Hits: 1, Outcome: "ok"}},
		"a hidden film":      {get("/media/" + hidden.GetId()), audit.Entry{Call: "GET /media/{asset}", About: hidden.GetId(), Outcome: "not_found"}},
		"thumbnail":          {get(thumbnail), audit.Entry{Call: "GET /thumbnails/{asset}/{run}/{file}", About: asset.GetId(), Titles: []string{"harbour"}, TitlesTotal: 1, Hits: 1, Outcome: "ok"}},
		"logging in":         {request{"POST", "/login", "token=editor", "", "application/x-www-form-urlencoded"}, audit.Entry{Call: "POST /login", Outcome: "ok"}},
	} {
		t.Run(name, func(t *testing.T) {
			before := out.count()
			_, size := ask(t, s.URL, c.method, c.path, c.body, c.token, c.contentType)
			got := out.wait(t, before)
			if len(got) != 1 {
				t.Fatalf("%d lines: %+v", len(got), got)
			}
			e := got[0]
			if e.Time.IsZero() || e.TookMs <= 0 || e.Bytes != size && c.path != "/login" {
				t.Errorf("time %v, took %v, %d bytes of %d", e.Time, e.TookMs, e.Bytes, size)
			}
			want := c.want
			want.V, want.Service, want.Caller, want.Token, want.From = audit.Version, "search-api", "editor", audit.Fingerprint("editor"), "127.0.0.1"
			want.Time, want.Bytes, want.TookMs = e.Time, e.Bytes, e.TookMs
			if want.Outcome != "ok" && want.Reason == "" {
				want.Reason = e.Reason
			}
			if diff := cmp.Diff(want, e); diff != "" {
				t.Error(diff)
			}
			for _, refused := range []string{"", "revoked"} {
				if c.path == "/login" {
					break
				}
				before := out.count()
				ask(t, s.URL, c.method, c.path, c.body, refused, c.contentType)
				got := out.wait(t, before)
				if len(got) != 1 || got[0].Outcome != "unauthenticated" || got[0].Caller != "" || got[0].Token != audit.Fingerprint(refused) || got[0].TitlesTotal != 0 || got[0].Queries != nil {
					t.Errorf("with the token %q: %+v", refused, got)
				}
			}
		})
	}
	// Pages and scripts leave none.
	before := out.count()
	for _, path := range []string{"/", "/app/main.js", "/app/nothing", "/nothing"} {
		ask(t, s.URL, "GET", path, "", "editor", "")
	}
	if got := out.count(); got != before {
		t.Errorf("%d lines of pages", got-before)
	}
	for _, b := range out.all {
		for at := 0; at+16 < len(coded); at += 16 {
			if bytes.Contains(b, []byte(coded[at:at+16])) {
				t.Fatalf("a line holds a part of the picture: %.300s", b)
			}
		}
		if bytes.ContainsAny(bytes.TrimSuffix(b, []byte("\n")), "\n\r") {
			t.Errorf("a line of two: %.300s", b)
		}
	}
}

// stem stands for a picture in the printed query: the first bytes of the picture's hash.
func stem(picture []byte) string {
	sum := sha256.Sum256(picture)
	return base64.StdEncoding.EncodeToString(sum[:6])
}

// ask returns an answer and the answer's number of bytes.
func ask(t *testing.T, server, method, path, body, token, contentType string) ([]byte, int64) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, server+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	r.Header.Set("Accept-Encoding", "identity") // so the test counts the bytes as sent
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b, int64(len(b))
}
