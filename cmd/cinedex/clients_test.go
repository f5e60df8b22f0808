package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/cinedex/cinedex/deploy/local/serverstest"
	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/model"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/telemetry/telemetrytest"
)

// TestClients runs third-party clients against a whole platform: every cell of the matrix is accepted, or refused with
// the right reason.
func TestClients(t *testing.T) {
	if testing.Short() {
		t.Skip("starts the platform and other programs")
	}
	clientMatrix(t)
}

func TestFigureClients(t *testing.T) {
	figure.Begin(t, "material/clients")
	m := clientMatrix(t)
	right, all := 0, 0
	for _, c := range m.cells {
		t.Logf("%-14s %-32s %s", c.client, c.name, c.verdict())
		all++
		if c.right {
			right++
		}
	}
	figure.Report(t, true, figure.Result{Name: "material/clients",
		Claim:    "every cell of the matrix of clients accepted, or refused with the right reason",
		Measured: fmt.Sprintf("%d of %d cells of %d clients", right, all, m.clients()),
		Pass:     right == all && all > 0, Note: strings.Join(m.skipped, "; ")})
}

// A matrix holds the observations of each client.
type matrix struct {
	t       *testing.T
	mu      sync.Mutex
	cells   []seenCell
	skipped []string
}

type seenCell struct {
	client, name string
	right        bool
	seen         string
}

func (c seenCell) verdict() string {
	if c.right {
		return c.seen
	}
	return "WRONG: " + c.seen
}

func (m *matrix) clients() int {
	names := map[string]bool{}
	for _, c := range m.cells {
		name, _, _ := strings.Cut(c.client, ",")
		names[name] = true
	}
	return len(names)
}

func (m *matrix) saw(client, name string, right bool, seen string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cells = append(m.cells, seenCell{client, name, right, seen})
	if !right {
		m.t.Errorf("%s, %s: %s", client, name, seen)
	}
}

// A wanted cell is accepted, and then has these attributes, or is refused, and then the reason says so.
type wanted struct {
	subject, schema, studio string
	status                  int // over HTTP, if it is not 202
	says                    string
	absent                  bool // neither an event nor a refusal: the transaction was aborted
}

const arrivedSchema = "https://studio.example/arrived.json"

var (
	accepted   = wanted{}
	plusJSON   = wanted{schema: arrivedSchema, studio: "north"}
	withSchema = wanted{schema: arrivedSchema}
	inLetters  = wanted{subject: "Löwe € 😀"}
	twiceJSON  = wanted{status: 400, says: "data is a text and must be a JSON object; was the object encoded as JSON twice?"}
	aborted    = wanted{absent: true}
)

// overHTTP and overKafka are the matrix: by client, the required result of each cell.
var overHTTP = map[string]map[string]wanted{
	"python1": {
		"structured": accepted, "binary": accepted, "binary without a type": accepted, "structured +json": plusJSON, "binary +json": plusJSON,
		"binary, letters": {subject: "Löwe"}, "structured, bytes": accepted, "structured, null": accepted, "structured 0.3": withSchema, "binary 0.3": withSchema,
		"binary, text": twiceJSON, "structured, text": twiceJSON,
		"another type":  {status: 400, says: `type: "com.example.python1" is not accepted here`},
		"a wrong field": {status: 400, says: "title.id: must be 1 to 200 characters"},
	},
	"python2": {
		"structured": accepted, "binary": accepted, "binary without a type": accepted, "structured +json": plusJSON, "binary +json": plusJSON,
		"binary, letters": {subject: `Löwe € 😀 "100%"`}, "structured, bytes": accepted, "traceparent": accepted,
		"binary, text":     accepted, // 2.x takes a text literally as data
		"structured, text": twiceJSON,
		"another type":     {status: 400, says: `type: "com.example.python2" is not accepted here`},
	},
	"javascript": {
		"structured": accepted, "binary": accepted, "structured +json": plusJSON, "binary +json": plusJSON, "binary, letters": inLetters, "structured, letters": inLetters,
		"structured, bytes": accepted, "structured, null": accepted, "structured 0.3": withSchema, "batch": accepted,
		"half a batch": {status: 400, says: `event 2 of 2: type: "com.example.javascript"`},
		"another type": {status: 400, says: `type: "com.example.javascript" is not accepted here`},
		"no token":     {status: 401, says: "Authorization: Bearer TOKEN"},
		"XML":          {status: 415, says: `content type "application/cloudevents+xml" is none of`},
	},
}

var overKafka = map[string]map[string]wanted{
	"python1": {
		"kafka binary": inLetters, "kafka binary +json": plusJSON, "kafka structured": accepted, "kafka structured without a type": accepted,
		"kafka another type": {says: `type: "com.example.python1" is not accepted here`},
	},
	"python2": {
		"kafka binary": inLetters, "kafka binary without a type": accepted, "kafka binary +json": plusJSON, "kafka structured": accepted, "kafka structured +json": plusJSON,
		"kafka structured, text": {says: "data is a text and must be a JSON object"},
	},
	"transactions": {
		"committed": accepted, "committed too": accepted, "aborted": aborted, "aborted too": aborted, "committed after an abort": accepted, "aborted at the end": aborted,
	},
	"kcat": {
		"kcat binary": accepted, "kcat binary +json": plusJSON, "kcat structured": accepted, "kcat structured without a type": accepted,
		"kcat without headers": {says: "not a CloudEvent: the header ce_specversion is missing"},
		"kcat another type":    {says: `type: "com.example.kcat" is not accepted here`},
	},
}

func clientMatrix(t *testing.T) *matrix {
	m := &matrix{t: t}
	with := installClients(t)
	collector := telemetrytest.Start(t)
	w := newWorldWith(t, t.TempDir(), func(c *upConfig) { c.Telemetry.OTLPEndpoint = collector.URL })
	for _, client := range slices.Sorted(maps.Keys(overHTTP)) {
		m.http(w, with, client)
	}
	at := w.cfg.Kafka
	at.Brokers = []string{w.broker.Addr()}
	m.kafka(w.Events, at, "embedded broker", with, true)
	t.Run("Kafka", func(t *testing.T) {
		defer func() {
			if t.Skipped() {
				m.skipped = append(m.skipped, "lacks a real Kafka")
			}
		}()
		m.realKafka(t, with)
	})
	m.grpc(w, with)
	if problems, err := testutil.GatherAndLint(w.Registry); err != nil || len(problems) > 0 {
		t.Errorf("promtool check metrics: %v %v", problems, err)
	}
	w.stop()
	m.traces(collector)
	return m
}

// http makes a client send its events over HTTP, and reads the events from the log.
func (m *matrix) http(w *world, with clients, client string) {
	told := with.run(m.t, client, map[string]string{"url": w.server() + "/events", "token": w.token, "brokers": "", "topic": "", "traceparent": traceOfClient})
	logged := map[string]events.Event{}
	for d, err := range w.Events.ReadAll(m.t.Context(), events.MediaAccepted) {
		if err != nil {
			m.t.Fatal(err)
		}
		if d.Source == "/"+client {
			logged[d.ID] = d.Event
		}
	}
	for cell, want := range overHTTP[client] {
		got, ok := told[cell]
		got.Body = errorOf(got.Body)
		ids := []string{cell}
		if cell == "batch" {
			ids = []string{"batch, first", "batch, second"}
		}
		status := cmp.Or(want.status, http.StatusAccepted)
		switch {
		case !ok:
			m.saw(client, cell, false, "the client told nothing of it")
		case got.Status != status || want.says != "" && !strings.Contains(got.Body, want.says):
			m.saw(client, cell, false, fmt.Sprintf("%d %s, want %d saying %q", got.Status, got.Body, status, want.says))
		case want.says != "":
			m.saw(client, cell, true, fmt.Sprintf("refused: %d %s", got.Status, strings.TrimSpace(got.Body)))
		default:
			for _, id := range ids {
				ev, there := logged[id]
				m.event(client, cell, id, ev, there, want)
			}
		}
	}
}

// errorOf is the reason in the body of a refusal, or the body.
func errorOf(body string) string {
	var refusal struct {
		Error string `json:"error"`
	}
	if json.Unmarshal([]byte(body), &refusal) == nil && refusal.Error != "" {
		return refusal.Error
	}
	return body
}

// event compares an event of the log with the sent event.
func (m *matrix) event(client, cell, id string, ev events.Event, there bool, want wanted) {
	var arrived *pb.MediaArrived
	switch d := ev.Data.(type) {
	case *pb.MediaAccepted:
		arrived = d.GetArrived()
	case *pb.MediaArrived:
		arrived = d
	}
	switch {
	case !there:
		m.saw(client, cell, want.absent, "no event in the log")
	case want.absent:
		m.saw(client, cell, false, "it was aborted, and the log's readers have it")
	case arrived.GetUrl() != "file:///nowhere/"+id+".mp4" || ev.Subject != want.subject || ev.DataSchema != want.schema || ev.Extensions["studio"] != want.studio:
		m.saw(client, cell, false, fmt.Sprintf("the log has %+v", ev))
	default:
		m.saw(client, cell, true, "accepted")
	}
}

// kafka makes the clients write to a broker. With live, an ingestor reads from the broker, so that dead letters name
// the reasons, too.
func (m *matrix) kafka(c *events.Client, at events.Config, broker string, with clients, live bool) {
	ctx := m.t.Context()
	for _, client := range slices.Sorted(maps.Keys(overKafka)) {
		var told map[string]told
		topic := at.Prefix + string(events.MediaArrived)
		if client == "kcat" {
			told = with.kcatCells(m.t, at.Brokers, topic)
		} else {
			told = with.run(m.t, client, map[string]string{"url": "", "token": "", "brokers": strings.Join(at.Brokers, ","), "topic": topic})
		}
		logged, refused := map[string]events.Event{}, []string{}
		for d, err := range c.ReadAll(ctx, events.MediaArrived) {
			switch {
			case err != nil && d.Topic == "":
				m.t.Fatal(err)
			case err != nil:
				refused = append(refused, err.Error())
			default:
				logged[d.ID] = d.Event
			}
		}
		says := func(all []string, what string) bool {
			return slices.ContainsFunc(all, func(s string) bool { return strings.Contains(s, what) })
		}
		for cell, want := range overKafka[client] {
			if _, ok := told[cell]; !ok {
				m.saw(client+", "+broker, cell, false, "the client told nothing of it")
				continue
			}
			if want.says == "" {
				ev, there := logged[cell]
				m.event(client+", "+broker, cell, cell, ev, there, want)
				continue
			}
			if !says(refused, want.says) {
				m.saw(client+", "+broker, cell, false, fmt.Sprintf("reasons %q, want %q", refused, want.says))
				continue
			}
			if live {
				until(m.t, "a dead letter that says "+want.says, func() bool { return says(reasons(ctx, c), want.says) })
			}
			m.saw(client+", "+broker, cell, true, "refused: "+want.says)
		}
	}
}

func reasons(ctx context.Context, c *events.Client) (all []string) {
	for l, err := range c.DeadLetters(ctx, events.LetterFilter{}) {
		if err == nil {
			all = append(all, l.Reason)
		}
	}
	return all
}

// realKafka is the same over Apache Kafka.
func (m *matrix) realKafka(t *testing.T, with clients) {
	at := events.Default()
	at.Brokers, at.Prefix = serverstest.Kafka(t), fmt.Sprintf("clients%d-%d.", os.Getpid(), time.Now().Unix())
	c, err := events.New(at, events.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.EnsureTopics(t.Context(), events.Layout{Replication: 1, Embedded: true}); err != nil {
		t.Fatal(err)
	}
	m.kafka(c, at, "Apache Kafka", with, false)
}

// traceOfClient is the trace that every client sends.
const traceOfClient = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

// traces checks that the clients' traces reached the collector and continued in the services.
func (m *matrix) traces(collector *telemetrytest.Receiver) {
	names := map[string][]string{}
	for _, s := range collector.Spans() {
		names[s.Trace] = append(names[s.Trace], s.Name)
	}
	if wrong := collector.Wrong(); len(wrong) > 0 {
		m.t.Errorf("the collector refused %q", wrong)
	}
	for trace, want := range map[string][]string{
		"4bf92f3577b34da6a3ce929d0e0e4736": {"send media.accepted", "process media.accepted"},
		grpcTrace[3:35]:                    {"POST /cinedex.v1.SearchService/Search", "search", "ask dialogue/words"},
	} {
		for _, name := range want {
			m.saw("OTLP", "span "+name, slices.Contains(names[trace], name), fmt.Sprintf("spans %q", slices.Compact(slices.Sorted(slices.Values(names[trace])))))
		}
	}
}

const grpcTrace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

// grpc asks the search API with grpcurl, by reflection.
func (m *matrix) grpc(w *world, with clients) {
	address := strings.TrimPrefix(w.server(), "http://")
	const search = "cinedex.v1.SearchService/Search"
	bearer := []string{"-H", "Authorization: Bearer " + w.token, "-H", "traceparent: " + grpcTrace}
	for _, c := range []struct {
		name string
		args []string
		says string
		fail bool
	}{
		{"list", []string{address, "list"}, "cinedex.v1.SearchService", false},
		{"describe", []string{address, "describe", "cinedex.v1.SearchService.Search"}, "rpc Search", false},
		{"health", []string{"-d", `{"service":"cinedex.v1.SearchService"}`, address, "grpc.health.v1.Health/Check"}, "SERVING", false},
		{"search", append(slices.Clone(bearer), "-d", `{"q":"dialogue:hello"}`, address, search), "tookMs", false},
		{"no token", []string{"-d", `{"q":"hello"}`, address, search}, "Unauthenticated", true},
		{"an unknown token", []string{"-H", "Authorization: Bearer guess", "-d", `{"q":"hello"}`, address, search}, "Unauthenticated", true},
		{"a query that cannot be read", append(slices.Clone(bearer), "-d", `{"q":"hello AND"}`, address, search), "InvalidArgument", true},
		{"titles", append(slices.Clone(bearer), address, "cinedex.v1.SearchService/ListTitles"), "{", false},
	} {
		ctx, cancel := context.WithTimeout(m.t.Context(), time.Minute)
		out, err := exec.CommandContext(ctx, with.grpcurl, append([]string{"-plaintext"}, c.args...)...).CombinedOutput()
		cancel()
		seen := strings.Join(strings.Fields(string(out)), " ")
		m.saw("grpcurl", c.name, (err != nil) == c.fail && bytes.Contains(out, []byte(c.says)), seen[:min(len(seen), 160)])
	}
}

// clients are where the programs lie.
type clients struct {
	python, node, kcat, grpcurl string
	packages                    string
}

// A told line is a client's report on a cell.
type told struct {
	Cell   string `json:"cell"`
	Status int    `json:"status"`
	Body   string `json:"body"`
}

// run starts a client's script.
func (c clients) run(t *testing.T, client string, where map[string]string) map[string]told {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cells, err := json.Marshal(where)
	if err != nil {
		t.Fatal(err)
	}
	scripts, err := filepath.Abs("testdata/clients")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, c.python, filepath.Join(scripts, client+".py"))
	if client == "javascript" {
		cmd = exec.CommandContext(ctx, c.node, filepath.Join(scripts, "sdk.mjs"))
	}
	sdk := "cloudevents1"
	if client == "python2" {
		sdk = "cloudevents2"
	}
	cmd.Env = append(os.Environ(), "CELLS="+string(cells), "PACKAGES="+filepath.Join(c.packages, "javascript"), "PYTHONDONTWRITEBYTECODE=1",
		"PYTHONPATH="+filepath.Join(c.packages, sdk)+string(os.PathListSeparator)+filepath.Join(c.packages, "confluent"))
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("%s: %v\n%s", client, err, errs.String())
	}
	all := map[string]told{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		var l told
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			t.Fatalf("%s said %q", client, lines.Text())
		}
		all[l.Cell] = l
	}
	return all
}

// kcatCells writes records with kcat.
func (c clients) kcatCells(t *testing.T, brokers []string, topic string) map[string]told {
	t.Helper()
	data := func(cell string) string {
		return fmt.Sprintf(`{"title":{"id":"clients"},"url":"file:///nowhere/%s.mp4"}`, cell)
	}
	whole := func(cell string) string {
		return fmt.Sprintf(`{"specversion":"1.0","type":"cinedex.media.arrived.v1","source":"/kcat","id":%q,"data":%s}`, cell, data(cell))
	}
	binary := func(cell, typ string, more ...string) []string {
		return append([]string{"-H", "ce_specversion=1.0", "-H", "ce_type=" + typ, "-H", "ce_source=/kcat", "-H", "ce_id=" + cell}, more...)
	}
	const arrived = "cinedex.media.arrived.v1"
	all := map[string]told{}
	for _, cell := range []struct {
		name    string
		headers []string
		value   string
	}{
		{"kcat binary", binary("kcat binary", arrived, "-H", "content-type=application/json"), data("kcat binary")},
		{"kcat binary +json", binary("kcat binary +json", arrived, "-H", "content-type=application/vnd.studio+json", "-H", "ce_dataschema="+arrivedSchema, "-H", "ce_studio=north"), data("kcat binary +json")},
		{"kcat structured", []string{"-H", "content-type=application/cloudevents+json"}, whole("kcat structured")},
		{"kcat structured without a type", nil, whole("kcat structured without a type")},
		{"kcat without headers", nil, data("kcat without headers")},
		{"kcat another type", binary("x", "com.example.kcat", "-H", "content-type=application/json"), data("x")},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		cmd := exec.CommandContext(ctx, c.kcat, append([]string{"-P", "-b", strings.Join(brokers, ","), "-t", topic}, cell.headers...)...)
		cmd.Stdin = strings.NewReader(cell.value)
		out, err := cmd.CombinedOutput()
		cancel()
		if err != nil {
			t.Errorf("%s: %v\n%s", cell.name, err, out)
			continue
		}
		all[cell.name] = told{Cell: cell.name}
	}
	return all
}

// installClients puts the missing clients into the cache, each at its pinned version.
func installClients(t *testing.T) clients {
	t.Helper()
	cache, err := model.OpenCache("")
	if err != nil {
		t.Fatal(err)
	}
	c := clients{packages: filepath.Join(cache.Dir(), "clients", "1")}
	for name, at := range map[string]*string{"python3": &c.python, "node": &c.node, "npm": new(string), "kcat": &c.kcat, "go": new(string)} {
		if *at, err = exec.LookPath(name); err != nil {
			lackClient(t, name+" (Debian: apt-get install "+name+")")
		}
	}
	pip := func(requirement string) func(string) *exec.Cmd {
		return func(dir string) *exec.Cmd {
			return exec.Command(c.python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-warn-script-location", "--target", dir, requirement)
		}
	}
	for name, install := range map[string]func(dir string) *exec.Cmd{
		"cloudevents1": pip("cloudevents==1.12.1"),
		"cloudevents2": pip("cloudevents==2.2.0"),
		"confluent":    pip("confluent-kafka==2.16.1"),
		"javascript": func(dir string) *exec.Cmd {
			return exec.Command("npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", dir, "cloudevents@10.0.0")
		},
		"grpcurl": func(dir string) *exec.Cmd {
			cmd := exec.Command("go", "install", "github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3")
			cmd.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=")
			return cmd
		},
	} {
		if err := installOnce(filepath.Join(c.packages, name), install); err != nil {
			lackClient(t, err.Error())
		}
	}
	c.grpcurl = filepath.Join(c.packages, "grpcurl", "grpcurl")
	return c
}

func lackClient(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CINEDEX_REQUIRE_ALL") == "1" || runtime.GOOS == "linux" && os.Getenv("CI") == "true" {
		t.Fatal("lacks a client: " + what)
	}
	t.Skip("lacks a client: " + what)
}

// installOnce installs into a folder that exists only when it is complete.
func installOnce(dir string, install func(dir string) *exec.Cmd) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	part, err := os.MkdirTemp(filepath.Dir(dir), ".part-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(part)
	cmd := install(part)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, out)
	}
	if err := os.Rename(part, dir); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}
