package gateway

import (
	"context"
	"sync"
	"time"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/bins"
	"github.com/cinedex/cinedex/pkg/errkind"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// binLookEvery is the time between two looks at a bin that somebody watches. A change by this process is told at once.
const binLookEvery = 250 * time.Millisecond

// WatchBin gives tell a bin, and the bin anew after each change, until ctx ends. Returns nil if ctx ends.
//
//   - The first message comes at once. The first message has no bin where the caller has the bin already (known).
//   - An error of tell ends the stream, and is returned.
//   - NotFound: there is no bin that the caller may see, or there is none any more. Exhausted: too many streams are open.
func (g *Gateway) WatchBin(ctx context.Context, caller *authz.Caller, req *pb.WatchBinRequest, tell func(*pb.WatchBinResponse) error) error {
	if caller == nil {
		return errNobody
	}
	audit.From(ctx).About(req.GetBin())
	leave, err := g.watching.enter(caller.Name()) //nolint:contextcheck // one look at the library serves every stream, and outlives this stream
	if err != nil {
		return err
	}
	defer leave()
	look, done := g.binLooks.enter(req.GetBin(), g.deps.Store.Bin) //nolint:contextcheck // one look at the bin serves every stream of the bin
	defer done()
	known, due := req.GetKnown(), true // due: a message goes out although nothing changed
	told := false
	for {
		changed, library, ends := look.next(), g.watching.next(), watchIdle
		b, access, err := g.bin(ctx, caller, req.GetBin(), req.GetLink())
		if err == nil {
			ends = min(ends, untilShareEnds(b))
			b, err = g.shownBin(ctx, caller, b, access)
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case errkind.Is(err, errkind.Unavailable) && told:
			ends = watchRetry
		case err != nil:
			return err
		default:
			m := &pb.WatchBinResponse{}
			if b.GetTag() != known {
				m.Bin, known = b, b.GetTag()
				for _, c := range b.GetClips() {
					audit.From(ctx).Told(1, c.GetTitle())
				}
			} else if !due {
				break
			}
			if err := tell(m); err != nil {
				return err
			}
			told = true
		}
		if due = waitForBin(ctx, changed, library, ends); ctx.Err() != nil {
			return nil
		}
	}
}

// waitForBin waits for a change of the bin or of the library, at most for a time. true: the time is over.
func waitForBin(ctx context.Context, bin, library <-chan struct{}, most time.Duration) bool {
	late := time.NewTimer(most)
	defer late.Stop()
	select {
	case <-ctx.Done():
	case <-bin:
	case <-library:
	case <-late.C:
		return true
	}
	return false
}

// untilShareEnds returns the time until the next share of a bin ends; watchIdle where none ends before.
func untilShareEnds(b *pb.Bin) time.Duration {
	next := watchIdle
	for _, s := range b.GetShares() {
		if left := time.Until(time.UnixMilli(s.GetUntilMs())); s.GetUntilMs() != 0 && left > 0 {
			next = min(next, left+time.Millisecond)
		}
	}
	return next
}

// binLooks look at the bins that somebody watches. All streams of a bin share the looking.
type binLooks struct {
	mu   sync.Mutex
	open map[string]*binLook
}

// A binLook looks at one bin.
type binLook struct {
	streams int
	stop    context.CancelFunc
	now     chan struct{} // a change by this process

	mu      sync.Mutex
	changed chan struct{} // closed when the bin has changed
}

// enter counts a stream of a bin in. The caller of enter MUST call done.
func (l *binLooks) enter(id string, read func(context.Context, string) (*pb.Bin, error)) (look *binLook, done func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	look = l.open[id]
	if look == nil {
		ctx, stop := context.WithCancel(context.Background())
		look = &binLook{stop: stop, now: make(chan struct{}, 1), changed: make(chan struct{})}
		if l.open == nil {
			l.open = map[string]*binLook{}
		}
		l.open[id] = look
		go look.follow(ctx, id, read)
	}
	look.streams++
	return look, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if look.streams--; look.streams == 0 {
			look.stop()
			delete(l.open, id)
		}
	}
}

// poke makes the streams of a bin look at once.
func (l *binLooks) poke(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if look := l.open[id]; look != nil {
		select {
		case look.now <- struct{}{}:
		default:
		}
	}
}

// next returns a channel that is closed at the next change of the bin.
func (l *binLook) next() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

// follow tells the streams each change. A bin that cannot be read is read again.
func (l *binLook) follow(ctx context.Context, id string, read func(context.Context, string) (*pb.Bin, error)) {
	tick := time.NewTicker(binLookEvery)
	defer tick.Stop()
	last := int64(-1)
	for {
		revision := int64(0) // of no bin
		b, err := read(ctx, id)
		if err == nil {
			revision = b.GetRevision()
		}
		if (err == nil || errkind.Is(err, errkind.NotFound)) && revision != last {
			last = revision
			l.mu.Lock()
			close(l.changed)
			l.changed = make(chan struct{})
			l.mu.Unlock()
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-l.now:
		}
	}
}

// RestoreBin makes a bin again as the bin was at a revision.
//
//   - NotFound: there is no such bin that the caller may see, or the history does not reach back to the revision.
//   - Denied: the caller may not edit the bin.
//   - Conflict: the bin changed after the caller looked. Invalid: there is no such revision.
func (g *Gateway) RestoreBin(ctx context.Context, caller *authz.Caller, req *pb.RestoreBinRequest) (*pb.RestoreBinResponse, error) {
	audit.From(ctx).About(req.GetBin())
	b, access, err := g.bin(ctx, caller, req.GetBin(), req.GetLink())
	if err != nil {
		return nil, err
	}
	switch {
	case access < bins.Edit:
		return nil, errLooking(b)
	case req.GetSeen() != b.GetRevision():
		return nil, errkind.New(errkind.Conflict, "the bin is of revision %d, and you saw revision %d: look again, and restore then", b.GetRevision(), req.GetSeen())
	}
	var changes []*pb.BinChange
	for below := int64(0); ; {
		page, err := g.deps.Store.BinChanges(ctx, b.GetId(), below, MaxHistoryPage)
		if err != nil {
			return nil, errkind.Wrap(errkind.Of(err), err)
		}
		changes = append(changes, page...)
		if len(page) < MaxHistoryPage || page[len(page)-1].GetRevision() <= req.GetRevision()+1 {
			break
		}
		below = page[len(page)-1].GetRevision()
	}
	was, err := bins.At(b, changes, req.GetRevision())
	if err != nil {
		return nil, err
	}
	s, err := g.see(ctx, caller)
	if err != nil {
		return nil, err
	}
	made, left, err := bins.Restore(b, was, g.editorOf(caller, s, access, req.GetSeen()), bins.Env{Now: time.Now(), ID: newBinID, Secret: newBinID})
	if err != nil {
		return nil, err
	}
	if made.Made() {
		if b, err = g.deps.Store.PutBin(ctx, made.Bin, made.Change); err != nil {
			return nil, errkind.New(errkind.Of(err), "keeping the bin: %w", err)
		}
		g.binLooks.poke(b.GetId())
	}
	b, err = g.shownBin(ctx, caller, b, access)
	return &pb.RestoreBinResponse{Bin: b, LeftOut: int32(left)}, err
}
