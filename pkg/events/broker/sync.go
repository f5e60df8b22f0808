package broker

import (
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

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// kfake can sync each record batch itself, but does so, twice, in the one goroutine that
// serves everybody: a slow disk then stops fetching and heartbeats too. Here syncing happens between
// kfake and its connections instead, with two rules: the answer to a produce request
// leaves only after a sync that began after the records were written, and a group's offsets are written
// only after the records before them are synced. Requests for one partition share syncs.

// maxRequest bounds what a connection may make the broker allocate.
const maxRequest = 64 << 20

// A syncer syncs the files of partitions.
type syncer struct {
	dir   string // where kfake keeps the partitions
	fsync func(path string) error
	log   *slog.Logger

	mu         sync.Mutex
	partitions map[string]*partitionSync
}

func newSyncer(dataDir string, fsync func(string) error, log *slog.Logger) *syncer {
	return &syncer{dir: filepath.Join(dataDir, "partitions"), fsync: fsync, log: log, partitions: make(map[string]*partitionSync)}
}

// listen is kfake's way to open its port.
func (s *syncer) listen(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	if err != nil {
		return nil, err
	}
	return syncedListener{l, s}, nil
}

// flush returns when all that was written to the partitions before the call is on disk.
// Without names it is all partitions.
func (s *syncer) flush(names []string) error {
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

// partitionSync syncs one partition's segments, once for all who wait.
type partitionSync struct {
	dir   string
	fsync func(path string) error

	counting sync.Mutex
	begun    int // syncs begun

	syncing sync.Mutex
	ended   int // the number of the last sync that ended well
	// synced is the size up to which each segment is on disk. A segment that is not in it has a name that is not on disk either.
	synced map[string]int64
}

func (p *partitionSync) flush() error {
	p.counting.Lock()
	before := p.begun
	p.counting.Unlock()
	p.syncing.Lock()
	defer p.syncing.Unlock()
	if p.ended > before {
		return nil // it began after this call
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
			return nil // nothing was ever written to it
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
	return nil
}

func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

type syncedListener struct {
	net.Listener
	s *syncer
}

func (l syncedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &syncedConn{Conn: c, s: l.s, produced: make(map[int32][]string)}, nil
}

// syncedConn reads requests whole, so that it knows what they are about, and holds answers back until the disk has what they say.
type syncedConn struct {
	net.Conn
	s    *syncer
	rest []byte // of the request being read

	mu       sync.Mutex
	produced map[int32][]string // the partitions of produce requests not yet answered, by correlation id
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

// next reads one request: its size, then its key, version, correlation id, the client's name and the rest.
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
	key := int16(binary.BigEndian.Uint16(request[4:]))
	version := int16(binary.BigEndian.Uint16(request[6:]))
	if kmsg.RequestForKey(key) == nil {
		return c.refuse("a request of kind %d", key)
	}
	switch key {
	case int16(kmsg.Produce):
		c.mu.Lock()
		c.produced[int32(binary.BigEndian.Uint32(request[8:]))] = producedTo(version, request[12:])
		c.mu.Unlock()
	case int16(kmsg.OffsetCommit):
		// Were an offset to outlive the records before it, others would take their
		// offsets after a loss of power, and the group would pass over them.
		if err := c.s.flush(committedOf(version, request[12:])); err != nil {
			return c.failed(err)
		}
	}
	c.rest = request
	return nil
}

// Write is given one whole answer at a time.
func (c *syncedConn) Write(answer []byte) (int, error) {
	if len(answer) >= 8 {
		id := int32(binary.BigEndian.Uint32(answer[4:]))
		c.mu.Lock()
		partitions, held := c.produced[id]
		delete(c.produced, id)
		c.mu.Unlock()
		if held {
			if err := c.s.flush(partitions); err != nil {
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

// failed ends a connection without the acknowledgement that its client waits for.
func (c *syncedConn) failed(err error) error {
	c.s.log.Error("embedded broker: the disk fails", "error", err)
	return err
}

// body is a request without its client's name; ok is false for what kfake will refuse itself.
func body(req kmsg.Request, version int16, b []byte) (ok bool) {
	n := int(int16(binary.BigEndian.Uint16(b)))
	b = b[2:]
	if n > len(b) {
		return false
	}
	b = b[max(n, 0):]
	req.SetVersion(version)
	return !req.IsFlexible() && req.ReadFrom(b) == nil
}

// producedTo returns the partitions' folders; nil means that they cannot be told, as with
// the newer versions that kafka-go does not speak, which name topics by number.
func producedTo(version int16, b []byte) []string {
	req := kmsg.NewPtrProduceRequest()
	if !body(req, version, b) {
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

func committedOf(version int16, b []byte) []string {
	req := kmsg.NewPtrOffsetCommitRequest()
	if !body(req, version, b) {
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

// folder is the name that kfake gives a partition's folder.
func folder(topic string, partition int32) string {
	return url.PathEscape(topic) + "-" + strconv.Itoa(int(partition))
}
