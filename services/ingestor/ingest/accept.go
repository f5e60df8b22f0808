package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/cinedex/cinedex/pkg/audit"
	"github.com/cinedex/cinedex/pkg/authz"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/rpc"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Register puts POST /events onto mux: CloudEvents of type cinedex.media.arrived.v1 in binary, structured or batched
// mode.
//
//	202  the log has the events; the body lists their ids
//	400  not an event, or a field is wrong; the body names the field
//	401  no token in the header Authorization, or an unknown token
//	403  the token lacks the role ingest, or may not send events of a title
//	413  the body is too large
//	415  the content type is not a CloudEvents content type
//	429  the sender sends more than Config.Limits; Retry-After says when to try again
//	503  the log does not answer within acceptTimeout, or its disk is full; Retry-After says when to try again
//
// OPTIONS /events is the handshake of CloudEvents' webhooks: see handshake.
func (s *Service) Register(mux *http.ServeMux) {
	mux.Handle("POST /events", rpc.Recorded(s.deps.Audit, http.HandlerFunc(s.accept)))
	mux.HandleFunc("OPTIONS /events", s.handshake)
	s.uploads.Register(mux)
}

// acceptTimeout is how long a sender waits for the log. A sender keeps its event and sends the event again, so an early
// answer costs nothing, and a late answer costs the sender a connection.
const acceptTimeout = 5 * time.Second

var errLogLate = errkind.New(errkind.Unavailable, "the log took no event within %s; the log may still take these events, and a repeated event does no harm: send all events again", acceptTimeout)

// eventCost is the cost of an event within Config.Limits.
const eventCost = 1

type acceptance struct {
	Accepted []string `json:"accepted,omitempty"`
	Error    string   `json:"error,omitempty"`
	// Wrong fields, by their path in the event's data.
	Fields []string `json:"fields,omitempty"`
}

func (s *Service) accept(w http.ResponseWriter, r *http.Request) {
	ids, err := s.take(r)
	audit.From(r.Context()).End(err)
	s.answer(w, ids, err)
}

// answer says which events were accepted, or why none was.
func (s *Service) answer(w http.ResponseWriter, ids []string, err error) {
	status := http.StatusAccepted
	answer := acceptance{Accepted: ids}
	if err != nil {
		var refused *events.RequestError
		switch k := errkind.Of(err); {
		case errors.As(err, &refused):
			status = refused.Status
		case errkind.RetryAfterSeconds(err) != "":
			status = k.HTTPStatus()
			rpc.SetRetryAfter(w.Header(), err)
		case k == errkind.Unavailable || k == errkind.Exhausted || k == errkind.Cancelled:
			status = http.StatusServiceUnavailable
			w.Header().Set("Retry-After", "5")
		default:
			status = k.HTTPStatus()
		}
		answer = acceptance{Error: err.Error(), Fields: fields(err)}
		if status >= http.StatusInternalServerError {
			s.deps.Log.Error("taking events", "error", err)
		}
	}
	s.accepted.WithLabelValues(strconv.Itoa(status)).Inc()
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(answer)
}

func fields(err error) []string {
	var wrong schema.FieldErrors
	if !errors.As(err, &wrong) {
		return nil
	}
	paths := make([]string, len(wrong))
	for i, f := range wrong {
		paths[i] = f.Field
	}
	return paths
}

// take reads the request's events, checks all events, and publishes them in a single call, each with the rights of its
// sender.
func (s *Service) take(r *http.Request) ([]string, error) {
	caller, err := s.sender(r)
	if err != nil {
		return nil, s.limits.Refused(r, err)
	}
	leave, err := s.limits.Enter(caller, eventCost)
	if err != nil {
		return nil, err
	}
	defer leave()
	evs, err := events.FromHTTP(r, events.MediaArrived, s.cfg.MaxEventBytes)
	if err != nil {
		return nil, err
	}
	if more := len(evs) - 1; more > 0 {
		if err := s.limits.Charge(caller, eventCost*float64(more)); err != nil {
			return nil, err
		}
	}
	ids := make([]string, len(evs))
	now := time.Now().UnixMilli()
	for i, ev := range evs {
		m, err := s.permitted(caller, ev)
		if err != nil {
			if len(evs) > 1 {
				err = fmt.Errorf("event %d of %d: %w", i+1, len(evs), err)
			}
			return nil, err
		}
		audit.From(r.Context()).Told(1, m.GetTitle().GetId())
		accepted := &pb.MediaAccepted{Arrived: m, Caller: caller.Name(), AcceptedMs: now}
		if caller.Require(authz.Retitle) == nil {
			accepted.Retitle = caller.Titles()
		}
		ids[i], evs[i].Type, evs[i].Data = ev.ID, "", accepted
	}
	if err := s.intoLog(r.Context(), evs); err != nil {
		return nil, fmt.Errorf("putting the events into the log: %w", err)
	}
	return ids, nil
}

// intoLog puts events into the log, unless the log is known to take none now or is late.
func (s *Service) intoLog(ctx context.Context, evs []events.Event) error {
	if s.deps.LogReady != nil {
		if err := s.deps.LogReady(); err != nil {
			return err
		}
	}
	within, cancel := context.WithTimeout(ctx, acceptTimeout)
	defer cancel()
	err := s.deps.Events.Publish(within, events.MediaAccepted, evs...)
	if err != nil && within.Err() != nil && ctx.Err() == nil {
		return errLogLate
	}
	return err
}

// acceptUpload puts the event of an uploaded film into the log.
func (s *Service) acceptUpload(ctx context.Context, id string, m *pb.MediaAccepted) error {
	if err := s.intoLog(ctx, []events.Event{{ID: id, Data: m}}); err != nil {
		return fmt.Errorf("putting the event of an upload into the log: %w", err)
	}
	return nil
}

// sender returns the caller who sends events. The cookie counts for the page of this server alone: a browser sends a cookie for any page that makes the
// browser post.
func (s *Service) sender(r *http.Request) (*authz.Caller, error) {
	token, ok := rpc.Bearer(r)
	if !ok {
		token, ok = rpc.PageToken(r)
	}
	if !ok {
		audit.From(r.Context()).Caller("", "")
		return nil, errkind.New(errkind.Unauthenticated, "events are taken with a token: send the header Authorization: Bearer TOKEN")
	}
	caller, err := rpc.Recognise(r, s.deps.Authoriser, token)
	if err != nil {
		return nil, err
	}
	return caller, caller.Require(authz.Ingest)
}

// permitted returns the content of an event, if the content is valid and the sender has the right.
func (s *Service) permitted(caller *authz.Caller, ev events.Event) (*pb.MediaArrived, error) {
	m, ok := ev.Data.(*pb.MediaArrived)
	if !ok {
		return nil, errkind.New(errkind.Invalid, "the event has no data")
	}
	if err := schema.Validate(m); err != nil {
		return nil, err
	}
	if title := m.GetTitle().GetId(); !caller.MaySee(title) {
		return nil, errkind.New(errkind.Denied, "title.id: the token of %s may not send events of title %s; the operator can add the title to the file of tokens", caller.Name(), title)
	}
	return m, nil
}
