package gateway

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cinedex/cinedex/pkg/recommend"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
	"github.com/cinedex/cinedex/pkg/store"
)

// picks keeps a copy of the log of picks, for recommendations.
//
//   - A pick of this process is in the copy when Picked has returned. Picks of other processes come with the next reading.
//   - The copy is dropped where the store has forgotten a person, in any process.
type picks struct {
	cfg   recommend.Config
	store store.Store
	now   func() time.Time

	keyed  sync.Mutex // of who asks the store for the secret
	secret atomic.Pointer[recommend.Secret]

	reading turn // of who reads the log
	mu      sync.Mutex
	index   *recommend.Index // nil before the first reading
	version int64            // of store.Forgotten, read before the index was
	added   []*pb.Pick       // while somebody reads the log
	open    bool             // somebody reads the log
}

// secretRole names the secret among the partners of the store, where no file has the secret.
const secretRole = "recommendations"

// readPicksEvery is the time between two readings of the log.
const readPicksEvery = time.Minute

func newPicks(cfg recommend.Config, s store.Store, secret recommend.Secret) *picks {
	p := &picks{cfg: cfg, store: s, now: time.Now, reading: newTurn()}
	if secret != nil {
		p.secret.Store(&secret)
	}
	return p
}

// key returns the secret. Without a file, the first process draws a secret, and the store keeps the secret for all.
func (p *picks) key(ctx context.Context) (recommend.Secret, error) {
	if s := p.secret.Load(); s != nil {
		return *s, nil
	}
	p.keyed.Lock()
	defer p.keyed.Unlock()
	if s := p.secret.Load(); s != nil {
		return *s, nil
	}
	kept, err := p.store.Partner(ctx, secretRole, recommend.NewSecret(), false)
	if err != nil {
		return nil, fmt.Errorf("reading the secret of picks: %w", err)
	}
	s := recommend.Secret(kept)
	p.secret.Store(&s)
	return s, nil
}

// today is the day of a pick that is made now.
func (p *picks) today() int32 { return recommend.DayOf(p.now()) }

// current returns the copy of the log, as new as the last forget.
func (p *picks) current(ctx context.Context) (*recommend.Index, error) {
	forgotten, err := p.store.Forgotten(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the log of picks: %w", err)
	}
	if x := p.held(forgotten); x != nil {
		return x, nil
	}
	if _, err := p.reading.enter(ctx); err != nil {
		return nil, err
	}
	defer p.reading.leave()
	if x := p.held(forgotten); x != nil { // somebody else read the log
		return x, nil
	}
	return p.read(ctx)
}

func (p *picks) held(forgotten int64) *recommend.Index {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.index == nil || p.version < forgotten {
		return nil
	}
	return p.index
}

// read reads the log, and makes the copy. The caller MUST have the turn.
func (p *picks) read(ctx context.Context) (*recommend.Index, error) {
	secret, err := p.key(ctx)
	if err != nil {
		return nil, err
	}
	p.collect(true)
	defer p.collect(false)
	version, err := p.store.Forgotten(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the log of picks: %w", err)
	}
	x := recommend.NewIndex(p.cfg, secret)
	var gone []*pb.Pick
	for pick, err := range p.store.AllPicks(ctx) {
		if err != nil {
			return nil, fmt.Errorf("reading the log of picks: %w", err)
		}
		gone = append(gone, x.Add(pick)...)
	}
	if gone = append(gone, x.Sweep(p.today())...); len(gone) > 0 {
		if err := p.store.DeletePicks(ctx, gone); err != nil {
			return nil, fmt.Errorf("deleting old picks: %w", err)
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, pick := range p.added {
		x.Add(pick)
	}
	p.index, p.version = x, version
	return x, nil
}

func (p *picks) collect(open bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open, p.added = open, nil
}

// add writes picks, and adds the picks to the copy.
func (p *picks) add(ctx context.Context, made []*pb.Pick) error {
	if err := p.store.WritePicks(ctx, made); err != nil {
		return fmt.Errorf("keeping a pick: %w", err)
	}
	var gone []*pb.Pick
	p.mu.Lock()
	if p.open {
		p.added = append(p.added, made...)
	}
	if p.index != nil {
		for _, m := range made {
			gone = append(gone, p.index.Add(m)...)
		}
	}
	p.mu.Unlock()
	if len(gone) == 0 {
		return nil
	}
	if err := p.store.DeletePicks(ctx, gone); err != nil {
		return fmt.Errorf("deleting the oldest picks: %w", err)
	}
	return nil
}

// forget deletes every pick of a person, here and in the store.
func (p *picks) forget(ctx context.Context, person string) (int64, error) {
	n, err := p.store.ForgetPicks(ctx, person)
	if err != nil {
		return 0, fmt.Errorf("forgetting: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.index = nil // the next question reads the log
	return n, nil
}

// clear deletes the whole log.
func (p *picks) clear(ctx context.Context) error {
	last := ""
	for pick, err := range p.store.AllPicks(ctx) {
		if err != nil {
			return fmt.Errorf("reading the log of picks: %w", err)
		}
		if pick.GetPerson() == last {
			continue
		}
		last = pick.GetPerson()
		if _, err := p.forget(ctx, last); err != nil {
			return err
		}
	}
	return nil
}

// FollowPicks reads the log of picks from time to time, and deletes what is too old, until ctx ends. Where no log is wanted, FollowPicks
// deletes the log.
func (g *Gateway) FollowPicks(ctx context.Context) {
	tick := time.NewTicker(readPicksEvery)
	defer tick.Stop()
	for {
		if err := g.picks.renew(ctx); err != nil && ctx.Err() == nil {
			g.deps.Log.Warn("reading the log of picks", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (p *picks) renew(ctx context.Context) error {
	if !p.cfg.Log {
		return p.clear(ctx)
	}
	if _, err := p.reading.enter(ctx); err != nil {
		return err
	}
	defer p.reading.leave()
	_, err := p.read(ctx)
	return err
}

// name names an answer for Picked; "" where no pick of the answer is kept. A store that does not answer costs the name, and not the answer.
func (p *picks) name(ctx context.Context, q *processed, hits []*pb.Hit) string {
	if !p.cfg.Log || len(hits) == 0 || len(pictures(q.tree)) > 0 {
		return ""
	}
	secret, err := p.key(ctx)
	if err != nil {
		return ""
	}
	return secret.Search(q.who, normalForm(q.view, q.tree), hits)
}
