package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/media/mediatest"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// before is the commit before the upgrade: the commit before the catalogue, the service operator and snapshots by
// changes.
const before = beforeBreadth

// TestFigureUpgrade ends a Cinedex of an earlier commit in the midst of its work, and continues with this commit over
// the same folder. Then an ingestor of the earlier commit takes in films beside this commit's ingestor, on a shared
// log.
func TestFigureUpgrade(t *testing.T) {
	figure.Begin(t, "upgrade/before")
	cache := testCache(t)
	old := buildAt(t, before)
	dir := t.TempDir()
	var arrivals []*pb.MediaArrived
	for _, f := range []mediatest.Film{mediatest.Demo(), shortFilm(0), shortFilm(1), shortFilm(2), shortFilm(3), shortFilm(4)} {
		m, _ := film(t, f, dir)
		arrivals = append(arrivals, m)
	}
	c := &commandHome{t: t, bin: filepath.Join(old, "cinedex"), dir: filepath.Join(t.TempDir(), "home"), media: dir}
	c.up()
	c.send(arrivals[1])
	for deadline := time.Now().Add(2 * time.Minute); c.unfinished(arrivals[1:2]); time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the earlier commit does not finish a film")
		}
	}
	asked := c.asked()
	c.send(arrivals[0])
	time.Sleep(2 * time.Second) // amid the work
	inWork := c.unfinished(arrivals[:2])
	c.end(syscall.SIGTERM)

	c.bin = buildCommand(t)
	c.up()
	same := slices.Equal(asked, c.asked())
	c.wait(arrivals[:2])

	// Two ingestors of two versions share the topic of arrivals, and each takes films over HTTP as well.
	e, err := c.home().endpoint()
	if err != nil {
		t.Fatal(err)
	}
	allowed, err := roots(dir)
	if err != nil {
		t.Fatal(err)
	}
	address, _ := service(t, filepath.Join(old, "ingestor"), cache.Dir(), "kafka.brokers="+strings.Join(e.Brokers, ","),
		"blobs.bucket=file://"+filepath.ToSlash(filepath.Join(c.dir, "media")), "blobs.roots="+strings.Join(allowed, ","),
		"token_file="+filepath.Join(c.dir, "tokens.yaml"), "store.pebble.dir="+filepath.Join(t.TempDir(), "store"))
	for _, m := range arrivals[2:4] {
		if _, err := send(t.Context(), endpoint{Server: "http://" + address, Token: e.Token}, m); err != nil {
			t.Fatal(err)
		}
	}
	log, err := c.home().log(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if err := log.Publish(t.Context(), events.MediaArrived, events.Event{Data: arrivals[4]}); err != nil {
		t.Fatal(err)
	}
	if _, err := send(t.Context(), endpoint{Server: e.Server}, arrivals[5]); !errkind.Is(err, errkind.Unauthenticated) {
		t.Errorf("this commit's ingestor answers an event without a token: %v", err)
	}
	c.send(arrivals[5])
	c.wait(arrivals)
	letters := 0
	for range log.DeadLetters(t.Context(), events.LetterFilter{}) {
		letters++
	}
	c.end(syscall.SIGTERM)

	fresh := &commandHome{t: t, bin: c.bin, dir: filepath.Join(t.TempDir(), "fresh"), media: dir}
	fresh.up()
	for _, m := range arrivals {
		fresh.send(m)
	}
	fresh.wait(arrivals)
	fresh.end(syscall.SIGTERM)
	sameStore, store := sameDump(t, "store", fresh, c)
	sameSearch, search := sameDump(t, "search", fresh, c)
	figure.Report(t, true, figure.Result{Name: "upgrade/before", Claim: "services of an earlier commit and of this one on one log: nothing lost, doubled or mixed",
		Measured: fmt.Sprintf("in the midst of work %v; answers before and after the upgrade the same %v; two films by the old ingestor's HTTP, one by the log and one by the new ingestor's HTTP beside it; %d dead letters; dumps against this commit's alone, store of %d bytes %s, search of %d %s",
			inWork, same, letters, store, sameness(sameStore), search, sameness(sameSearch)),
		Pass: same && letters == 0 && sameStore && sameSearch, Note: "earlier commit " + before[:7]})
}

// asked is the result of some searches, in order.
func (c *commandHome) asked() (found []string) {
	c.t.Helper()
	client, _, err := c.home().client()
	if err != nil {
		c.t.Fatal(err)
	}
	for _, q := range []string{"dialogue:harbour", `dialogue:"ships by a lighthouse"`, "dialogue:hafen", "look:water"} {
		r, err := client.Search(context.Background(), connect.NewRequest(&pb.SearchRequest{Q: q + " title:crash-0", Limit: 20}))
		// A search engine of an earlier format does not answer before the engine has been filled again.
		for deadline := time.Now().Add(5 * time.Minute); connect.CodeOf(err) == connect.CodeUnavailable && time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
			r, err = client.Search(context.Background(), connect.NewRequest(&pb.SearchRequest{Q: q + " title:crash-0", Limit: 20}))
		}
		if err != nil {
			c.t.Fatalf("asking %s: %v", q, err)
		}
		for _, h := range r.Msg.GetHits() {
			found = append(found, fmt.Sprintf("%s: %s %d-%d %s", q, h.GetTitle(), h.GetStartFrame(), h.GetEndFrame(), h.GetText()))
		}
	}
	return found
}

// buildAt builds the command and the ingestor of an earlier commit, in a separate tree, and returns the folder of the
// programs.
func buildAt(t *testing.T, commit string) string {
	t.Helper()
	if err := exec.Command("git", "cat-file", "-e", commit+"^{commit}").Run(); err != nil {
		t.Skipf("lacks commit %s: a full clone has it: %v", commit, err)
	}
	tree, bin := filepath.Join(t.TempDir(), "tree"), t.TempDir()
	git := func(args ...string) {
		if out, err := exec.Command("git", args...).CombinedOutput(); err != nil {
			t.Fatalf("git %s: %v: %s", strings.Join(args, " "), err, out)
		}
	}
	git("worktree", "add", "--detach", tree, commit)
	defer git("worktree", "remove", "--force", tree)
	cmd := exec.Command("go", "build", "-buildvcs=false", "-o", bin+string(filepath.Separator), "./cmd/cinedex", "./services/ingestor")
	cmd.Dir = tree
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("building commit %s: %v: %s", commit, err, out)
	}
	return bin
}
