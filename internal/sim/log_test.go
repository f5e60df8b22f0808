package sim

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// partitions is how many each topic has.
const partitions = 2

// lane is a partition of a topic.
type lane struct {
	topic events.Topic
	n     int
}

func (l lane) compare(o lane) int {
	return cmp.Or(cmp.Compare(l.topic, o.topic), cmp.Compare(l.n, o.n))
}

func laneOf(topic events.Topic, subject string) lane {
	h := fnv.New32a()
	_, _ = h.Write([]byte(subject))
	return lane{topic, int(h.Sum32() % partitions)}
}

type message struct {
	lane   lane
	offset int64
	event  events.Event
	logged time.Time
	// poison is the group that cannot handle the message.
	poison string
}

// A simlog keeps every message, and each group's progress. A simlog treats a handler's errors as package events treats
// them.
type simlog struct {
	w       *world
	lanes   map[lane][]*message
	groups  map[string]*group
	late    []lateMessage
	letters map[letter]bool
	ends    []ended // of handlers, not yet looked at; under the gate's lock
}

type letter struct {
	m     *message
	group string
}

// A lateMessage lands at a later step, or never if the process that holds the message dies.
type lateMessage struct {
	at    int
	topic events.Topic
	ev    events.Event
	held  *process
}

type group struct {
	name    string
	members map[*process]member
	lanes   []lane
	cursors map[lane]*cursor
}

type member struct {
	sub    events.Subscription
	handle events.Handler
}

// A cursor is how far a group is in a lane.
type cursor struct {
	committed, position int64
	owner               *process
	generation          int
	busy                bool
	rewind              bool
	single              int64 // below this offset messages go singly
	attempts            int
	again               time.Time
}

type ended struct {
	g          *group
	lane       lane
	generation int
	n          int
	err        error
}

func newLog(w *world) *simlog {
	return &simlog{w: w, lanes: map[lane][]*message{}, groups: map[string]*group{}, letters: map[letter]bool{}}
}

// logged is the log as seen by a process.
type logged struct{ p *process }

// Publish cuts smaller batches than the runner, so that a crash can come between two batches.
func (l logged) Publish(ctx context.Context, topic events.Topic, evs ...events.Event) error {
	w := l.p.world
	for _, ev := range evs {
		ev.Data = proto.Clone(ev.Data)
		for i, piece := range cut(ev, w.plan.Cut) {
			c := &call{by: l.p, what: fmt.Sprintf("publish %s %s %s %d", topic, ev.Subject, runOf(ev), i), done: make(chan error, 1)}
			if topic != events.RunsFinished {
				c.writes = runOf(ev)
			}
			c.effect = func() error {
				if c.writes != "" {
					w.written(c.writes, l.p)
				}
				return w.log.take(l.p, topic, piece)
			}
			if err := l.p.wait(ctx, c); err != nil {
				return err
			}
		}
	}
	return nil
}

func runOf(ev events.Event) string {
	switch m := ev.Data.(type) {
	case *pb.AnnotationBatch:
		return m.GetRun()
	case *pb.EmbeddingBatch:
		return m.GetRun()
	case *pb.RunFinished:
		return m.GetRun().GetId()
	}
	return ""
}

func cut(ev events.Event, most int) []events.Event {
	var out []events.Event
	switch m := ev.Data.(type) {
	case *pb.AnnotationBatch:
		first := m.GetFirst()
		for part := range slices.Chunk(m.GetAnnotations(), most) {
			b := &pb.AnnotationBatch{Asset: m.GetAsset(), Run: m.GetRun(), Epoch: m.GetEpoch(), Algorithm: m.GetAlgorithm(), Version: m.GetVersion(), First: first, Annotations: part}
			out = append(out, events.Event{Subject: ev.Subject, Data: b})
			first += int64(len(part))
		}
	case *pb.EmbeddingBatch:
		first := m.GetFirst()
		for part := range slices.Chunk(m.GetEmbeddings(), most) {
			b := &pb.EmbeddingBatch{Asset: m.GetAsset(), Run: m.GetRun(), Epoch: m.GetEpoch(), Algorithm: m.GetAlgorithm(), Version: m.GetVersion(), First: first, Space: m.GetSpace(), Embeddings: part}
			out = append(out, events.Event{Subject: ev.Subject, Data: b})
			first += int64(len(part))
		}
	default:
		out = append(out, ev)
	}
	return out
}

// take adds a publication to the log.
func (l *simlog) take(p *process, topic events.Topic, ev events.Event) error {
	w := l.w
	soon := func(held *process) {
		l.late = append(l.late, lateMessage{w.step + 1 + w.rnd.IntN(60), topic, ev, held})
	}
	if w.bug == noAcks {
		l.late = append(l.late, lateMessage{w.step + 40, topic, ev, p})
		return nil
	}
	switch {
	case w.fails(LogBefore):
		return errkind.New(errkind.Unavailable, "the log is away")
	case w.fails(LogLate):
		soon(nil)
		return errkind.New(errkind.Unavailable, "the log has not answered")
	case w.fails(LogTwice):
		soon(nil)
	}
	l.land(topic, ev, "")
	return nil
}

func (l *simlog) land(topic events.Topic, ev events.Event, poison string) {
	k := laneOf(topic, ev.Subject)
	m := &message{lane: k, offset: int64(len(l.lanes[k])), event: ev, logged: time.Now(), poison: poison}
	l.lanes[k] = append(l.lanes[k], m)
	if poison == "" {
		l.w.fold.add(ev)
	}
}

// landLate lands the late messages that are due, or all late messages.
func (l *simlog) landLate(all bool) {
	l.late = slices.DeleteFunc(l.late, func(m lateMessage) bool {
		due := all || m.at <= l.w.step
		if due {
			l.land(m.topic, m.ev, "")
		}
		return due
	})
}

// Subscribe takes part in a group until ctx ends.
func (l logged) Subscribe(ctx context.Context, sub events.Subscription, handle events.Handler) error {
	w := l.p.world
	w.gate.mu.Lock()
	g := w.log.groups[sub.Group]
	if g == nil {
		g = &group{name: sub.Group, members: map[*process]member{}, cursors: map[lane]*cursor{}}
		for _, t := range sub.Topics {
			for n := range partitions {
				g.lanes = append(g.lanes, lane{t, n})
				g.cursors[lane{t, n}] = &cursor{}
			}
		}
		slices.SortFunc(g.lanes, lane.compare)
		w.log.groups[sub.Group] = g
	}
	g.members[l.p] = member{sub, handle}
	w.gate.mu.Unlock()
	<-ctx.Done()
	w.gate.mu.Lock()
	delete(g.members, l.p)
	w.gate.mu.Unlock()
	return nil
}

// inOrder returns the groups by name.
func (l *simlog) inOrder() []*group {
	var out []*group
	for _, g := range l.groups {
		out = append(out, g)
	}
	slices.SortFunc(out, func(a, b *group) int { return cmp.Compare(a.name, b.name) })
	return out
}

// share gives each lane of each group to a member. A member paused for long counts as dead. A living member finishes
// its batch before giving up a lane.
func (l *simlog) share() {
	for _, g := range l.inOrder() {
		var alive []*process
		for p := range g.members {
			if !p.dead && !p.expelled() {
				alive = append(alive, p)
			}
		}
		slices.SortFunc(alive, func(a, b *process) int { return cmp.Compare(a.name, b.name) })
		for i, k := range g.lanes {
			c := g.cursors[k]
			var owner *process
			if len(alive) > 0 {
				owner = alive[i%len(alive)]
			}
			if c.owner == owner || c.busy && slices.Contains(alive, c.owner) {
				continue
			}
			c.owner, c.busy, c.position, c.attempts, c.again = owner, false, c.committed, 0, time.Time{}
			c.generation++
		}
	}
}

// settle applies the results of the handlers.
func (l *simlog) settle() {
	l.w.gate.mu.Lock()
	ends := l.ends
	l.ends = nil
	l.w.gate.mu.Unlock()
	slices.SortFunc(ends, func(a, b ended) int {
		return cmp.Or(cmp.Compare(a.g.name, b.g.name), a.lane.compare(b.lane), cmp.Compare(a.generation, b.generation))
	})
	for _, e := range ends {
		c := e.g.cursors[e.lane]
		if e.generation != c.generation {
			continue // the commit is refused: the lane belongs to another member
		}
		c.busy = false
		l.settleOne(e, c)
		if c.rewind {
			c.rewind, c.position, c.committed = false, 0, 0
		}
	}
}

func (l *simlog) settleOne(e ended, c *cursor) {
	w := l.w
	done := func() {
		c.position += int64(e.n)
		c.attempts = 0
		if w.rnd.IntN(2) == 0 {
			c.committed = c.position // otherwise with the next message, or not before a crash
		}
	}
	if e.err == nil || w.bug == skipErrors {
		done()
		return
	}
	c.attempts++
	kind := errkind.Of(e.err)
	switch {
	case kind == errkind.Unavailable, kind == errkind.Exhausted, kind == errkind.Cancelled:
	case e.n > 1:
		c.single = c.position + int64(e.n)
		c.attempts = 0
		return
	case kind == errkind.Conflict:
		done()
		return
	case kind.Poison() || c.attempts >= 5:
		m := l.lanes[e.lane][c.position]
		l.letters[letter{m, e.g.name}] = true
		w.tell("put aside %s/%d of %s: %v", m.lane.topic, m.offset, e.g.name, e.err)
		done()
		return
	}
	c.again = time.Now().Add(time.Duration(min(c.attempts, 5)) * 500 * time.Millisecond)
}

// pending reports whether a group has something to do in a lane.
func (l *simlog) pending(k lane, c *cursor) bool { return c.position < int64(len(l.lanes[k])) }

// deliverable returns the lanes of which a batch may be handed over now.
func (l *simlog) deliverable() (out []func()) {
	for _, g := range l.inOrder() {
		for _, k := range g.lanes {
			c := g.cursors[k]
			if c.owner != nil && !c.owner.paused && !c.busy && l.pending(k, c) && !time.Now().Before(c.again) {
				out = append(out, func() { l.deliver(g, k, c) })
			}
		}
	}
	return out
}

// deliver gives the next batch of a lane to the lane's owner.
func (l *simlog) deliver(g *group, k lane, c *cursor) {
	m := g.members[c.owner]
	n := min(1+l.w.rnd.IntN(4), len(l.lanes[k])-int(c.position))
	if m.sub.MaxBatch > 0 {
		n = min(n, m.sub.MaxBatch)
	}
	if c.position < c.single {
		n = 1
	}
	var batch []events.Delivery
	for _, x := range l.lanes[k][c.position : int(c.position)+n] {
		ev := x.event
		if ev.Data != nil {
			ev.Data = proto.Clone(ev.Data)
		}
		batch = append(batch, events.Delivery{Event: ev, Topic: k.topic, Partition: k.n, Offset: x.offset, Logged: x.logged})
	}
	if l.w.bug == commitFirst {
		c.committed = c.position + int64(n)
	}
	c.busy = true
	e := ended{g: g, lane: k, generation: c.generation, n: n}
	ctx := c.owner.ctx
	l.w.running.Go(func() {
		e.err = guard(ctx, m.handle, batch)
		l.w.gate.mu.Lock()
		defer l.w.gate.mu.Unlock()
		l.ends = append(l.ends, e)
	})
}

func guard(ctx context.Context, handle events.Handler, batch []events.Delivery) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = errkind.New(errkind.Internal, "the handler panicked: %v", r)
		}
	}()
	return handle(ctx, batch)
}

// atRest reports whether every group has done all there is.
func (l *simlog) atRest() bool {
	for _, g := range l.groups {
		for k, c := range g.cursors {
			if c.busy || c.rewind || l.pending(k, c) {
				return false
			}
		}
	}
	return len(l.late) == 0
}

// replay lets a group read a topic from its start.
func (l *simlog) replay(g *group, topic events.Topic) {
	for k, c := range g.cursors {
		switch {
		case k.topic != topic:
		case c.busy:
			c.rewind = true
		default:
			c.position, c.committed = 0, 0
		}
	}
}

// Lag tells how far a group is behind.
func (l logged) Lag(ctx context.Context, name string, topics ...events.Topic) (out []events.PartitionLag, err error) {
	w := l.p.world
	err = l.p.pass(ctx, "lag of "+name, func() error {
		for _, t := range topics {
			for n := range partitions {
				at := events.PartitionLag{Topic: t, Partition: n, Committed: -1, End: int64(len(w.log.lanes[lane{t, n}]))}
				if g := w.log.groups[name]; g != nil && g.cursors[lane{t, n}] != nil {
					at.Committed = g.cursors[lane{t, n}].committed
				}
				at.Lag = at.End - max(0, at.Committed)
				out = append(out, at)
			}
		}
		return nil
	})
	return out, err
}
