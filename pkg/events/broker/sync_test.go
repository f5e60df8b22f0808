package broker

import (
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// A disk lets a test delay syncs or make syncs fail.
type disk struct {
	held  atomic.Pointer[chan struct{}]
	fails atomic.Bool
	short atomic.Bool // of descriptors: the file cannot be opened
	syncs atomic.Int64
}

func (d *disk) fsync(path string) error {
	if strings.HasSuffix(path, ".dat") {
		d.syncs.Add(1)
	}
	if c := d.held.Load(); c != nil {
		<-*c
	}
	if d.fails.Load() {
		return errors.New("the disk is broken")
	}
	if d.short.Load() {
		return &os.PathError{Op: "open", Path: path, Err: syscall.EMFILE}
	}
	return syncFile(path)
}

func onDisk(t *testing.T, d *disk) (*Broker, *events.Client) {
	t.Helper()
	b, err := open(Config{Dir: t.TempDir()}, d.fsync)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	cfg := events.Default()
	cfg.Brokers = []string{b.Addr()}
	cfg.PublishTimeout = time.Second
	c, err := events.New(cfg, events.Deps{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return b, c
}

func finished(i int) events.Event {
	return events.Event{Subject: "asset", Data: &cinedexv1.RunFinished{Run: &cinedexv1.Run{Annotations: int64(i)}}}
}

// No record is acknowledged before its sync, or after a failed sync.
func TestAcknowledgedAfterSync(t *testing.T) {
	d := &disk{}
	b, c := onDisk(t, d)
	hold := make(chan struct{})
	d.held.Store(&hold)
	done := make(chan error, 1)
	go func() { done <- c.Publish(t.Context(), events.RunsFinished, finished(0)) }()
	for d.syncs.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	select {
	case err := <-done:
		t.Fatalf("acknowledged before the sync: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	d.held.Store(nil)
	close(hold)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	// Further batches go to a known file, and are synced as well.
	before := d.syncs.Load()
	if err := c.Publish(t.Context(), events.RunsFinished, finished(1)); err != nil {
		t.Fatal(err)
	}
	if d.syncs.Load() == before {
		t.Error("acknowledged without a sync")
	}
	d.short.Store(true)
	if err := c.Publish(t.Context(), events.RunsFinished, finished(2)); errkind.Of(err) != errkind.Unavailable {
		t.Errorf("short of descriptors: %v", err)
	}
	d.short.Store(false)
	if err := c.Publish(t.Context(), events.RunsFinished, finished(3)); err != nil {
		t.Errorf("with descriptors again: %v", err)
	}
	if b.Ready() != nil || b.Alive() != nil {
		t.Errorf("with descriptors again: %v, %v", b.Ready(), b.Alive())
	}
	d.fails.Store(true)
	if err := c.Publish(t.Context(), events.RunsFinished, finished(4)); errkind.Of(err) != errkind.Unavailable {
		t.Errorf("with a broken disk: %v", err)
	}
	// The kernel may have dropped unwritten data: a later successful sync proves nothing.
	d.fails.Store(false)
	if err := c.Publish(t.Context(), events.RunsFinished, finished(5)); errkind.Of(err) != errkind.Unavailable {
		t.Errorf("after a sync that failed: %v", err)
	}
	if err := b.Serve(t.Context()); errkind.Of(err) != errkind.Internal {
		t.Errorf("the owner is told %v", err)
	}
	if b.Ready() == nil || b.Alive() == nil {
		t.Error("ready or alive after a sync that failed")
	}
}

// A merely open connection makes room for other connections.
func TestIdlestConnectionMakesRoom(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m, _ := newMetrics(nil)
	in := newListener(l, newSyncer(t.TempDir(), syncFile, slog.New(slog.DiscardHandler), m), 4)
	defer in.Close()
	conns := make(chan net.Conn, 10)
	go func() {
		for {
			c, err := in.Accept()
			if err != nil {
				close(conns)
				return
			}
			conns <- c
		}
	}()
	dial := func() net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	busy := dial()
	server := <-conns
	for range 9 {
		dial()
		<-conns
		server.(*syncedConn).used.Store(time.Now().UnixNano())
	}
	if n := len(in.conns); n != 4 {
		t.Errorf("%d connections, want 4", n)
	}
	if _, err := server.Write([]byte("hello")); err != nil {
		t.Error(err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(busy, got); err != nil {
		t.Errorf("the connection in use: %v", err)
	}
}

// kfake counts a batch of an idempotent producer as written even after a failed write: kfake would acknowledge the next
// attempt.
func TestUnwrittenBatchIsNotAcknowledgedLater(t *testing.T) {
	d := &disk{}
	b, _ := onDisk(t, d)
	dir := filepath.Join(b.dir, "partitions", folder(string(events.RunsFinished), 0))
	inTheWay := filepath.Join(dir, "0.dat")
	if err := os.MkdirAll(inTheWay, 0o700); err != nil { // a folder in place of the file: the file cannot be opened
		t.Fatal(err)
	}
	produce := func() error {
		record := []byte{12, 0, 0, 0, 1, 1, 0}
		_, err := b.produce(t.Context(), produceRequest(string(events.RunsFinished), encodeBatch(kmsg.RecordBatch{Magic: 2, ProducerID: 7, NumRecords: 1, Records: record})))
		return err
	}
	if err := produce(); err == nil {
		t.Error("acknowledged what cannot be written")
	}
	if err := os.Remove(inTheWay); err != nil {
		t.Fatal(err)
	}
	if err := produce(); err == nil {
		if left, err := segmentsOf(dir); err != nil || len(left) == 0 {
			t.Errorf("acknowledged, and not written: %v, %v", left, err)
		}
	}
}

// A producer learns of the end of a transaction after the markers are on disk: a loss of power before would undo the
// end.
func TestTransactionEndsAfterSync(t *testing.T) {
	d := &disk{}
	b, _ := onDisk(t, d)
	f, err := kgo.NewClient(kgo.SeedBrokers(b.Addr()), kgo.TransactionalID("tx"), kgo.DefaultProduceTopic(string(events.MediaArrived)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	if err := f.BeginTransaction(); err != nil {
		t.Fatal(err)
	}
	if err := f.ProduceSync(t.Context(), kgo.StringRecord("an event")).FirstErr(); err != nil {
		t.Fatal(err)
	}
	hold := make(chan struct{})
	before := d.syncs.Load()
	d.held.Store(&hold)
	done := make(chan error, 1)
	go func() { done <- f.EndTransaction(t.Context(), kgo.TryCommit) }()
	for d.syncs.Load() == before {
		select {
		case err := <-done:
			t.Fatalf("told before a sync began: %v", err)
		case <-time.After(time.Millisecond):
		}
	}
	select {
	case err := <-done:
		t.Fatalf("told before the sync: %v", err)
	case <-time.After(100 * time.Millisecond):
	}
	d.held.Store(nil)
	close(hold)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// Callers waiting for a sync that has not begun share the sync. A sync that began before the call is not enough.
func TestFlushShares(t *testing.T) {
	d := &disk{}
	p := &partitionSync{dir: t.TempDir(), fsync: d.fsync, synced: map[string]int64{}}
	hold := make(chan struct{})
	d.held.Store(&hold)
	write := func(s string) {
		if err := os.WriteFile(p.dir+"/0.dat", []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("one")
	done := make(chan error, 20)
	go func() { done <- p.flush() }()
	for d.syncs.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	write("one and two")
	for range 10 {
		go func() { done <- p.flush() }()
	}
	time.Sleep(20 * time.Millisecond) // lets the callers arrive; late callers make the count below stricter
	d.held.Store(nil)
	close(hold)
	for range 11 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if n := d.syncs.Load(); n != 2 {
		t.Errorf("%d syncs, want 2", n)
	}
	if p.synced["0.dat"] != int64(len("one and two")) {
		t.Errorf("synced: %v", p.synced)
	}
}

// Bytes other than a Kafka request end their connection, and nothing else.
func TestNonsense(t *testing.T) {
	b, c := onDisk(t, &disk{})
	request := func(key, version int16, rest string) string {
		r := binary.BigEndian.AppendUint32(nil, uint32(8+len(rest)))
		r = binary.BigEndian.AppendUint16(r, uint16(key))
		r = binary.BigEndian.AppendUint16(r, uint16(version))
		return string(append(append(r, 0, 0, 0, 1), rest...))
	}
	for name, what := range map[string]string{
		"HTTP":                "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
		"TLS":                 "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03aaaaaaaaaaaaaaaaaaaa",
		"4 GB":                "\xff\xff\xff\xff",
		"2 GB":                "\x7f\xff\xff\xff",
		"nothing":             "\x00\x00\x00\x00",
		"unknown kind":        request(31000, 0, "\x00\x00aaaa"),
		"negative kind":       request(-5, 0, "\x00\x00aaaa"),
		"produce, cut off":    request(0, 7, "\x00\x00\x00"),
		"produce, long name":  request(0, 7, "\x7f\xff\x00\x00"),
		"commit, cut off":     request(8, 2, "\x00\x00\x00\x05ab"),
		"commit, new version": request(8, 9, "\x00\x00\x00\x05ab"),
		"half a request":      request(0, 7, "\x00\x00\x00\x00")[:9],
	} {
		conn, err := net.Dial("tcp", b.Addr())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if _, err := conn.Write([]byte(what)); err != nil {
			t.Logf("%s: %v", name, err)
		}
		_ = conn.(*net.TCPConn).CloseWrite()
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		if _, err := io.Copy(io.Discard, conn); errors.Is(err, io.EOF) {
			t.Logf("%s: %v", name, err)
		}
		conn.Close()
		if err := c.Publish(t.Context(), events.RunsFinished, finished(0)); err != nil {
			t.Fatalf("after %s: %v", name, err)
		}
	}
}
