package access

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/catalog"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/events/broker"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1/cinedexv1connect"
	"github.com/cinedex/cinedex/services/operator/operating"
	"github.com/cinedex/cinedex/services/operator/operatorapi"
	"github.com/cinedex/cinedex/services/search-api/apitest"
	"github.com/cinedex/cinedex/services/search-api/gateway"
	"github.com/cinedex/cinedex/services/search-api/searchapi"
)

// callers recognises callers by their names.
type callers map[string]*authz.Caller

func (c callers) Authorise(_ context.Context, token string) (*authz.Caller, error) {
	if who := c[token]; who != nil {
		return who, nil
	}
	return nil, errkind.New(errkind.Unauthenticated, "the token is not known")
}

// everyone are the callers of these tests. The reader and the batcher may see the title "seen"; "nothing" is the id of no title.
var everyone = callers{
	"reader":   authz.NewCaller("reader", []string{"seen"}),
	"batcher":  authz.NewCaller("batcher", []string{"seen"}, authz.Batch),
	"blind":    authz.NewCaller("blind", []string{"nothing"}, authz.Batch),
	"narrow":   authz.NewCaller("narrow", []string{"seen"}, authz.Operator, authz.Batch),
	"operator": authz.NewCaller("operator", []string{"*"}, authz.Operator),
}

// A world is a library with both APIs.
type world struct {
	t                *testing.T
	search, operator string
	events           *events.Client
	library          *apitest.Library
}

func newWorld(t *testing.T, a authz.Authoriser, titles ...string) *world {
	t.Helper()
	l := apitest.New(t)
	for _, title := range titles {
		l.Add(apitest.Film{Title: title, Name: title, Series: "series of " + title, Shots: []apitest.Shot{{Seconds: 3, Colour: apitest.Red, Label: "boat", LabelConfidence: 0.9}},
			Lines: []apitest.Line{{From: 0, To: 2, Language: "en", Text: "A storm over " + title}}})
	}
	b, err := broker.Open(broker.Config{Dir: filepath.Join(t.TempDir(), "log")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	cfg := events.Default()
	cfg.Brokers = []string{b.Addr()}
	w := &world{t: t, library: l}
	if w.events, err = events.New(cfg, events.Deps{Registerer: prometheus.NewRegistry()}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.events.Close() })
	if _, err := w.events.EnsureTopics(t.Context(), events.Layout{Replication: 1, Embedded: true}); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	work := operating.Default()
	work.Batch.Jobs = 100
	jobs, err := operating.New(work, operating.Deps{Events: w.events, Store: l.Store, Engine: l.Engine, Catalog: apitest.Catalog(), Blobs: l.Blobs, Log: log, Registerer: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	api, err := operatorapi.New(operatorapi.Deps{Operating: jobs, Catalogue: catalog.Follow(apitest.Catalog(), catalog.Deps{Events: w.events, Log: log, Registerer: prometheus.NewRegistry()}), Events: w.events, Authoriser: a, Log: log})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(api.Handler())
	t.Cleanup(s.Close)
	w.operator = s.URL
	key := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(key, []byte(strings.Repeat("k", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	w.search = l.Serve(nil, func(cfg *gateway.Config, d *searchapi.Deps) {
		cfg.Recommend.KeyFile = key // both worlds sign the searches alike
		d.Authoriser = a
	}).URL
	return w
}

// changing are the parts of answers that depend on the time of the call.
var changing = regexp.MustCompile(`"(createdMs|startedMs|endedMs|timeMs)":"[0-9]+"|"tookMs":[0-9.e+-]+`)

// ask returns the status and the body of an answer, without the parts that depend on the time.
func (w *world) ask(method, address, body, token string) string {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	time.Sleep(2 * time.Millisecond) // jobs are listed by the millisecond in which they were submitted
	return fmt.Sprint(resp.StatusCode, " ", string(changing.ReplaceAll(bytes.TrimSpace(b), []byte("0"))))
}

// poison leaves a dead letter of an asset, and a dead letter of bytes without an asset.
func (w *world) poison(asset string) {
	w.t.Helper()
	ctx, stop := context.WithCancel(w.t.Context())
	defer stop()
	if err := w.events.Publish(ctx, events.RunsFinished, events.Event{Subject: asset, Data: &pb.RunFinished{Run: &pb.Run{Id: asset, Asset: asset}}}); err != nil {
		w.t.Fatal(err)
	}
	err := w.events.Subscribe(ctx, events.Subscription{Group: "tester", Topics: []events.Topic{events.RunsFinished}}, func(context.Context, []events.Delivery) error {
		stop()
		return errkind.New(errkind.Invalid, "no good: %s", asset)
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// Two libraries differ only in a hidden title: its asset, runs, jobs over the asset, and a dead letter of the asset. A
// caller who may not see the title gets the same bytes from both, for every procedure of the operators' API, for
// previews, and for comparisons.
func TestOperatorsAnswersTellNothing(t *testing.T) {
	hidden := apitest.AssetOf("hidden")
	with, without := newWorld(t, everyone, "seen", "hidden"), newWorld(t, everyone, "seen")
	with.poison(hidden)
	theirs := with.submit("operator", &pb.Batch{Selection: &pb.Selection{Titles: []string{"hidden"}, Algorithms: []string{"dialogue"}}})
	both := with.submit("operator", &pb.Batch{Selection: &pb.Selection{Algorithms: []string{"dialogue"}}})
	same := with.submit("operator", &pb.Batch{Selection: &pb.Selection{Titles: []string{"seen"}, Algorithms: []string{"labels"}}})

	selections := []string{`{}`, `{"titles":["seen"]}`, `{"titles":["hidden"]}`, `{"titles":["seen","hidden"]}`, `{"series":["series of hidden"]}`, `{"assets":["` + hidden + `"]}`, `{"titles":["nothing"]}`}
	var jobs []string
	for _, s := range selections {
		s = strings.TrimSuffix(s, "}")
		if s != "{" {
			s += ","
		}
		for _, algorithm := range []string{"dialogue", "labels", "nothing"} {
			jobs = append(jobs, `{"job":{"batch":{"selection":`+s+`"algorithms":["`+algorithm+`"]}}}}`)
		}
		s += `"algorithms":["dialogue"]}`
		jobs = append(jobs, `{"job":{"verify":{"selection":`+s+`}}}`, `{"job":{"replay":{"source":"store","selection":`+s+`}}}`,
			`{"job":{"kind":"batch","task":{"selection":`+s+`}}}`, `{"job":{"kind":"gc","task":{"selection":`+s+`}}}`,
			`{"job":{"collect":{"selection":`+s+`}}}`, `{"job":{"activate":{"algorithm":"dialogue","version":"1","selection":`+s+`}}}`)
	}
	jobs = append(jobs, `{"job":{"rebuild":{}}}`, `{"job":{}}`, `{"job":{"kind":"nothing","task":{}}}`, `{"job":{"kind":"batch","task":{"options":{"formats":{"text":"csv"}}}}}`)
	var ids, results, steered, runs, letters []string
	for _, id := range []string{theirs, both, same, "nothing", ""} {
		ids = append(ids, `{"id":"`+id+`"}`)
		for _, wish := range []string{"pause", "cancel", "resume", "steal"} {
			steered = append(steered, `{"id":"`+id+`","wish":"`+wish+`"}`)
		}
	}
	for _, s := range selections {
		runs = append(runs, `{"selection":`+s+`}`, `{"selection":`+s+`,"limit":1}`)
	}
	for _, f := range []string{`{}`, `{"asset":"` + hidden + `"}`, `{"reason":"no good"}`, `{"ids":["nothing"]}`, `{"hop":"tester"}`} {
		letters = append(letters, `{"filter":`+f+`}`, `{"filter":`+f+`,"dryRun":true}`)
	}
	listed := make([]string, 0, len(letters))
	for _, l := range letters {
		listed = append(listed, strings.ReplaceAll(l, `,"dryRun":true`, `,"limit":1`))
	}
	results = ids
	bodies := map[string][]string{
		"PlanJob": jobs, "SubmitJob": jobs, "ListJobs": {`{}`, `{"all":true}`, `{"kinds":["batch"]}`}, "ListJobKinds": {`{}`}, "GetJob": ids, "SteerJob": steered, "GetResult": results,
		"ListRuns": runs, "GetLag": {`{}`}, "GetMemory": {`{}`}, "ListDeadLetters": listed, "RetryDeadLetters": letters, "DropDeadLetters": letters,
		"GetCalibrations": {`{}`, `{"algorithm":"sentences"}`, `{"algorithm":"hidden","version":"1"}`},
		"SetCalibration":  {`{}`, `{"algorithm":"sentences","version":"1","calibration":{"space":"e5-small@1","leaf":"dialogue"}}`},
	}
	methods := pb.File_cinedex_v1_operator_proto.Services().ByName("OperatorService").Methods()
	for who := range everyone {
		if who == "operator" {
			continue
		}
		t.Run(who, func(t *testing.T) {
			compare := func(what string, ask func(w *world) string) {
				t.Helper()
				a, b := ask(with), ask(without)
				if a != b {
					t.Errorf("%s is answered\n%s\nand without the hidden title\n%s", what, a, b)
				}
				if strings.Contains(a, `hidden"`) && !strings.Contains(a, `there is no`) && !strings.Contains(a, "no asset is of all of") {
					t.Errorf("%s is answered %s", what, a)
				}
			}
			for i := range methods.Len() {
				name := string(methods.Get(i).Name())
				if len(bodies[name]) == 0 {
					t.Errorf("nothing is asked of %s: add requests to this test", name)
				}
				for _, body := range bodies[name] {
					compare(name+" "+body, func(w *world) string {
						return w.ask("POST", w.operator+"/"+cinedexv1connect.OperatorServiceName+"/"+name, body, who)
					})
				}
			}
			for _, id := range []string{theirs, both, same, "nothing"} {
				compare("a file of the batch "+id, func(w *world) string {
					return w.ask("GET", w.operator+operatorapi.BatchesPath+id+"/"+operating.ManifestName, "", who)
				})
			}
			for name, body := range map[string]string{
				"a preview": `{"q":"storm","preview":{"dialogue":"1"}}`, "a preview of no version": `{"q":"storm","preview":{"dialogue":"9"}}`, "a preview of a title": `{"q":"storm title:hidden","preview":{"dialogue":"1"}}`,
				"a search": `{"q":"storm"}`,
			} {
				compare(name, func(w *world) string {
					return w.ask("POST", w.search+"/"+cinedexv1connect.SearchServiceName+"/Search", body, who)
				})
			}
			for _, version := range []string{"1", "9"} {
				compare("a comparison", func(w *world) string {
					return w.ask("POST", w.search+"/"+cinedexv1connect.SearchServiceName+"/CompareVersions", `{"algorithm":"dialogue","from":"1","to":"`+version+`","queries":[{"q":"storm"}]}`, who)
				})
			}
		})
	}
	// The test can see a difference: the operator is answered otherwise.
	for name, body := range map[string]string{"ListJobs": `{}`, "ListRuns": `{}`, "ListDeadLetters": `{}`, "PlanJob": `{"job":{"verify":{}}}`} {
		ask := func(w *world) string {
			return w.ask("POST", w.operator+"/"+cinedexv1connect.OperatorServiceName+"/"+name, body, "operator")
		}
		if a, b := ask(with), ask(without); a == b || !strings.HasPrefix(a, "200") {
			t.Errorf("the operator is answered %s by both", a)
		}
	}
}

// submit submits a batch, and returns its id.
func (w *world) submit(who string, b *pb.Batch) string {
	w.t.Helper()
	c := cinedexv1connect.NewOperatorServiceClient(http.DefaultClient, w.operator)
	r := connect.NewRequest(&pb.SubmitJobRequest{Job: &pb.Job{Work: &pb.Job_Batch{Batch: b}}})
	r.Header().Set("Authorization", "Bearer "+who)
	resp, err := c.SubmitJob(w.t.Context(), r)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.Msg.GetJob().GetId()
}

// A batch whose asset moves to a title that the caller may not see no longer exists for the caller, at any door.
func TestABatchOverAHiddenAssetDoesNotExist(t *testing.T) {
	w := newWorld(t, everyone, "seen")
	id := w.submit("batcher", &pb.Batch{Selection: &pb.Selection{Algorithms: []string{"dialogue"}}})
	ask := func(name, body string) string {
		return w.ask("POST", w.operator+"/"+cinedexv1connect.OperatorServiceName+"/"+name, body, "batcher")
	}
	if got := ask("GetJob", `{"id":"`+id+`"}`); !strings.HasPrefix(got, "200") {
		t.Fatalf("before: %s", got)
	}
	a, err := w.library.Store.Asset(t.Context(), apitest.AssetOf("seen"))
	if err != nil {
		t.Fatal(err)
	}
	a.Title = &pb.Title{Id: "hidden"}
	if err := w.library.Store.PutAsset(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string]string{"GetJob": `{"id":"` + id + `"}`, "SteerJob": `{"id":"` + id + `","wish":"cancel"}`, "GetResult": `{"id":"` + id + `"}`} {
		if got, want := ask(name, body), strings.ReplaceAll(ask(name, strings.ReplaceAll(body, id, "0000000000000000")), "0000000000000000", id); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
	if got := ask("ListJobs", `{"all":true}`); got != "200 {}" {
		t.Errorf("listed: %s", got)
	}
}
