package events

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
	"golang.org/x/sync/semaphore"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A Subscription configures the reading of a hop. A zero field takes its default.
type Subscription struct {
	// Group names the hop. The members of the group share the partitions. The log keeps the offsets under this name.
	Group  string
	Topics []Topic
	// MaxBatch bounds the events in a call of the handler. Default 500.
	MaxBatch int
	// AtOnce, if above 1, is how many events of a partition are handled at the same time, each in a call of its own. An event that takes long holds up no
	// other event. Offsets still advance in order: an event is done once the event and all earlier events are done. After a crash, later events that were
	// handled already are delivered again. MaxBatch and MaxWait are not used.
	AtOnce int
	// MaxBytes bounds the bytes held over all partitions: half fetched ahead, a quarter on the way, a quarter in the
	// hands of handlers. Decoding makes the last quarter about three times as large. Each partition holds at least one
	// event of any size. Default 64 MiB.
	MaxBytes int
	// MaxWait is how long an incomplete batch waits for more events. By default a batch does not wait, because events
	// arriving during a batch make the next batch.
	MaxWait time.Duration
	// Workers bounds the handlers running at the same time. Default: one per partition.
	Workers int
	// Drain is how long a handler may go on after the context of Subscribe ended. The handler's context ends then. Default 10 s.
	Drain time.Duration
	// Rewind returns the offsets up to which the effects of events are durable, by the account of the handler's store. A
	// partition with a lower offset than the committed offset is read from the lower offset on: the store was restored
	// from a backup, for example. Higher offsets, and partitions that Rewind leaves out, change nothing. Subscribe calls
	// Rewind after every assignment of partitions, before the first event: another member may have read the partitions
	// meanwhile, and a rewound offset may not be committed yet. After an error of a retryable kind, Subscribe calls Rewind
	// again. Any other error ends Subscribe. Optional.
	Rewind func(ctx context.Context) (Offsets, error)
	// Reached is called with the offset of the next event of a partition, each time when events are done, in order. An
	// event in the dead letters is done. If Rewind is set, Reached is also called with the committed offset when a
	// partition begins that Rewind left out. Reached MUST NOT block. Optional.
	Reached func(topic Topic, partition int, next int64)
	// Attempts bounds how often an event is tried that fails with Internal. After the last attempt the event goes to
	// the dead letters. Default 5.
	Attempts int
}

// Offsets are offsets of the next event to read, by topic and partition.
type Offsets map[Topic]map[int]int64

// A Handler does the work of a hop on a batch: events of a single partition of a single topic, in order.
//   - A Handler MUST return nil only after its effects are durable.
//   - A Handler MUST be idempotent: the same event may be delivered again, also after success.
//   - A Handler MUST return soon after ctx has ended. The events are then delivered again, to this member or another.
//   - A Handler MAY keep the batch.
//   - Calls for the same partition never overlap, unless Subscription.AtOnce lets calls overlap. Calls for several partitions run at the same time.
//   - The kind of a Handler's error decides whether the batch is retried, halved or put aside: see the contract of the
//     package. A halved batch is handled in two calls, in order, and so down to single events.
type Handler func(ctx context.Context, batch []Delivery) error

const (
	// commitEvery bounds how much is handled again after a crash, and how often the broker must write offsets.
	commitEvery = 200 * time.Millisecond
	// heartbeatEvery bounds how soon a member learns of a rebalance.
	heartbeatEvery = time.Second
	// revokeGrace is how long work in flight may go on when the partitions are shared out anew.
	revokeGrace = 3 * time.Second
	// leaveGrace is how long leaving the group may take before the connections are cut.
	leaveGrace = 2 * time.Second
	// fetchWait is how long a fetch waits at the broker for something to come. Longer waits make
	// nothing come sooner; a connection of a closed client lingers for as long.
	fetchWait = 500 * time.Millisecond
	minFetch  = 64 << 10
	maxFetch  = 8 << 20
)

func (s Subscription) withDefaults() Subscription {
	def := func(v *int, to int) {
		if *v <= 0 {
			*v = to
		}
	}
	def(&s.MaxBatch, 500)
	def(&s.MaxBytes, 64<<20)
	def(&s.Workers, 1<<20)
	def(&s.Attempts, 5)
	if s.Drain <= 0 {
		s.Drain = 10 * time.Second
	}
	return s
}

// Subscribe reads the topics as a member of the group until ctx ends. At the end, Subscribe starts no further batch,
// lets running handlers finish within Drain, commits, leaves the group and returns nil.
//   - A new group begins at the earliest event of the log.
//   - While the log does not answer, or topics do not exist yet, Subscribe waits and logs the waiting.
//
// Errors:
//   - Invalid: the subscription has no group or no topics, a topic is unknown, or a topic would lose unread events, by
//     its cleanup policy or by a retention below the contract's least.
//   - Denied: the brokers refuse this user.
//   - An error of Subscription.Rewind, or of the client's guard, that is not worth a retry.
func (c *Client) Subscribe(ctx context.Context, sub Subscription, handle Handler) error {
	sub = sub.withDefaults()
	if sub.Group == "" || len(sub.Topics) == 0 {
		return errkind.New(errkind.Invalid, "subscribing: a subscription needs a group and topics")
	}
	s := &subscriber{
		c: c, sub: sub, handle: handle, contracts: make(map[string]Contract),
		log:   c.log.With("group", sub.Group),
		slots: semaphore.NewWeighted(int64(sub.Workers)),
	}
	var names []string
	for _, t := range sub.Topics {
		contract, ok := ContractOf(t)
		if !ok {
			return errkind.New(errkind.Invalid, "subscribing: no topic %q", t)
		}
		s.contracts[c.name(t)] = contract
		names = append(names, c.name(t))
	}
	if err := s.prepare(ctx, names); ctx.Err() != nil {
		return nil
	} else if err != nil {
		return fmt.Errorf("subscribing as %s: %w", sub.Group, err)
	}
	group, err := s.join(names)
	if err != nil {
		return err
	}
	return s.generations(ctx, group)
}

// prepare waits until the topics exist, refuses topics that would lose unread events, and calls the guard.
func (s *subscriber) prepare(ctx context.Context, names []string) error {
	if err := s.waitForTopics(ctx, names); err != nil {
		return err
	}
	if err := s.c.safe(ctx, s.sub.Topics); errkind.Of(err) == errkind.Invalid && err != nil {
		return err
	} else if err != nil && ctx.Err() == nil {
		s.log.Warn("the brokers do not say whether the topics keep unread events", "error", err)
	}
	return s.guarded(ctx)
}

// generations serves the generations of the group in turn until ctx ends.
func (s *subscriber) generations(ctx context.Context, group *kafka.ConsumerGroup) error {
	// A coordinator that starts or moves refuses for a while. Attempts become less frequent. The group of kafka-go
	// begins its next attempt after the error of the last attempt was taken.
	pause := newBackoff(maxPublishBackoff)
	for ctx.Err() == nil {
		gen, err := group.Next(ctx)
		if err != nil {
			if kindOf(err) == errkind.Denied {
				s.leave(group)
				return classify(err, "subscribing as %s", s.sub.Group)
			}
			if ctx.Err() == nil && !errors.Is(err, kafka.RebalanceInProgress) {
				s.log.Warn("joining the group again", "error", err)
				pause.sleep(ctx, nil)
			}
			continue
		}
		pause = newBackoff(maxPublishBackoff)
		s.c.metrics.rebalances.WithLabelValues(s.sub.Group).Inc()
		if err := s.askRewind(ctx); ctx.Err() == nil && err != nil {
			s.leave(group)
			return fmt.Errorf("subscribing as %s: %w", s.sub.Group, err)
		}
		s.serve(ctx, group, gen)
	}
	s.leave(group)
	return nil
}

// subscriber is a running Subscribe.
type subscriber struct {
	c         *Client
	sub       Subscription
	handle    Handler
	contracts map[string]Contract // by the topic's name in the log
	log       *slog.Logger
	slots     *semaphore.Weighted
	conns     conns // to the group's coordinator
	rewind    Offsets
	shorter   bool // the log is shorter than the offsets read, and a log line has said so
}

// askRewind asks for the offsets to rewind to until they are known.
func (s *subscriber) askRewind(ctx context.Context) (err error) {
	if s.sub.Rewind == nil {
		return nil
	}
	for b := newBackoff(time.Second); ; {
		s.rewind, err = s.sub.Rewind(ctx)
		if err == nil && !s.shorter {
			err = s.tellShorter(ctx)
		}
		if err == nil || !errkind.Of(err).Retryable() {
			return err
		}
		s.log.Warn("the offsets to read from are not known yet", "error", err)
		if !b.sleep(ctx, nil) {
			return ctx.Err()
		}
	}
}

// tellShorter logs partitions that end before an offset already read: the log was lost or restored from a backup.
func (s *subscriber) tellShorter(ctx context.Context) error {
	for topic, of := range s.rewind {
		n, err := s.c.partitions(ctx, s.c.name(topic))
		if err != nil {
			return err
		}
		ids := make([]int, n)
		for i := range ids {
			ids[i] = i
		}
		bounds, err := s.c.offsetsOf(ctx, s.c.name(topic), ids)
		if err != nil {
			return err
		}
		for _, p := range ids {
			if next := of[p]; next > bounds[p].LastOffset {
				s.shorter = true
				s.log.Error("the log is shorter than the offsets read before: the log was lost, or restored from a backup", "topic", string(topic), "partition", p,
					"end", bounds[p].LastOffset, "read", next)
			}
		}
	}
	return nil
}

// start returns the offset at which to begin a partition, given the committed offset of the group.
func (s *subscriber) start(topic Topic, partition int, committed int64) int64 {
	from, known := s.rewind[topic][partition]
	if !known && s.sub.Rewind != nil && s.sub.Reached != nil {
		s.sub.Reached(topic, partition, max(committed, 0))
	}
	if !known || committed < 0 || from >= committed {
		return committed
	}
	s.log.Warn("reading events again that the store lacks", "topic", string(topic), "partition", partition, "offset", from, "committed", committed, "events", committed-from)
	return from
}

// waitForTopics returns an error only if ctx ended or a topic is denied. kafka-go's groups busy-loop on missing topics.
func (s *subscriber) waitForTopics(ctx context.Context, names []string) error {
	for _, name := range names {
		b := newBackoff(time.Second)
		for told := false; ; {
			_, err := s.c.partitions(ctx, name)
			if err == nil {
				break
			}
			if errkind.Of(err) == errkind.Denied {
				return err
			}
			if !told && ctx.Err() == nil {
				told = true
				s.log.Warn("waiting for a topic", "topic", name, "error", err)
			}
			if !b.sleep(ctx, nil) {
				return ctx.Err()
			}
		}
	}
	return nil
}

// guarded asks the client's guard about the log.
func (s *subscriber) guarded(ctx context.Context) error {
	s.c.mu.Lock()
	check := s.c.guard
	s.c.mu.Unlock()
	if check == nil {
		return nil
	}
	for b := newBackoff(time.Second); ; {
		id, err := s.c.identity(ctx)
		if err == nil {
			err = check(ctx, id)
		}
		if errkind.Of(err) != errkind.Unavailable || err == nil {
			return err
		}
		s.log.Warn("the identity of the log is not checked yet", "error", err)
		if !b.sleep(ctx, nil) {
			return ctx.Err()
		}
	}
}

func (s *subscriber) join(names []string) (*kafka.ConsumerGroup, error) {
	group, err := kafka.NewConsumerGroup(kafka.ConsumerGroupConfig{
		ID: s.c.cfg.Prefix + s.sub.Group, Brokers: s.c.cfg.Brokers, Topics: names,
		Dialer: &kafka.Dialer{
			ClientID: s.c.cfg.ClientID, Timeout: dialTimeout, TLS: s.c.transport.TLS,
			SASLMechanism: s.c.mechanism, DialFunc: s.conns.dial,
		},
		GroupBalancers:         []kafka.GroupBalancer{kafka.RoundRobinGroupBalancer{}, kafka.RangeGroupBalancer{}},
		HeartbeatInterval:      heartbeatEvery,
		SessionTimeout:         s.c.cfg.SessionTimeout,
		RebalanceTimeout:       max(s.c.cfg.SessionTimeout, 2*revokeGrace),
		JoinGroupBackoff:       250 * time.Millisecond,
		WatchPartitionChanges:  true,
		PartitionWatchInterval: 5 * time.Second,
		StartOffset:            kafka.FirstOffset,
	})
	if err != nil {
		return nil, errkind.New(errkind.Invalid, "joining group %s: %w", s.sub.Group, err)
	}
	return group, nil
}

// leave closes the group. A member waiting for other members to join cannot be stopped, so leave cuts the member's
// connections after a while.
func (s *subscriber) leave(group *kafka.ConsumerGroup) {
	cut := time.AfterFunc(leaveGrace, s.conns.cut)
	defer cut.Stop()
	_ = group.Close() // never an error
}

// serve handles the partitions of a generation until the generation or ctx ends.
func (s *subscriber) serve(ctx context.Context, group *kafka.ConsumerGroup, gen *kafka.Generation) {
	done := make(chan struct{})
	gen.Start(func(genCtx context.Context) {
		defer close(done)
		s.generation(ctx, genCtx.Done(), gen)
		if ctx.Err() == nil {
			return
		}
		// After the function of a generation returns, kafka-go joins again. Leaving begins before the return, so that
		// kafka-go does not join.
		go s.leave(group)
		<-genCtx.Done()
	})
	<-done
}

func (s *subscriber) generation(ctx context.Context, ended <-chan struct{}, gen *kafka.Generation) {
	// fetch ends as soon as no new batch may start; work ends a grace later.
	fetch, stopFetch := context.WithCancel(ctx)
	defer stopFetch()
	work, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	defer stopWork()

	offsets := newOffsets(s, gen)
	var partitions []*partition
	for topic, assigned := range gen.Assignments {
		for _, a := range assigned {
			partitions = append(partitions, &partition{s: s, contract: s.contracts[topic], id: a.ID, next: s.start(s.contracts[topic].Topic, a.ID, a.Offset), offsets: offsets})
		}
	}
	s.log.Debug("joined the group", "generation", gen.ID, "partitions", len(partitions))
	share := s.sub.MaxBytes / max(1, len(partitions))
	var running sync.WaitGroup
	for _, p := range partitions {
		running.Go(func() { p.run(fetch, work, share) })
	}
	var committing sync.WaitGroup
	stopCommits := make(chan struct{})
	committing.Go(func() { offsets.run(stopCommits) })

	select {
	case <-ctx.Done():
		cancelLater := time.AfterFunc(s.sub.Drain, stopWork)
		defer cancelLater.Stop()
	case <-ended:
	}
	stopFetch()
	finished := make(chan struct{})
	go func() { running.Wait(); close(finished) }()
	select {
	case <-finished:
	case <-ended:
		cancelLater := time.AfterFunc(revokeGrace, stopWork)
		defer cancelLater.Stop()
		<-finished
	}
	close(stopCommits)
	committing.Wait()
	offsets.commit()
}

// offsets collects the offsets of finished events and commits the offsets in a single request at intervals. A commit
// carries the generation, so the broker refuses commits of partitions owned by another member by now.
type offsets struct {
	s   *subscriber
	gen *kafka.Generation

	mu   sync.Mutex
	done map[string]map[int]int64
}

func newOffsets(s *subscriber, gen *kafka.Generation) *offsets {
	return &offsets{s: s, gen: gen, done: make(map[string]map[int]int64)}
}

// mark records all events of a partition before next as done.
func (o *offsets) mark(topic string, partition int, next int64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.done[topic] == nil {
		o.done[topic] = make(map[int]int64)
	}
	o.done[topic][partition] = next
}

func (o *offsets) run(stop <-chan struct{}) {
	t := time.NewTicker(commitEvery)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case <-t.C:
			o.commit()
		}
	}
}

func (o *offsets) commit() {
	o.mu.Lock()
	done := o.done
	o.done = make(map[string]map[int]int64)
	o.mu.Unlock()
	if len(done) == 0 {
		return
	}
	err := o.gen.CommitOffsets(done)
	if err == nil {
		return
	}
	// If no later commit succeeds, the messages are delivered again, which is harmless.
	o.s.log.Warn("committing offsets", "error", err)
	o.mu.Lock()
	defer o.mu.Unlock()
	for topic, ps := range done {
		if o.done[topic] == nil {
			o.done[topic] = make(map[int]int64)
		}
		for p, next := range ps {
			o.done[topic][p] = max(o.done[topic][p], next)
		}
	}
}

// A partition fetches ahead into its inbox while its events are handled, a batch at a time.
type partition struct {
	s        *subscriber
	contract Contract
	id       int
	next     int64 // the next offset to fetch
	offsets  *offsets
	window   *window // of the events that are handled at once; nil where batches are handled in turn
}

func (p *partition) run(fetch, work context.Context, share int) {
	in := newInbox(share / 2)
	var fetching sync.WaitGroup
	fetching.Go(func() { p.fetchAll(fetch, in, min(max(share/4, minFetch), maxFetch)) })
	defer fetching.Wait()
	if p.s.sub.AtOnce > 1 {
		p.runAtOnce(fetch, work, in)
		return
	}
	for {
		batch := in.take(fetch, p.s.sub.MaxBatch, share/4, p.s.sub.MaxWait)
		if batch == nil {
			return
		}
		if !p.handleAll(fetch, work, batch) {
			return
		}
	}
}

// fetchAll fills the inbox until ctx ends.
func (p *partition) fetchAll(ctx context.Context, in *inbox, bytes int) {
	f := fetcher{c: p.s.c, contract: p.contract, topic: p.s.c.name(p.contract.Topic), partition: p.id, next: p.next, bytes: bytes,
		log: p.s.log, lost: func(n int64) {
			p.s.c.metrics.lost.WithLabelValues(p.s.sub.Group, string(p.contract.Topic)).Add(float64(n))
		}}
	b := newBackoff(maxPublishBackoff)
	var told time.Time
	var held heldWatch
	for ctx.Err() == nil {
		msgs, err := f.fetch(ctx, fetchWait)
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			if time.Since(told) > 30*time.Second {
				told = time.Now()
				p.s.log.Warn("fetching again", "topic", string(p.contract.Topic), "partition", p.id, "error", err)
			}
			b.sleep(ctx, nil)
			continue
		}
		b.b.Reset()
		if held.due(time.Now(), f.held) {
			p.s.log.Warn("a transaction is open, and later events wait for its end", "topic", string(p.contract.Topic), "partition", p.id,
				"offset", f.next, "waiting", f.held)
		}
		for _, m := range msgs {
			if !in.put(ctx, m) {
				return
			}
		}
		if f.passed > 0 && !in.put(ctx, &message{passed: true, offset: f.passed - 1, time: time.Now()}) {
			return
		}
	}
}

// An inbox holds a partition's messages, bounded by bytes.
type inbox struct {
	limit int
	mu    sync.Mutex
	queue []*message
	bytes int
	added chan struct{} // a token: the inbox may hold more
	taken chan struct{} // a token: the inbox may have room
}

func newInbox(limit int) *inbox {
	return &inbox{limit: limit, added: make(chan struct{}, 1), taken: make(chan struct{}, 1)}
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// put adds a message as soon as the inbox has room. A message above the limit waits until the inbox is empty.
func (in *inbox) put(ctx context.Context, m *message) bool {
	size := m.size()
	for {
		in.mu.Lock()
		if len(in.queue) == 0 || in.bytes+size <= in.limit {
			in.queue = append(in.queue, m)
			in.bytes += size
			in.mu.Unlock()
			signal(in.added)
			return true
		}
		in.mu.Unlock()
		select {
		case <-in.taken:
		case <-ctx.Done():
			return false
		}
	}
}

// take removes up to n messages of up to the given bytes, and at least one message. take waits for more messages for at
// most wait. Nil means that ctx ended.
func (in *inbox) take(ctx context.Context, n, bytes int, wait time.Duration) []*message {
	var late <-chan time.Time
	for {
		if ctx.Err() != nil {
			return nil
		}
		in.mu.Lock()
		have, full := len(in.queue), in.bytes >= bytes
		in.mu.Unlock()
		if have >= n || have > 0 && (full || wait <= 0) {
			break
		}
		if have > 0 && late == nil {
			t := time.NewTimer(wait)
			defer t.Stop()
			late = t.C
		}
		select {
		case <-in.added:
			continue
		case <-ctx.Done():
			return nil
		case <-late:
		}
		break
	}
	in.mu.Lock()
	took := 0
	for i, m := range in.queue[:min(n, len(in.queue))] {
		if i > 0 && took+m.size() > bytes {
			n = i
			break
		}
		took += m.size()
	}
	n = min(n, len(in.queue))
	batch := in.queue[:n:n]
	in.queue = in.queue[n:]
	if len(in.queue) == 0 {
		in.queue = nil
	}
	in.bytes -= took
	in.mu.Unlock()
	signal(in.taken)
	return batch
}
