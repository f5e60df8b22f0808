package ingest

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/schema"
	pb "github.com/cinedex/cinedex/pkg/schema/cinedexv1"
)

// Register puts POST /events onto mux: CloudEvents of type cinedex.media.arrived.v1 in
// binary, structured or batched mode.
//
//	202  the log has them; the body lists their ids
//	400  not an event, or a field is wrong, which the body names
//	401  no token, or an unknown one, where tokens are asked for
//	413  the body is too large     415  the content type is none of CloudEvents'
//	503  the log does not answer; Retry-After says when to try again
func (s *Service) Register(mux *http.ServeMux) { mux.HandleFunc("POST /events", s.accept) }

type acceptance struct {
	Accepted []string `json:"accepted,omitempty"`
	Error    string   `json:"error,omitempty"`
	// Fields that are wrong, by their path in the event's data.
	Fields []string `json:"fields,omitempty"`
}

func (s *Service) accept(w http.ResponseWriter, r *http.Request) {
	ids, err := s.take(r)
	status := http.StatusAccepted
	answer := acceptance{Accepted: ids}
	if err != nil {
		var refused *events.RequestError
		switch k := errkind.Of(err); {
		case errors.As(err, &refused):
			status = refused.Status
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

// take reads the request's events, checks them all, and puts them into the log in one go.
func (s *Service) take(r *http.Request) ([]string, error) {
	if err := s.allowed(r); err != nil {
		return nil, err
	}
	evs, err := events.FromHTTP(r, events.MediaArrived, s.cfg.MaxEventBytes)
	if err != nil {
		return nil, err
	}
	ids := make([]string, len(evs))
	for i, ev := range evs {
		m, ok := ev.Data.(*pb.MediaArrived)
		if !ok {
			return nil, errkind.New(errkind.Invalid, "event %d of %d has no data", i+1, len(evs))
		}
		if err := schema.Validate(m); err != nil {
			if len(evs) > 1 {
				err = fmt.Errorf("event %d of %d: %w", i+1, len(evs), err)
			}
			return nil, err
		}
		ids[i] = ev.ID
	}
	if err := s.deps.Events.Publish(r.Context(), events.MediaArrived, evs...); err != nil {
		return nil, fmt.Errorf("putting the events into the log: %w", err)
	}
	return ids, nil
}

func (s *Service) allowed(r *http.Request) error {
	if s.tokens == nil {
		return nil
	}
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !s.tokens[digest(token)] {
		return errkind.New(errkind.Unauthenticated, "events are taken with a token: send the header Authorization: Bearer TOKEN")
	}
	return nil
}

func digest(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// readTokens reads the sha256 of each token, one a line; # begins a comment.
func readTokens(path string) (map[string]bool, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the tokens that may send events: %w", err)
	}
	defer f.Close()
	tokens := map[string]bool{}
	for sc, n := bufio.NewScanner(f), 1; sc.Scan(); n++ {
		line, _, _ := strings.Cut(sc.Text(), "#")
		if line = strings.ToLower(strings.TrimSpace(line)); line == "" {
			continue
		}
		if b, err := hex.DecodeString(line); err != nil || len(b) != sha256.Size {
			return nil, errkind.New(errkind.Invalid, "reading %s: line %d is no sha256 in hex", path, n)
		}
		tokens[line] = true
	}
	return tokens, nil
}
