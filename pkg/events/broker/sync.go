package broker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// kfake can sync each record batch itself, but does so twice, in the goroutine that serves every connection: a slow
// disk then delays fetching and heartbeats too. Here syncing happens between kfake and its connections, by two rules:
//   - The answer to a request that produces records or ends a transaction leaves after a sync. The sync began after the
//     records were written.
//   - A group's offsets are written after the records before the offsets are synced.
//
// Requests for the same partition share syncs.

// maxRequest bounds the memory that a connection may make the broker allocate.
const maxRequest = 64 << 20

//
// The kernel forgets unwritten data after reporting the failure. A success after a failed sync therefore proves nothing
// about earlier records. After a failed sync the broker acknowledges nothing, and the owner ends the process
// (Broker.Serve).

// A syncer syncs the files of partitions.
type syncer struct {
	dir     string // where kfake keeps the partitions
	fsync   func(path string) error
	log     *slog.Logger
	metrics *metrics
	ctx     context.Context // of logging only

	failOnce sync.Once
	failed   chan struct{} // closed at the first failed sync
	failure  error         // written before failed is closed

	mu         sync.Mutex
	partitions map[string]*partitionSync
	// refused are the idempotent producers with an unwritten batch. kfake counts the batch as written: kfake would
	// acknowledge the producer's next attempt without writing.
	refused map[int64]bool
}

func newSyncer(dataDir string, fsync func(string) error, log *slog.Logger, m *metrics) *syncer {
	return &syncer{dir: filepath.Join(dataDir, "partitions"), fsync: fsync, log: log, metrics: m, ctx: context.Background(),
		failed: make(chan struct{}), partitions: make(map[string]*partitionSync), refused: make(map[int64]bool)}
}

// listen is kfake's hook to open its port.
func (s *syncer) listen(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	return newListener(l, s, connectionLimit()), nil
}

// fail ends all acknowledging.
func (s *syncer) fail(err error) {
	s.failOnce.Do(func() {
		s.failure = errkind.New(errkind.Internal, "the disk of the embedded log failed, and unacknowledged records may be gone: "+
			"look at the disk, then start again: %w", err)
		close(s.failed)
	})
}

// broken returns why nothing may be acknowledged any more, or nil.
func (s *syncer) broken() error {
	select {
	case <-s.failed:
		return s.failure
	default:
		return nil
	}
}

// flush returns after all records that were written to the partitions before the call are on disk. Without names, flush
// covers all partitions.
func (s *syncer) flush(names []string) error {
	err := s.flushAll(names)
	if err != nil && !passes(err) {
		s.fail(err)
	}
	if broken := s.broken(); broken != nil {
		return broken
	}
	return err
}

// passes reports whether a sync was not attempted for lack of a resource that comes back without help.
func passes(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) || errors.Is(err, syscall.ENOMEM) || errors.Is(err, syscall.EINTR)
}

func (s *syncer) flushAll(names []string) error {
	if names == nil {
		entries, err := os.ReadDir(s.dir)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
	}
	if len(names) == 1 {
		return s.partition(names[0]).flush()
	}
	errs := make([]error, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() { errs[i] = s.partition(name).flush() })
	}
	wg.Wait()
	return errors.Join(errs...)
}

func (s *syncer) partition(name string) *partitionSync {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.partitions[name]
	if p == nil {
		p = &partitionSync{dir: filepath.Join(s.dir, name), fsync: s.fsync, synced: make(map[string]int64)}
		s.partitions[name] = p
	}
	return p
}

// partitionSync syncs a partition's segments, once for all waiting callers.
type partitionSync struct {
	dir   string
	fsync func(path string) error

	counting sync.Mutex
	begun    int // syncs begun

	syncing sync.Mutex
	ended   int // the number of the last successful sync
	// synced is the size up to which each segment is on disk. The name of an absent segment is not on disk either.
	synced map[string]int64
	// marked is the last written watermark.
	marked   watermark
	markFile *os.File
}

func (p *partitionSync) flush() error {
	p.counting.Lock()
	before := p.begun
	p.counting.Unlock()
	p.syncing.Lock()
	defer p.syncing.Unlock()
	if p.ended > before {
		return nil // the sync began after this call
	}
	p.counting.Lock()
	p.begun++
	now := p.begun
	p.counting.Unlock()
	if err := p.sync(); err != nil {
		return fmt.Errorf("syncing %s: %w", p.dir, err)
	}
	p.ended = now
	return nil
}

func (p *partitionSync) sync() error {
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil // no record was ever written to the partition
		}
		return err
	}
	known := true
	sizes := make(map[string]int64)
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".dat") {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, os.ErrNotExist) {
			continue // trimmed
		}
		if err != nil {
			return err
		}
		size, ok := p.synced[e.Name()]
		if ok && size == info.Size() {
			continue
		}
		if err := p.fsync(filepath.Join(p.dir, e.Name())); err != nil {
			return err
		}
		sizes[e.Name()] = info.Size()
		known = known && ok
	}
	if !known {
		// The names are to last as well; the folder itself may be new.
		if err := errors.Join(p.fsync(p.dir), p.fsync(filepath.Dir(p.dir))); err != nil {
			return err
		}
	}
	maps.Copy(p.synced, sizes)
	p.mark(sizes)
	return nil
}

// mark writes the watermark. The watermark is evidence for the next start and no more: after a failed write the
// watermark is older.
func (p *partitionSync) mark(sizes map[string]int64) {
	w := watermark{base: -1}
	for name, size := range sizes {
		base, err := strconv.ParseInt(strings.TrimSuffix(name, ".dat"), 10, 64)
		if err == nil && base > w.base {
			w = watermark{base, size}
		}
	}
	if w.base < p.marked.base || w == p.marked {
		return
	}
	if p.markFile == nil {
		f, err := os.OpenFile(filepath.Join(p.dir, watermarkFile), os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return
		}
		p.markFile = f
	}
	if _, err := p.markFile.WriteAt(w.encode(), 0); err == nil {
		p.marked = w
	}
}

// close closes the files of watermarks, once nothing is synced any more.
func (s *syncer) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.partitions {
		p.syncing.Lock()
		if p.markFile != nil {
			_ = p.markFile.Close()
			p.markFile = nil
		}
		p.syncing.Unlock()
	}
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// syncedConn reads whole requests to know their subject, and holds answers back until the disk has the acknowledged
// records.
type syncedConn struct {
	net.Conn
	s    *syncer
	rest []byte       // of the request being read
	used atomic.Int64 // the time of the connection's last request, in nanoseconds
	// closed is told once.
	closed func(*syncedConn)
	once   sync.Once

	mu       sync.Mutex
	produced map[int32]produced // unanswered requests to write records, by correlation id
}

// produced lists the partitions and producers of a request.
type produced struct {
	version    int16
	partitions []string // nil: they cannot be told
	producers  []int64  // the idempotent producers
}

// Close counts the connection out.
func (c *syncedConn) Close() error {
	c.once.Do(func() { c.closed(c) })
	return c.Conn.Close()
}

func (c *syncedConn) Read(p []byte) (int, error) {
	if len(c.rest) == 0 {
		if err := c.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, c.rest)
	c.rest = c.rest[n:]
	return n, nil
}

// next reads a request: its size, then its key, version, correlation id, the client's name and the rest.
func (c *syncedConn) next() error {
	var size [4]byte
	if _, err := io.ReadFull(c.Conn, size[:]); err != nil {
		return err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n < 10 || n > maxRequest {
		return c.refuse("a request of %d bytes", n)
	}
	request := make([]byte, 4+n)
	copy(request, size[:])
	if _, err := io.ReadFull(c.Conn, request[4:]); err != nil {
		return err
	}
	c.used.Store(time.Now().UnixNano())
	key := int16(binary.BigEndian.Uint16(request[4:]))
	version := int16(binary.BigEndian.Uint16(request[6:]))
	if kmsg.RequestForKey(key) == nil {
		return c.refuse("a request of kind %d", key)
	}
	switch key {
	case int16(kmsg.Produce):
		p := producedTo(version, request[12:])
		if id, refused := c.s.isRefused(p.producers); refused {
			return c.refuse("producer %d: a batch could not be written, so the producer must begin anew", id)
		}
		c.mu.Lock()
		c.produced[int32(binary.BigEndian.Uint32(request[8:]))] = p
		c.mu.Unlock()
	case int16(kmsg.EndTxn):
		// The end of a transaction is a record in each of its partitions. The request does not name the partitions.
		c.mu.Lock()
		c.produced[int32(binary.BigEndian.Uint32(request[8:]))] = produced{version: version}
		c.mu.Unlock()
	case int16(kmsg.OffsetCommit):
		// If an offset outlived the records before it, other records would take the same offsets after a loss of power,
		// and the group would skip them.
		if err := c.s.flush(committedOf(version, request[12:])); err != nil {
			return c.failed(err)
		}
	}
	c.rest = request
	return nil
}

// Write gets a whole answer per call.
func (c *syncedConn) Write(answer []byte) (int, error) {
	if len(answer) >= 8 {
		id := int32(binary.BigEndian.Uint32(answer[4:]))
		c.mu.Lock()
		p, held := c.produced[id]
		delete(c.produced, id)
		c.mu.Unlock()
		if held {
			if len(p.producers) > 0 && unwritten(p.version, answer) {
				c.s.refuse(p.producers)
			}
			if err := c.s.flush(p.partitions); err != nil {
				return 0, c.failed(err)
			}
		}
	}
	return c.Conn.Write(answer)
}

func (c *syncedConn) refuse(what string, args ...any) error {
	err := errkind.New(errkind.Invalid, "refusing %s from %s", fmt.Sprintf(what, args...), c.RemoteAddr())
	c.s.log.Warn("embedded broker", "error", err)
	return err
}

// failed ends a connection without the awaited acknowledgement.
func (c *syncedConn) failed(err error) error {
	c.s.log.Error("embedded broker: the disk fails", "error", err)
	return err
}

func (s *syncer) refuse(producers []int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range producers {
		s.refused[id] = true
	}
}

func (s *syncer) isRefused(producers []int64) (int64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range producers {
		if s.refused[id] {
			return id, true
		}
	}
	return 0, false
}

// body reads a request without the client's name and tags. ok is false for a request that kfake itself will refuse.
func body(req kmsg.Request, version int16, b []byte) (ok bool) {
	r := kbin.Reader{Src: b}
	r.NullableString()
	req.SetVersion(version)
	if req.IsFlexible() {
		kmsg.SkipTags(&r)
	}
	return r.Complete() == nil && req.ReadFrom(r.Src) == nil
}

// producedTo returns the partitions and producers of a produce request.
func producedTo(version int16, b []byte) produced {
	p := produced{version: version}
	req := kmsg.NewPtrProduceRequest()
	if !body(req, version, b) {
		return p
	}
	for _, t := range req.Topics {
		for _, part := range t.Partitions {
			p.partitions = append(p.partitions, folder(t.Topic, part.Partition))
			if id, ok := producerOf(part.Records); ok {
				p.producers = append(p.producers, id)
			}
		}
	}
	if version >= 13 {
		p.partitions = nil // topics have numbers there
	}
	return p
}

// producerOf returns the idempotent producer of a record batch.
func producerOf(batch []byte) (id int64, ok bool) {
	if len(batch) < batchHeader {
		return 0, false
	}
	id = int64(binary.BigEndian.Uint64(batch[43:]))
	return id, id >= 0
}

// unwritten reports whether kfake could not write, by the answer to a produce request.
func unwritten(version int16, answer []byte) bool {
	res := kmsg.NewPtrProduceResponse()
	res.SetVersion(version)
	r := kbin.Reader{Src: answer[8:]}
	if res.IsFlexible() {
		kmsg.SkipTags(&r)
	}
	if res.ReadFrom(r.Src) != nil {
		return true // to be safe
	}
	for _, t := range res.Topics {
		for _, p := range t.Partitions {
			if p.ErrorCode == kerr.UnknownServerError.Code {
				return true
			}
		}
	}
	return false
}

// committedOf returns the partitions' folders, or nil if they cannot be told.
func committedOf(version int16, b []byte) []string {
	req := kmsg.NewPtrOffsetCommitRequest()
	if !body(req, version, b) || version >= 10 {
		return nil
	}
	var names []string
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			names = append(names, folder(t.Topic, p.Partition))
		}
	}
	return names
}

// folder is kfake's name of a partition's folder.
func folder(topic string, partition int32) string {
	return url.PathEscape(topic) + "-" + strconv.Itoa(int(partition))
}
