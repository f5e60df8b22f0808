package catalog

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"google.golang.org/protobuf/proto"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Log is the part of the events client used by a Follower.
type Log interface {
	Follow(ctx context.Context, topic events.Topic, f events.Following) error
	Publish(ctx context.Context, topic events.Topic, evs ...events.Event) error
}

// Deps are the dependencies of a Follower.
type Deps struct {
	Events     Log
	Log        *slog.Logger
	Registerer prometheus.Registerer
	// Own are the declarations of the algorithms run by this process, which the Follower announces. Own is empty in a process without algorithms.
	Own []*pb.AlgorithmAnnounced
	// Now is time.Now by default.
	Now func() time.Time
}

// A Follower keeps a catalogue up to date with the topic "algorithms", and announces the algorithms of its process.
//
//   - Ready returns nil once the topic was read to the end of the moment when Serve began, and the own declarations are in the log.
//     Ready goes on returning nil while the log is away: the catalogue keeps its last state.
//   - An unreadable message and a refused declaration are told by the log and by a metric. The Follower goes on.
type Follower struct {
	catalog *Catalog
	deps    Deps
	refused *prometheus.CounterVec
	known   prometheus.Gauge

	mu      sync.Mutex
	told    map[string]string // refusals written to the log, by ID
	err     error             // why the follower is not ready
	current chan struct{}     // closed once the topic was read
}

// Follow returns the follower of a catalogue, and starts nothing.
func Follow(c *Catalog, deps Deps) *Follower {
	if deps.Now == nil {
		deps.Now = time.Now
	}
	f := promauto.With(deps.Registerer)
	return &Follower{catalog: c, deps: deps, told: map[string]string{}, current: make(chan struct{}),
		err: errkind.New(errkind.Unavailable, "the topic %s has not been read to its end yet", events.Algorithms),
		refused: f.NewCounterVec(prometheus.CounterOpts{Name: "cinedex_algorithms_refused_total",
			Help: "Declarations of algorithms that were not taken into the catalogue, by kind of error."}, []string{"kind"}),
		known: f.NewGauge(prometheus.GaugeOpts{Name: "cinedex_algorithms_known", Help: "Versions of algorithms in the catalogue."}),
	}
}

// Catalog returns the followed catalogue.
func (f *Follower) Catalog() *Catalog { return f.catalog }

// Ready implements lifecycle.Actor.
func (f *Follower) Ready() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// Serve follows the topic until ctx ends. Serve announces the own declarations once the topic is read.
func (f *Follower) Serve(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	announced := make(chan struct{})
	go func() {
		defer close(announced)
		f.announce(ctx)
	}()
	defer func() { cancel(); <-announced }()
	var once sync.Once
	following := events.Following{Event: f.fold, Current: func() { once.Do(func() { close(f.current) }) }}
	for {
		err := f.deps.Events.Follow(ctx, events.Algorithms, following)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		// The catalogue keeps its last state, and Ready returns the reason.
		f.deps.Log.Error("the catalogue is not followed", "topic", string(events.Algorithms), "error", err)
		f.mu.Lock()
		f.err = err
		f.mu.Unlock()
		select {
		case <-time.After(retryEvery):
		case <-ctx.Done():
		}
	}
}

// retryEvery is the pause before a denied topic is followed again.
const retryEvery = 10 * time.Second

// fold takes one event into the catalogue.
func (f *Follower) fold(d events.Delivery, err error) {
	if err == nil && d.Data == nil {
		f.catalog.Remove(d.Subject)
		f.observe()
		return
	}
	a, _ := d.Data.(*pb.AlgorithmAnnounced)
	switch {
	case err != nil:
	case a.GetAlgorithm() == nil:
		err = errkind.New(errkind.Invalid, "the event declares no algorithm")
	case d.Subject != ID(a.GetAlgorithm()):
		err = errkind.New(errkind.Invalid, "the event's subject is %.140q, and the algorithm that it declares is %.140q", d.Subject, ID(a.GetAlgorithm()))
	default:
		err = f.catalog.Put(a)
	}
	if err != nil && !errkind.Is(err, errkind.Conflict) { // conflicts are among the view's refusals
		// The last event of a version counts, so a process which starts later has the same catalogue.
		f.catalog.Remove(d.Subject)
		f.refuse(d.Subject, err, "offset", d.Offset)
	}
	f.observe()
}

// observe tells new refusals of the whole view: a later event may take a claim from a declaration of before.
func (f *Follower) observe() {
	v := f.catalog.View()
	f.known.Set(float64(len(v.Entries())))
	refused := v.Refused()
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(refused)) {
		if text := refused[id].Error(); f.told[id] != text {
			f.told[id] = text
			f.refuse(id, refused[id])
		}
	}
	maps.DeleteFunc(f.told, func(id, _ string) bool { return refused[id] == nil })
}

func (f *Follower) refuse(id string, err error, more ...any) {
	f.refused.WithLabelValues(errkind.Of(err).String()).Inc()
	f.deps.Log.Error("a declaration of an algorithm is refused", append([]any{"algorithm", clipped(id), "error", err}, more...)...)
}

func clipped(s string) string { return fmt.Sprintf("%.140s", s) }

// announce publishes the own declarations once the topic was read, and tries again until they are in the log.
func (f *Follower) announce(ctx context.Context) {
	select {
	case <-f.current:
	case <-ctx.Done():
		return
	}
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 30*time.Second) {
		err := f.Announce(ctx, f.deps.Own...)
		f.mu.Lock()
		f.err = err
		f.mu.Unlock()
		if err == nil || errkind.Is(err, errkind.Conflict) || errkind.Is(err, errkind.Invalid) {
			return
		}
		f.deps.Log.Warn("announcing algorithms again", "error", err)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// SetWaits announces whether the runs of a version, "name@version", wait for a runner that serves the version. A version that was not announced, and a
// version that was announced so, are left as they are.
func (f *Follower) SetWaits(ctx context.Context, id string, waits bool) error {
	was := f.catalog.Announced(id)
	if was == nil || was.GetWaits() == waits {
		return nil
	}
	next := proto.CloneOf(was)
	next.Waits = waits
	if err := f.deps.Events.Publish(ctx, events.Algorithms, events.Event{Subject: id, Data: next}); err != nil {
		return fmt.Errorf("announcing whether runs of %s wait: %w", id, err)
	}
	return nil
}

// stillAnswered returns the calibrations of answers that the algorithm still has.
func stillAnswered(fitted []*pb.FittedCalibration, s *pb.AlgorithmSpec) (out []*pb.FittedCalibration) {
	for _, c := range fitted {
		if slices.ContainsFunc(s.GetAnswers(), func(a *pb.AnswerSpec) bool { return schema.Answers(a, c) }) {
			out = append(out, c)
		}
	}
	return out
}

// Calibrate publishes a calibration of a version, "name@version", and returns once the catalogue of this process has the calibration. A
// calibration of the same space and leaf is replaced; a message without a calibration takes that calibration away.
//
//   - NotFound: the version was not announced.
//   - Invalid: the version has no such answer, or the calibration cannot be used.
//   - Cancelled: ctx ended before the catalogue had the calibration.
func (f *Follower) Calibrate(ctx context.Context, id string, c *pb.FittedCalibration) error {
	was := f.catalog.Announced(id)
	if was == nil {
		return errkind.New(errkind.NotFound, "no algorithm %.140s was announced; `cinedex topics` and the catalogue show which there are", id)
	}
	if !slices.ContainsFunc(was.GetAlgorithm().GetAnswers(), func(a *pb.AnswerSpec) bool { return schema.Answers(a, c) }) {
		return errkind.New(errkind.Invalid, "calibration: %s answers no leaf %.64q with a space %.140q", id, c.GetLeaf(), c.GetSpace())
	}
	next := proto.CloneOf(was)
	next.Calibrations = slices.DeleteFunc(next.GetCalibrations(), func(o *pb.FittedCalibration) bool {
		return o.GetSpace() == c.GetSpace() && o.GetLeaf() == c.GetLeaf()
	})
	if c.GetCalibration() != nil {
		next.Calibrations = append(next.Calibrations, c)
	}
	if err := Validate(next); err != nil {
		return err
	}
	if err := f.deps.Events.Publish(ctx, events.Algorithms, events.Event{Subject: id, Data: next}); err != nil {
		return fmt.Errorf("announcing a calibration of %s: %w", id, err)
	}
	same := func(a *pb.AlgorithmAnnounced) bool {
		return slices.EqualFunc(a.GetCalibrations(), next.GetCalibrations(), func(x, y *pb.FittedCalibration) bool { return proto.Equal(x, y) })
	}
	for !same(f.catalog.Announced(id)) {
		select {
		case <-time.After(20 * time.Millisecond): // the interval of polling; the condition decides
		case <-ctx.Done():
			return errkind.New(errkind.Cancelled, "the calibration of %s was announced, and is not in the catalogue yet: %w", id, ctx.Err())
		}
	}
	return nil
}

// View returns the catalogue of this moment.
func (f *Follower) View() *View { return f.catalog.View() }

// changed refuses a version that another worker declared with other code or weights.
func changed(was, next *pb.AlgorithmAnnounced) error {
	if was.GetDigest() == "" || next.GetDigest() == "" || was.GetDigest() == next.GetDigest() {
		return nil
	}
	return errkind.New(errkind.Conflict, "algorithm %s was announced with the digest %.100q, and is declared with the digest %.100q: a changed algorithm needs a new version",
		ID(next.GetAlgorithm()), was.GetDigest(), next.GetDigest())
}

// Announce publishes declarations. A declaration already in the topic is not published again. A declaration refused by the catalogue
// (Conflict, Invalid) is not published either; the other declarations are.
func (f *Follower) Announce(ctx context.Context, own ...*pb.AlgorithmAnnounced) error {
	var evs []events.Event
	var errs []error
	for _, a := range own {
		id := ID(a.GetAlgorithm())
		next := proto.CloneOf(a)
		next.SinceMs = f.deps.Now().UnixMilli()
		if was := f.catalog.Announced(id); was != nil {
			next.SinceMs, next.Waits = was.GetSinceMs(), was.GetWaits()
			next.Calibrations = stillAnswered(was.GetCalibrations(), next.GetAlgorithm())
			if proto.Equal(was, next) {
				continue
			}
			if err := changed(was, next); err != nil {
				f.refuse(id, err)
				errs = append(errs, err)
				continue
			}
		}
		if err := f.catalog.Check(next); err != nil {
			f.refuse(id, err)
			errs = append(errs, err)
			continue
		}
		evs = append(evs, events.Event{Subject: id, Data: next})
	}
	if len(evs) > 0 {
		if err := f.deps.Events.Publish(ctx, events.Algorithms, evs...); err != nil {
			return fmt.Errorf("announcing %d algorithms: %w", len(evs), err)
		}
	}
	return errors.Join(errs...)
}
