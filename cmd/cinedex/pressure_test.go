package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"connectrpc.com/connect"
	"golang.org/x/sys/unix"

	"github.com/cinedex/cinedex/deploy/local/serverstest"
	"github.com/cinedex/cinedex/internal/figure"
	"github.com/cinedex/cinedex/pkg/events"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// TestChaosPressure takes descriptors and memory from `cinedex up` for some moments.
func TestChaosPressure(t *testing.T) {
	serverstest.Chaos(t)
	pressure(t, 4)
}

func TestFigurePressure(t *testing.T) {
	figure.Begin(t, "hostile/pressure")
	r := pressure(t, 1000)
	figure.Report(t, true, figure.Result{Name: "hostile/pressure",
		Claim: "1,000 rounds of descriptor and memory pressure: ingest and search go on by themselves, nothing acknowledged is lost",
		Measured: fmt.Sprintf("%d rounds in %.0f s (%d of descriptors, %d of memory, %d of both; seed %d), back after at most %.1f s; %d events acknowledged, %d in the log; %d of %d lines found, %d dead letters",
			r.rounds, r.took.Seconds(), r.kinds[0], r.kinds[1], r.kinds[2], r.seed, r.slowest.Seconds(), r.acknowledged, r.there, r.once, r.lines, r.letters),
		Pass: r.ok()})
}

type pressureResult struct {
	crashResult
	rounds              int
	kinds               [3]int
	took, slowest       time.Duration
	acknowledged, there int
}

func (r pressureResult) ok() bool {
	return r.there == r.acknowledged && r.titles == r.films && r.once == r.lines && r.letters == 0
}

// pressure squeezes the process so many times, and sends an event in the midst of each round.
func pressure(t *testing.T, rounds int) pressureResult {
	testCache(t)
	t.Setenv("GOMEMLIMIT", "300MiB") // of the child, which collects garbage often near the limit
	dir := t.TempDir()
	var arrivals []*pb.MediaArrived
	for i := range 2 {
		m, _ := film(t, shortFilm(i), dir)
		arrivals = append(arrivals, m)
	}
	c := &commandHome{t: t, bin: buildCommand(t), dir: filepath.Join(t.TempDir(), "home"), media: dir, set: []string{"algorithms=" + strings.Join(searched, ",")}}
	c.up()
	defer c.end(syscall.SIGTERM)
	r := pressureResult{rounds: rounds, crashResult: crashResult{seed: uint64(time.Now().UnixNano()), films: len(arrivals)}}
	t.Logf("seed %d", r.seed)
	random := rand.New(rand.NewPCG(r.seed, 0))
	c.send(arrivals[0])
	c.wait(arrivals[:1])
	var acknowledged []string
	began := time.Now()
	for round := range rounds {
		kind := random.IntN(3)
		r.kinds[kind]++
		acknowledged = append(acknowledged, c.squeeze(arrivals[0], random, kind != 1, kind != 0)...)
		back := time.Now()
		c.serves(round)
		r.slowest = max(r.slowest, time.Since(back))
		if t.Failed() {
			break
		}
	}
	r.took = time.Since(began)
	// Acknowledged events are worked off, new events are accepted and found, and all acknowledged events are there.
	c.workOff(events.HopIngestor)
	c.send(arrivals[1])
	c.wait(arrivals)
	c.judge(&r.crashResult, arrivals)
	log, err := c.home().log(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	seen := map[string]bool{}
	for d, err := range log.ReadAll(t.Context(), events.MediaAccepted) {
		if err != nil {
			t.Fatal(err)
		}
		seen[d.ID] = true
	}
	r.acknowledged = len(acknowledged)
	for _, id := range acknowledged {
		if !seen[id] {
			t.Errorf("event %s was acknowledged, and is not in the log", id)
			continue
		}
		r.there++
	}
	return r
}

// workOff waits until a hop has done all events of its topics, as long as the hop makes progress.
func (c *commandHome) workOff(hop events.Hop) {
	c.t.Helper()
	log, err := c.home().log(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	defer log.Close()
	least, since := int64(math.MaxInt64), time.Now()
	for {
		behind, err := log.Behind(c.t.Context(), hop)
		var left int64
		for _, topic := range behind {
			left += topic.Messages
		}
		if err == nil && left == 0 {
			return
		}
		if err == nil && left < least {
			least, since = left, time.Now()
		}
		if time.Since(since) > time.Minute {
			c.t.Fatalf("%s has been %d events behind for %s: %v\nsaid: %s", hop.Group, left, time.Since(since), err, c.said.String())
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// squeeze holds descriptors, memory or both for a moment, and returns the ids of the events acknowledged meanwhile.
func (c *commandHome) squeeze(m *pb.MediaArrived, random *rand.Rand, descriptors, memory bool) (acknowledged []string) {
	c.t.Helper()
	e, err := c.home().endpoint()
	if err != nil {
		c.t.Fatal(err)
	}
	var hoard []net.Conn
	restore := func() {}
	if descriptors {
		restore = c.limitDescriptors(1 + random.IntN(4))
		for _, address := range []string{strings.TrimPrefix(e.Server, "http://"), e.Brokers[0]} {
			for range 8 {
				if conn, err := net.DialTimeout("tcp", address, 200*time.Millisecond); err == nil {
					hoard = append(hoard, conn)
				}
			}
		}
	}
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Duration(50+random.IntN(150))*time.Millisecond)
	defer cancel()
	var callers sync.WaitGroup
	if memory {
		for range 8 {
			callers.Go(func() { large(ctx, e) })
		}
	}
	// Several events of a known film. Each event makes the ingestor read the film again.
	for range 2 {
		if id, err := send(ctx, e, m); err == nil {
			acknowledged = append(acknowledged, id)
		}
	}
	<-ctx.Done()
	callers.Wait()
	restore()
	for _, conn := range hoard {
		conn.Close()
	}
	return acknowledged
}

// limitDescriptors lets the process open only so many more files, until restore is called.
func (c *commandHome) limitDescriptors(more int) (restore func()) {
	c.t.Helper()
	pid := c.cmd.Process.Pid
	open, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		c.t.Fatalf("the process is gone: %v: %s", err, c.said.String())
	}
	var was unix.Rlimit
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &was); err != nil {
		c.t.Fatal(err)
	}
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: uint64(len(open) + more), Max: was.Max}, nil); err != nil {
		c.t.Fatal(err)
	}
	return func() {
		if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &was, nil); err != nil {
			c.t.Errorf("the process is gone: %v: %s", err, c.said.String())
		}
	}
}

// large sends a body just above or just below the limit.
func large(ctx context.Context, e endpoint) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.Server+"/cinedex.v1.SearchService/Search", bytes.NewReader(bytes.Repeat([]byte(" "), 8<<20)))
	if err != nil {
		return
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+e.Token)
	if resp, err := http.DefaultClient.Do(req); err == nil {
		_, _ = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
	}
}

// serves waits until searches are answered and the log takes new connections.
func (c *commandHome) serves(round int) {
	c.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		err := c.tryServed()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			c.t.Errorf("round %d: half a minute after the pressure: %v: %s", round, err, c.said.String())
			return
		}
		time.Sleep(20 * time.Millisecond) // between two tries
	}
}

func (c *commandHome) tryServed() error {
	ctx, cancel := context.WithTimeout(c.t.Context(), 5*time.Second)
	defer cancel()
	client, _, err := c.home().client()
	if err != nil {
		return err
	}
	found, err := client.Search(ctx, connect.NewRequest(&pb.SearchRequest{Q: "dialogue.phrase:" + linesOf(0)[0]}))
	if err != nil {
		return fmt.Errorf("searching: %w", err)
	}
	if len(found.Msg.GetHits()) != 1 {
		return fmt.Errorf("searching: %d hits", len(found.Msg.GetHits()))
	}
	log, err := c.home().log(ctx)
	if err != nil {
		return err
	}
	defer log.Close()
	_, err = log.Lag(ctx, events.HopIngestor.Group, events.MediaAccepted)
	return err
}
