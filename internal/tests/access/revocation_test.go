package access

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/authz/authztest"
	"github.com/cinedex/cinedex/pkg/rpc"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
	"github.com/cinedex/cinedex/services/search-api/searchapi"
)

// filmBytes is more than the connection of a slow reader holds.
const filmBytes = 64 << 20

// endings keeps when calls of films ended, by the audit log.
type endings struct {
	mu  sync.Mutex
	all []audit.Entry
	at  []time.Time
}

func (l *endings) Write(b []byte) (int, error) {
	var e audit.Entry
	if err := json.Unmarshal(b, &e); err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.Call == "GET /media/{asset}" && e.Caller == "gone" && e.Reason != "" {
		l.all, l.at = append(l.all, e), append(l.at, time.Now())
	}
	return len(b), nil
}

func (l *endings) of() ([]audit.Entry, []time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all), slices.Clone(l.at)
}

// A door is a way to something that Gone may see or do. A door reports whether the door admitted Gone.
type door struct {
	name string
	open func(token string) bool
	// needs is the right without which the door is shut.
	needs authztest.Right
}

// However a token is taken away, every door refuses the token within two seconds, and a film in transfer to the caller
// ends.
func TestFigureRevocation(t *testing.T) {
	figure.Begin(t, "hostile/revocation")
	revocations := authztest.Revocations()
	var worst, sum time.Duration
	var worstOf string
	late, doors := 0, 0
	for _, r := range revocations {
		t.Run(r.Name, func(t *testing.T) {
			for at, took := range revoked(t, r) {
				doors++
				sum += took
				if took > worst {
					worst, worstOf = took, r.Name+" at "+at
				}
				if took > 2*time.Second {
					late++
					t.Errorf("%s let them in for %v", at, took)
				}
			}
		})
	}
	figure.Report(t, true, figure.Result{
		Name: "hostile/revocation", Claim: "a token that is taken away is refused within 2 s at every door, also through broken files",
		Measured: fmt.Sprintf("%d scenarios, %d doors, %d late; mean %d ms, worst %d ms (%s)", len(revocations), doors, late, (sum / time.Duration(max(1, doors))).Milliseconds(), worst.Milliseconds(), worstOf),
		Pass:     late == 0 && doors > 0,
	})
}

// TestRevocationAtTheDoors does the same for some of the ways, with every test run.
func TestRevocationAtTheDoors(t *testing.T) {
	for _, r := range authztest.Revocations() {
		if !slices.Contains([]string{"removed from a mounted secret", "removed, and another entry has a role that is none", "the role is removed"}, r.Name) {
			continue
		}
		t.Run(r.Name, func(t *testing.T) {
			t.Parallel()
			if at := revoked(t, r); len(at) == 0 {
				t.Error("no door was tried")
			}
		})
	}
}

// revoked returns how long each door admitted Gone after the change. The test fails if a door admits Gone for ever.
func revoked(t *testing.T, r authztest.Revocation) map[string]time.Duration {
	t.Helper()
	file, err := authztest.Start(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	tokens, err := authz.OpenFile(file, authz.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	out := &endings{}
	record, err := audit.Open(audit.Default(), audit.Deps{Output: out, Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = record.Close() })
	w := newWorld(t, tokens, "a")
	film := apitest.Film{Title: "b", Container: "mp4", Shots: []apitest.Shot{{Seconds: 2, Colour: apitest.Blue}}, Lines: []apitest.Line{{From: 0, To: 1, Language: "en", Text: "A storm."}, {From: 1, To: 2, Language: "en", Text: "One more storm."}}}
	content := make([]byte, filmBytes)
	film.Sha256, film.Bytes = fmt.Sprintf("%x", sha256.Sum256(content)), filmBytes
	if film.Media, err = w.library.Blobs.Put(t.Context(), "b.mp4", "video/mp4", bytes.NewReader(content)); err != nil {
		t.Fatal(err)
	}
	b := w.library.Add(film)
	w.search = w.library.Serve(nil, func(_ *gateway.Config, d *searchapi.Deps) { d.Authoriser, d.Audit = tokens, record }).URL

	doors := w.doors(b.GetId())
	tried := map[string]door{}
	for _, d := range doors {
		if r.Loses != authztest.Everything && d.needs != r.Loses {
			continue
		}
		if tried[d.name] = d; !d.open(authztest.Gone) {
			t.Fatalf("%s is shut before anything was changed", d.name)
		}
	}
	film1, stop := w.slowly(b.GetId())
	defer stop()
	if film1 != http.StatusOK {
		t.Fatalf("the film is answered %d", film1)
	}
	if err := r.Do(file, func() { time.Sleep(2 * time.Second) }); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	took := map[string]time.Duration{}
	for end := began.Add(20 * time.Second); len(tried) > 0; time.Sleep(5 * time.Millisecond) {
		for name, d := range tried {
			if !d.open(authztest.Gone) {
				took[name] = time.Since(began)
				delete(tried, name)
			} else if time.Now().After(end) {
				t.Fatalf("%s still lets them in", name)
			}
		}
	}
	for end := began.Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		all, at := out.of()
		i := slices.IndexFunc(all, func(e audit.Entry) bool { return strings.Contains(e.Reason, "under way") })
		if i >= 0 {
			if took["a film that is being sent"] = max(0, at[i].Sub(began)); all[i].Bytes >= filmBytes {
				t.Errorf("the film was sent whole, %d bytes", all[i].Bytes)
			}
			break
		}
		if time.Now().After(end) {
			t.Fatal("a film is sent on")
		}
	}
	for _, d := range doors {
		if d.open(authztest.Gone) && (r.Loses == authztest.Everything || d.needs == r.Loses) {
			t.Errorf("%s is open again", d.name)
		}
	}
	if got := w.ask("POST", w.search+"/"+cinedexv1connect.SearchServiceName+"/ListTitles", `{}`, authztest.Kept); strings.HasPrefix(got, "200") != r.Keeps {
		t.Errorf("Kept is answered %s", got)
	}
	if err := tokens.Ready(); (err != nil) != r.Broken {
		t.Errorf("readiness: %v", err)
	}
	return took
}

// doors are the ways to the title b and to operators' work.
func (w *world) doors(asset string) []door {
	search := w.search + "/" + cinedexv1connect.SearchServiceName + "/"
	seen := func(method, address, body string) func(string) bool {
		return func(token string) bool {
			got := w.ask(method, address, body, token)
			return strings.HasPrefix(got, "200") && strings.Contains(got, asset)
		}
	}
	answered := func(address, body string) func(string) bool {
		return func(token string) bool { return strings.HasPrefix(w.ask("POST", address, body, token), "200") }
	}
	first := w.ask("POST", search+"Search", `{"q":"storm","limit":1,"filter":{"titles":["b"]}}`, authztest.Gone)
	page := regexp.MustCompile(`"cursor": ?"([^"]+)"`).FindStringSubmatch(first)
	if page == nil {
		w.t.Fatalf("no second page: %s", first)
	}
	return []door{
		{"Search", seen("POST", search+"Search", `{"q":"storm"}`), authztest.TitleB},
		{"the next page", seen("POST", search+"Search", `{"q":"storm","limit":1,"filter":{"titles":["b"]},"cursor":"`+page[1]+`"}`), authztest.TitleB},
		{"GetAsset", seen("POST", search+"GetAsset", `{"asset":"`+asset+`"}`), authztest.TitleB},
		{"ListTitles", seen("POST", search+"ListTitles", `{}`), authztest.TitleB},
		{"GraphQL", seen("POST", w.search+"/graphql", `{"query":"{titles{titles{assets{id}}}}"}`), authztest.TitleB},
		{"a film", func(token string) bool { return w.film(asset, token, false) == http.StatusPartialContent }, authztest.TitleB},
		{"a film by the page's cookie", func(token string) bool { return w.film(asset, token, true) == http.StatusPartialContent }, authztest.TitleB},
		{"a preview", answered(search+"Search", `{"q":"storm","preview":{"dialogue":"1"}}`), authztest.Operating},
		{"CompareVersions", answered(search+"CompareVersions", `{"algorithm":"dialogue","from":"1","to":"1","queries":[{"q":"storm"}]}`), authztest.Operating},
		{"ListRuns", answered(w.operator+"/"+cinedexv1connect.OperatorServiceName+"/ListRuns", `{}`), authztest.Operating},
		{"ListDeadLetters", answered(w.operator+"/"+cinedexv1connect.OperatorServiceName+"/ListDeadLetters", `{}`), authztest.Operating},
	}
}

// film asks for the first bytes of a film.
func (w *world) film(asset, token string, cookie bool) int {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.search+"/media/"+asset, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Range", "bytes=0-99")
	if cookie {
		r.AddCookie(&http.Cookie{Name: rpc.Cookie, Value: token})
	} else {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}

// slowly reads a film as a player does, until the test stops the reading.
func (w *world) slowly(asset string) (status int, stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(w.t.Context())
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.search+"/media/"+asset, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+authztest.Gone)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			if _, err := io.CopyN(io.Discard, resp.Body, 32<<10); err != nil || ctx.Err() != nil {
				return
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	return resp.StatusCode, func() {
		cancel()
		reading.Wait()
		_ = resp.Body.Close()
	}
}
