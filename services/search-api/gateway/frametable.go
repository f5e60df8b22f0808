package gateway

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// The frames of an asset of variable rate are placed by its frame table, a blob. A table that cannot be read costs its asset the frames
// and timecodes, and nothing else:
//
//   - Moments of the asset are found as ever, and told in flicks and milliseconds. `partial` of each answer that holds one names the asset.
//   - A place in the asset (like_frame, like_shot) is refused with kind Unavailable.
//   - Status tells of it, the log does once, and a gauge counts such assets.
//   - The table is read again every tableRetry.

const (
	// tableRetry is how long a table that could not be read is not asked for again.
	tableRetry = 10 * time.Second
	// tableTimeout bounds the reading of one table: searches that need a new snapshot wait for it.
	tableTimeout = 5 * time.Second
)

// A lost table is one that could not be read.
type lostTable struct {
	reason string // for callers who may see the asset
	until  time.Time
}

// place gives an entry its clock and its timecodes, or says in lost why it has none. The caller holds the turn.
func (l *library) place(ctx context.Context, a *pb.Asset, e *entry) {
	id := e.id
	was, known := l.lost[id]
	switch now := l.now(); {
	case known && now.Before(was.until):
		e.lost = was.reason
		return
	case now.Before(l.silentUntil) && a.GetVideo().GetFrameTable() != nil:
		l.lose(e, errSilent)
		return
	}
	// A caller who leaves says nothing about the table.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tableTimeout)
	defer cancel()
	if err := l.readClock(ctx, a.GetVideo(), e); err != nil {
		if ctx.Err() != nil { // each of many tables would be waited for
			l.silentUntil = l.now().Add(tableRetry)
		}
		l.lose(e, err)
		return
	}
	if known {
		delete(l.lost, id)
		l.deps.Log.Info("the frame table of an asset can be read again", "asset", id)
	}
}

var errSilent = errkind.New(errkind.Unavailable, "the bucket did not answer for another asset just now")

func (l *library) readClock(ctx context.Context, v *pb.VideoTrack, e *entry) error {
	clock, err := schema.ReadClock(v, func(ref *pb.MediaRef) ([]byte, error) { return l.deps.Blob(ctx, ref) })
	if err != nil {
		return err
	}
	scale, err := schema.NewTimecodeScale(v)
	if err != nil {
		return errkind.New(errkind.Conflict, "making the timecode: %w", err)
	}
	e.clock, e.scale = clock, scale
	return nil
}

// lose notes that an asset has no clock. The log tells of it when it is new.
func (l *library) lose(e *entry, err error) {
	id := e.id
	e.lost = "cannot be read now; it is read again every 10 s"
	switch errkind.Of(err) {
	case errkind.NotFound:
		e.lost = "is not in Cinedex's bucket: restore it from a backup"
	case errkind.Conflict, errkind.Invalid, errkind.Exhausted:
		e.lost = "is damaged: restore it from a backup"
	}
	if was := l.lost[id]; was.reason != e.lost {
		l.deps.Log.Error("an asset is answered without frames and timecodes", "asset", id, "reason", "its frame table "+e.lost, "error", err)
	}
	if l.lost == nil {
		l.lost = map[string]lostTable{}
	}
	l.lost[id] = lostTable{e.lost, l.now().Add(tableRetry)}
}

// settle forgets the lost tables of assets that the library has no more, and says when to read the others again. The caller holds the turn.
func (l *library) settle(s *snapshot) {
	maps.DeleteFunc(l.lost, func(id string, _ lostTable) bool { e := s.asset(id); return e == nil || e.lost == "" })
	l.losses.Set(float64(len(l.lost)))
	var next int64
	for _, t := range l.lost {
		if at := t.until.UnixNano(); next == 0 || at < next {
			next = at
		}
	}
	l.retry.Store(next)
}

// due reports whether a lost table is to be read again.
func (l *library) due() bool {
	at := l.retry.Load()
	return at != 0 && l.now().UnixNano() >= at
}

// mend reads lost tables again. It returns the same library with the clocks that can be had now. The caller holds the turn.
func (l *library) mend(ctx context.Context, c *versioned) *snapshot {
	var changes []change
	for _, id := range slices.Sorted(maps.Keys(l.lost)) {
		e := c.asset(id)
		if e == nil || e.lost == "" {
			continue
		}
		again := *e
		again.lost = ""
		if l.place(ctx, again.asset(), &again); again.lost != e.lost {
			changes = append(changes, change{asset: id, now: &again})
		}
	}
	if len(changes) == 0 {
		l.settle(c.snapshot)
		return c.snapshot
	}
	m := c.next()
	var mended []string
	for _, ch := range changes {
		m.put(ch.now)
		mended = append(mended, ch.asset)
	}
	m.hidden.Store(c.hidden.Load())
	m.number = l.lineage.add(mended)
	l.keep(m, c.snapshot, true) // the same runs: cursors find it
	l.settle(m)
	l.current.Store(&versioned{m, c.version})
	return m
}

// partFrames is how a partial answer calls frames and timecodes.
const partFrames = "frames"

// framesLost names the assets of a page whose moments are told without frames and timecodes.
func framesLost(p *processed, hits []*pb.Hit) (out []*pb.PartialFailure) {
	named := map[string]bool{}
	for _, h := range hits {
		e := p.snap.asset(h.GetAsset())
		if e.lost == "" || named[h.GetAsset()] {
			continue
		}
		named[h.GetAsset()] = true
		out = append(out, &pb.PartialFailure{Part: partFrames, Kind: errkind.Unavailable.String(),
			Error: fmt.Sprintf("the moments of asset %s are told without frames and timecodes: its frame table %s", h.GetAsset(), e.lost)})
	}
	return out
}
