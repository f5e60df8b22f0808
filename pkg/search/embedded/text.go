package embedded

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/blevesearch/bleve/v2/document"
	"github.com/blevesearch/bleve/v2/index/scorch"
	index "github.com/blevesearch/bleve_index_api"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/search"
	"github.com/cinedex/cinedex/pkg/search/words"
)

// The fields of a document. Texts are in textField plus the base language.
const (
	textField     = "text."
	labelField    = "label"
	kindField     = "kind"
	languageField = "language"
	personField   = "character"
	rowField      = "row"
)

const (
	// wordOptions keep positions, for phrases. keyOptions keep the documents alone.
	wordOptions = index.IndexField | index.IncludeTermVectors
	keyOptions  = index.IndexField | index.SkipFreqNorm
)

// text is the full-text half of the engine.
type text struct {
	dir       string
	log       *slog.Logger
	index     index.Index
	queue     *index.AnalysisQueue
	languages *words.Languages
	columns   columnCache
	commits   *committer
	stale     chan struct{} // holds one when the segments changed
	warming   sync.WaitGroup
	// ending ends the warming. placing says that a set was asked for, so that places are read.
	placing    atomic.Bool
	mostPlaced int // bytes
	ending     context.Context
	end        context.CancelFunc

	// failed is closed when scorch lost one of its loops: the index can be read and not written. failure is set before.
	failed   chan struct{}
	failOnce sync.Once
	failure  error
	closing  atomic.Bool
	journal  *journal

	mu        sync.Mutex
	progress  *sync.Cond // of the fields below, under mu
	unwritten int        // changes that are in the journal and in memory, and not yet in the index's files
	// writeErr and appendErr are the last errors of writing the index and the journal; nil after a write that succeeded.
	writeErr, appendErr error
	// doubtful says that a write has failed since the index was opened: searches may find other items than a replay of the journal would
	// bring back.
	doubtful bool
}

// maxUnwritten bounds the changes that the index has not written yet. Writers wait beyond the bound.
const maxUnwritten = 40_000

func openText(dir string, runs *runTable, log *slog.Logger) (*text, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of texts: %w", err)
	}
	langs, err := words.NewLanguages()
	if err != nil {
		return nil, fmt.Errorf("preparing the analysis of languages: %w", err)
	}
	t := &text{dir: dir, log: log, mostPlaced: placedBytes, languages: langs, columns: columnCache{table: runs}, failed: make(chan struct{}), stale: make(chan struct{}, 1), queue: index.NewAnalysisQueue(runtime.GOMAXPROCS(0))}
	t.progress = sync.NewCond(&t.mu)
	t.ending, t.end = context.WithCancel(context.Background())
	release := hearErrors(dir, t.asyncError)
	t.index, err = scorch.NewScorch(scorch.Name, map[string]any{
		"path": dir,
		// Batch returns when the batch is searchable. The journal makes the batch durable. Scorch's own safe mode takes several syncs
		// for each batch, and closes a segment under its readers if the disk refuses the segment.
		"unsafe_batch":           true,
		"bolt_timeout":           "1s",
		"asyncErrorCallbackName": errorCallback,
		// Batches within the nap are written as one segment.
		"scorchPersisterOptions": map[string]any{"PersisterNapTimeMSec": 100, "PersisterNapUnderNumFiles": 500},
		// Few large segments make searches fast. The writer's second core pays for merges.
		"scorchMergePlanOptions": map[string]any{
			"MaxSegmentsPerTier": 6, "MaxSegmentSize": 5_000_000, "TierGrowth": 10.0,
			"SegmentsPerMergeTask": 8, "FloorSegmentSize": 2000, "ReclaimDeletesWeight": 2.0,
		},
	}, t.queue)
	if err == nil {
		err = guarded(filepath.Join(dir, boltFile), t.index.Open)
	}
	if err != nil {
		release()
		t.queue.Close()
		if strings.Contains(err.Error(), "timeout") {
			err = errkind.New(errkind.Unavailable, "another process has it open: %w", err)
		}
		return nil, fmt.Errorf("opening the text index in %s: %w", dir, err)
	}
	if t.journal, err = openJournal(filepath.Join(dir, "journal"), t.replay); err != nil {
		_ = t.index.Close()
		release()
		t.queue.Close()
		return nil, fmt.Errorf("opening the text index in %s: %w", dir, err)
	}
	t.commits = newCommitter(t.commit, t.failed, release)
	t.warming.Go(t.keepWarm)
	return t, nil
}

func (t *text) close() error {
	if t.closing.Swap(true) {
		return nil
	}
	t.commits.close()
	t.flush()
	t.journal.end()
	t.end()
	t.warming.Wait()
	err := t.index.Close()
	t.commits.release()
	t.queue.Close()
	return err
}

// ready returns the reason why nothing can be written; nil if writes succeed.
func (t *text) ready() error {
	select {
	case <-t.failed:
		return t.failure
	default:
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return errors.Join(t.writeErr, t.appendErr)
}

// asyncError takes the errors of scorch's loops. The loops try again at once and for ever. The pause here keeps a full disk from
// occupying a core.
func (t *text) asyncError(err error) {
	var se *scorch.ScorchError
	if errors.As(err, &se) && se.ErrType == scorch.ErrAsyncPanic {
		t.failOnce.Do(func() {
			t.failure = errkind.New(errkind.Unavailable, "the text index stopped: %w", err)
			close(t.failed)
			t.progress.Broadcast()
		})
		t.log.Error("text index stopped", "error", err)
		return
	}
	t.mu.Lock()
	first := t.writeErr == nil
	t.writeErr = classifyDisk(err)
	t.progress.Broadcast()
	t.mu.Unlock()
	if first && !t.closing.Load() {
		t.log.Error("text index cannot be written, trying again", "error", err)
	}
	if !t.closing.Load() {
		time.Sleep(100 * time.Millisecond)
	}
}

// classifyDisk gives errors of writing their kind. Scorch passes some of these errors on as text.
func classifyDisk(err error) error {
	if k := errkind.Of(err); k != errkind.Internal {
		return err
	}
	if msg := err.Error(); strings.Contains(msg, "no space left") || strings.Contains(msg, "disk quota") || strings.Contains(msg, "file too large") {
		return errkind.Wrap(errkind.Exhausted, err)
	}
	return errkind.Wrap(errkind.Unavailable, err)
}

// write indexes annotations and returns when they are durable and searchable.
func (t *text) write(ctx context.Context, annotations []*pb.Annotation) error {
	c := &change{}
	for _, a := range annotations {
		if a.GetText() == "" && a.GetLabel() == "" {
			continue
		}
		a = lean(a)
		d, row, err := t.document(a)
		if err != nil {
			return err
		}
		c.annotations, c.docs, c.rows = append(c.annotations, a), append(c.docs, d), append(c.rows, row)
		if c.size() == maxGroup {
			if err := t.commits.do(ctx, c); err != nil {
				return t.writeError(err)
			}
			c = &change{}
		}
	}
	if c.size() == 0 {
		return nil
	}
	return t.writeError(t.commits.do(ctx, c))
}

func (t *text) remove(ctx context.Context, run string, from int64) error {
	ids, err := t.idsFrom(run, from)
	if err != nil {
		return err
	}
	for len(ids) > 0 {
		n := min(len(ids), maxGroup)
		if err := t.commits.do(ctx, &change{deletes: ids[:n]}); err != nil {
			return t.writeError(err)
		}
		ids = ids[n:]
	}
	return nil
}

func (t *text) writeError(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, errStopped) {
		return t.failure
	}
	if errkind.Of(err) == errkind.Cancelled || errors.Is(err, errClosed) {
		return err
	}
	return fmt.Errorf("writing texts: %w", classifyDisk(err))
}

// commit makes changes durable and searchable. One goroutine at a time calls commit.
func (t *text) commit(changes []*change) error {
	if err := t.waitForRoom(); err != nil {
		return err
	}
	changes, err := t.changed(changes)
	if err != nil || len(changes) == 0 {
		return err
	}
	record, err := encodeChanges(changes)
	if err != nil {
		return err
	}
	var indexed func()
	appended := make(chan error, 1)
	// The record leaves the journal once both the journal and the index have written the record.
	var left atomic.Int32
	left.Store(2)
	both := func() {
		if left.Add(-1) == 0 {
			indexed()
		}
	}
	go func() {
		done, err := t.journal.append(record)
		if err == nil {
			indexed = done
			both()
		}
		appended <- err
	}()
	indexErr := t.apply(changes, both)
	appendErr := <-appended
	if appendErr != nil {
		appendErr = classifyDisk(appendErr)
	}
	t.mu.Lock()
	t.appendErr = appendErr
	t.doubtful = t.doubtful || appendErr != nil || indexErr != nil
	t.mu.Unlock()
	return errors.Join(appendErr, indexErr)
}

// apply makes changes searchable, and calls written when the index has the changes on disk.
func (t *text) apply(changes []*change, written func()) error {
	b := index.NewBatch()
	n := 0
	for _, c := range changes {
		n += c.size()
		for _, d := range c.docs {
			b.Update(d)
		}
		for _, id := range c.deletes {
			b.Delete(id)
		}
	}
	t.mu.Lock()
	t.unwritten += n
	t.mu.Unlock()
	b.SetPersistedCallback(func(err error) {
		if err != nil {
			return
		}
		t.mu.Lock()
		t.unwritten -= n
		t.writeErr = nil
		t.progress.Broadcast()
		t.mu.Unlock()
		written()
	})
	if err := t.index.Batch(b); err != nil {
		t.mu.Lock()
		t.unwritten -= n
		t.mu.Unlock()
		return fmt.Errorf("indexing a batch: %w", err)
	}
	t.refresh()
	return nil
}

// waitForRoom waits while more than maxUnwritten changes are unwritten. waitForRoom fails if the index cannot be written.
func (t *text) waitForRoom() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.unwritten > maxUnwritten {
		if t.writeErr != nil {
			return t.writeErr
		}
		if t.hasFailed() {
			return errStopped
		}
		t.progress.Wait()
	}
	return nil
}

// flush waits until the index has written every change, or fails to write.
func (t *text) flush() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for t.unwritten > 0 && t.writeErr == nil && !t.hasFailed() {
		t.progress.Wait()
	}
}

func (t *text) hasFailed() bool {
	select {
	case <-t.failed:
		return true
	default:
		return false
	}
}

// replay applies the records of a journal, and returns when the index has written the records.
func (t *text) replay(records [][]byte) error {
	for _, r := range records {
		c, err := t.decodeChange(r)
		if err != nil {
			return err
		}
		if err := t.waitForRoom(); err != nil {
			return err
		}
		if err := t.apply([]*change{c}, func() {}); err != nil {
			return err
		}
	}
	t.flush()
	if t.hasFailed() {
		return t.failure
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.writeErr
}

// A record of the journal is a list of operations: a byte that names the operation, the length of its value, and the value.
const (
	opWrite  = 'w' // an Annotation
	opDelete = 'd' // a document's id
)

func encodeChanges(changes []*change) (b []byte, err error) {
	for _, c := range changes {
		for _, a := range c.annotations {
			b = binary.AppendUvarint(append(b, opWrite), uint64(proto.Size(a)))
			b, err = proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(b, a)
			if err != nil {
				return nil, fmt.Errorf("encoding annotation %s: %w", schema.ItemID(a.GetRun(), a.GetOrdinal()), err)
			}
		}
		for _, id := range c.deletes {
			b = binary.AppendUvarint(append(b, opDelete), uint64(len(id)))
			b = append(b, id...)
		}
	}
	return b, nil
}

func (t *text) decodeChange(b []byte) (*change, error) {
	c := &change{}
	for len(b) > 0 {
		op := b[0]
		size, n := binary.Uvarint(b[1:])
		if n <= 0 || uint64(len(b)-1-n) < size {
			return nil, errors.New("malformed record")
		}
		body := b[1+n : 1+n+int(size)]
		b = b[1+n+int(size):]
		switch op {
		case opWrite:
			a := &pb.Annotation{}
			if err := proto.Unmarshal(body, a); err != nil {
				return nil, fmt.Errorf("decoding an annotation: %w", err)
			}
			d, _, err := t.document(a)
			if err != nil {
				return nil, err
			}
			c.docs = append(c.docs, d)
		case opDelete:
			c.deletes = append(c.deletes, string(body))
		default:
			return nil, fmt.Errorf("unknown operation %q", op)
		}
	}
	return c, nil
}

// keepWarm prepares new segments before a question has to: their columns, and the documents that the last scopes hide. keepWarm drops the
// columns of segments that are gone.
func (t *text) keepWarm() {
	for {
		select {
		case <-t.stale:
			t.warm()
		case <-t.ending.Done():
			return
		}
	}
}

func (t *text) warm() {
	s, err := t.snapshot()
	if err != nil {
		return
	}
	defer func() { _ = s.Close() }()
	for _, seg := range s.Segments() {
		cols, err := t.columns.of(seg)
		if err != nil {
			t.log.Error("reading identities of a segment", "segment", seg.Id(), "error", err)
			continue
		}
		for _, s := range t.columns.table.newest() {
			cols.hidden(s)
		}
	}
	t.columns.keep(s.Segments())
	if t.placing.Load() {
		if err := readable(t.dir, func() error { return t.place(s) }); err != nil && t.ending.Err() == nil {
			t.log.Error("reading the places of a segment", "error", err)
		}
	}
}

// placedBytes bounds the memory of places. Sets of segments beyond the bound read the row of each item.
const placedBytes = 512 << 20 // of 13 million documents

// place reads the places of a segment that has none, the smallest such segment. If segments are left, place has keepWarm look at the segments
// again, so that new segments are kept warm meanwhile.
func (t *text) place(s *scorch.IndexSnapshot) error {
	left := t.mostPlaced
	for _, c := range t.columns.present() {
		left -= c.places.Load().bytes()
	}
	segments := slices.Clone(s.Segments())
	slices.SortFunc(segments, func(a, b *scorch.SegmentSnapshot) int { return cmp.Compare(a.Segment().Count(), b.Segment().Count()) })
	for _, seg := range segments {
		cols := t.columns.made(seg)
		if cols == nil || cols.places.Load() != nil {
			continue
		}
		if left -= len(cols.runOf) * placeBytes; left < 0 {
			return nil
		}
		p, err := newPlaces(t.ending, &view{seg: seg, cols: cols}, t.columns.table.list(), nil)
		if err != nil {
			return err
		}
		cols.places.Store(p)
		t.refresh()
		return nil
	}
	return nil
}

// placed reports whether the places of every document are read.
func (t *text) placed() (bool, error) {
	s, err := t.snapshot()
	if err != nil {
		return false, err
	}
	defer func() { _ = s.Close() }()
	for _, seg := range s.Segments() {
		if cols := t.columns.made(seg); cols == nil || cols.places.Load() == nil {
			return false, nil
		}
	}
	return true, nil
}

// refresh has keepWarm look at the segments.
func (t *text) refresh() {
	select {
	case t.stale <- struct{}{}:
	default:
	}
}

func (t *text) snapshot() (*scorch.IndexSnapshot, error) {
	r, err := t.index.Reader()
	if err != nil {
		return nil, fmt.Errorf("opening a snapshot of the texts: %w", err)
	}
	s, ok := r.(*scorch.IndexSnapshot)
	if !ok || s == nil {
		return nil, errkind.New(errkind.Unavailable, "the text index is closed")
	}
	return s, nil
}

// idsFrom returns the ids of a run's documents from an ordinal on.
func (t *text) idsFrom(run string, from int64) ([]string, error) {
	s, err := t.snapshot()
	if err != nil {
		return nil, err
	}
	defer func() { _ = s.Close() }()
	dict, err := s.FieldDictRange("_id", []byte(documentID(run, from)), []byte(documentID(run, search.MaxOrdinal+1)))
	if err != nil {
		return nil, fmt.Errorf("reading the items of run %s: %w", run, err)
	}
	defer func() { _ = dict.Close() }()
	var ids []string
	for {
		e, err := dict.Next()
		if err != nil {
			return nil, fmt.Errorf("reading the items of run %s: %w", run, err)
		}
		if e == nil {
			return ids, nil
		}
		ids = append(ids, strings.Clone(e.Term))
	}
}

// document returns the document to index for an annotation, and the row to store.
func (t *text) document(a *pb.Annotation) (_ index.Document, stored []byte, err error) {
	if err := search.CheckItem(a.GetRun(), a.GetOrdinal()); err != nil {
		return nil, nil, err
	}
	tag := ""
	d := document.NewDocument(documentID(a.GetRun(), a.GetOrdinal()))
	if a.GetText() != "" {
		tag = words.Canonical(a.GetLanguage())
		lang, err := t.languages.Of(tag)
		if err != nil {
			return nil, nil, err
		}
		d.AddField(newWordField(textField+lang.Base, a.GetText(), lang))
		d.AddField(key(languageField, tag))
	}
	if a.GetLabel() != "" {
		d.AddField(newWordField(labelField, a.GetLabel(), t.languages.Label()))
	}
	d.AddField(key(kindField, a.GetKind()))
	if a.GetCharacter() != "" {
		d.AddField(key(personField, words.Name(a.GetCharacter())))
	}
	stored = rowOf(a, tag).encode()
	d.AddField(document.NewTextFieldCustom(rowField, nil, stored, index.StoreField, nil))
	return d, stored, nil
}

// lean returns the indexed fields of an annotation as valid UTF-8. An annotation from within the process need not be valid.
func lean(a *pb.Annotation) *pb.Annotation {
	valid := func(s string) string { return strings.ToValidUTF8(s, " ") }
	return &pb.Annotation{
		Run: valid(a.GetRun()), Ordinal: a.GetOrdinal(), Asset: valid(a.GetAsset()), Kind: valid(a.GetKind()),
		Start: a.GetStart(), End: a.GetEnd(), Text: valid(a.GetText()), Language: valid(a.GetLanguage()),
		Label: valid(a.GetLabel()), Character: valid(a.GetCharacter()), Confidence: a.GetConfidence(),
	}
}
