package events

import (
	"context"
	"encoding/base64"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// A Letter is a message that a hop could not handle.
type Letter struct {
	// ID is derived from the position of the message and from the group.
	ID string
	// Topic, Partition and Offset are the position of the message.
	Topic     Topic
	Partition int
	Offset    int64
	// Group is the hop that could not handle the message.
	Group    string
	Reason   string
	Kind     errkind.Kind
	Attempts int
	// Time is when the hop put the message aside.
	Time time.Time
	// Subject is the asset, as far as the message's key says.
	Subject string
	// Value is the unchanged value of the message.
	Value []byte
	// Headers are the message's headers as they were, in order.
	Headers []Header

	message *message
}

// EventID is the id of the event in the letter; empty where the message was no event.
func (l Letter) EventID() string {
	for _, h := range l.Headers {
		if h.Key == "ce_id" {
			return string(h.Value)
		}
	}
	return ""
}

// A Header is a header of a message. Names may repeat.
type Header struct {
	Key   string
	Value []byte
}

// A dead letter is a CloudEvent in binary mode. The value and the key are the message's own. The attributes give the
// failure. The headers of the message follow in order, with a prefix. Some clients cannot tell an absent value or key
// from an empty value or key, so a flag tells the two apart.
const (
	originalPrefix  = "original_"
	resolvedType    = "cinedex.dead-letter.resolved.v1"
	attrReason      = "ce_reason"
	attrKind        = "ce_kind"
	attrHop         = "ce_hop"
	attrAttempts    = "ce_attempts"
	attrTopic       = "ce_origintopic"
	attrPartition   = "ce_originpartition"
	attrOffset      = "ce_originoffset"
	attrNoValue     = "ce_originnovalue"
	attrNoKey       = "ce_originnokey"
	attrResolution  = "ce_resolution"
	attrLetter      = "ce_letter"
	maxReasonLength = 8 << 10
)

func (l *Letter) id() string {
	return deriveID("cinedex.dead-letter.v1", fmt.Sprintf("%s/%d/%d", l.Topic, l.Partition, l.Offset), []byte(l.Group))
}

func (l *Letter) encode(source string) *message {
	reason := l.Reason
	if len(reason) > maxReasonLength {
		reason = reason[:maxReasonLength] + " [...]"
	}
	m := &message{key: l.message.key, value: l.message.value, time: l.Time, partition: anyPartition}
	add := func(k, v string) { m.headers = append(m.headers, kafka.Header{Key: k, Value: []byte(v)}) }
	add("ce_specversion", "1.0")
	add("ce_id", l.id())
	add("ce_type", "cinedex.dead-letter.v1")
	add("ce_source", source)
	add("ce_time", l.Time.UTC().Format(time.RFC3339Nano))
	add(contentTypeHeader, "application/octet-stream")
	add(attrReason, strings.ToValidUTF8(reason, "\uFFFD"))
	add(attrKind, l.Kind.String())
	add(attrHop, l.Group)
	add(attrAttempts, strconv.Itoa(l.Attempts))
	add(attrTopic, string(l.Topic))
	add(attrPartition, strconv.Itoa(l.Partition))
	add(attrOffset, strconv.FormatInt(l.Offset, 10))
	if m.value == nil {
		add(attrNoValue, "true")
	}
	if m.key == nil {
		add(attrNoKey, "true")
	}
	for _, h := range l.message.headers {
		m.headers = append(m.headers, kafka.Header{Key: originalPrefix + h.Key, Value: h.Value})
	}
	return m
}

func decodeLetter(m *message) (Letter, error) {
	original := &message{key: m.key, value: m.value, time: m.time}
	l := Letter{message: original, Value: m.value, Subject: string(m.key)}
	var errs []string
	number := func(s string) int64 {
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			errs = append(errs, err.Error())
		}
		return n
	}
	for _, h := range m.headers {
		v := string(h.Value)
		if k, ok := strings.CutPrefix(h.Key, originalPrefix); ok {
			original.headers = append(original.headers, kafka.Header{Key: k, Value: h.Value})
			l.Headers = append(l.Headers, Header{k, h.Value})
			continue
		}
		switch h.Key {
		case "ce_id":
			l.ID = v
		case "ce_time":
			l.Time, _ = time.Parse(time.RFC3339Nano, v)
		case attrReason:
			l.Reason = v
		case attrKind:
			l.Kind = errkind.Named(v)
		case attrHop:
			l.Group = v
		case attrAttempts:
			l.Attempts = int(number(v))
		case attrTopic:
			l.Topic = Topic(v)
		case attrPartition:
			l.Partition = int(number(v))
		case attrOffset:
			l.Offset = number(v)
		case attrNoValue:
			original.value = nil
		case attrNoKey:
			original.key = nil
		}
	}
	if l.ID == "" || l.Topic == "" || len(errs) > 0 {
		return l, errkind.New(errkind.Invalid, "dead letter at partition %d, offset %d cannot be read: %s", m.partition, m.offset, strings.Join(errs, "; "))
	}
	return l, nil
}

// A LetterFilter picks dead letters; empty fields pick all.
type LetterFilter struct {
	IDs     []string
	Topic   Topic
	Group   string
	Subject string
	// Reason is a kind of error, or a part of the reason's text.
	Reason string
}

func (f LetterFilter) picks(l *Letter) bool {
	return (len(f.IDs) == 0 || slices.Contains(f.IDs, l.ID)) && (f.Topic == "" || f.Topic == l.Topic) &&
		(f.Group == "" || f.Group == l.Group) && (f.Subject == "" || f.Subject == l.Subject) &&
		(f.Reason == "" || f.Reason == l.Kind.String() || strings.Contains(l.Reason, f.Reason))
}

// DeadLetters yields the letters that are neither retried nor dropped, oldest first within a partition. An unreadable
// letter is yielded with an error and does not end the sequence.
func (c *Client) DeadLetters(ctx context.Context, filter LetterFilter) iter.Seq2[Letter, error] {
	return func(yield func(Letter, error) bool) {
		resolved, end, err := c.resolvedLetters(ctx)
		if err != nil {
			yield(Letter{}, err)
			return
		}
		for m, err := range c.readTo(ctx, DeadLetters, end) {
			if err != nil {
				yield(Letter{}, err)
				return
			}
			if isResolution(m) {
				continue
			}
			l, err := decodeLetter(m)
			// A topic that was deleted and made again repeats offsets. A resolution therefore counts only for letters
			// before the resolution.
			if err == nil && (!filter.picks(&l) || resolved[l.ID] > m.time.UnixMilli()) {
				continue
			}
			if !yield(l, err) {
				return
			}
		}
	}
}

func isResolution(m *message) bool {
	typ, _ := header(m.headers, "ce_type")
	return typ == resolvedType
}

// resolvedLetters returns when each letter was last resolved, and up to where the topic was read.
func (c *Client) resolvedLetters(ctx context.Context) (map[string]int64, map[int]int64, error) {
	end, err := c.ends(ctx, DeadLetters)
	if err != nil {
		return nil, nil, err
	}
	resolved := make(map[string]int64)
	for m, err := range c.readTo(ctx, DeadLetters, end) {
		if err != nil {
			return nil, nil, err
		}
		if isResolution(m) {
			id, _ := header(m.headers, attrLetter)
			resolved[id] = m.time.UnixMilli() + 1
		}
	}
	return resolved, end, nil
}

// Retry puts the messages of the letters back into their topics, byte for byte, and then marks the letters as retried.
// Retry returns the number of letters. A letter that does not exist is NotFound.
func (c *Client) Retry(ctx context.Context, ids ...string) (int, error) {
	return c.resolve(ctx, ids, "retried", func(l *Letter) error {
		m := *l.message
		m.partition = l.Partition
		return c.publisher.publish(ctx, l.Topic, []*message{&m})
	})
}

// Drop marks letters as dealt with.
func (c *Client) Drop(ctx context.Context, ids ...string) (int, error) {
	return c.resolve(ctx, ids, "dropped", func(*Letter) error { return nil })
}

func (c *Client) resolve(ctx context.Context, ids []string, how string, do func(*Letter) error) (int, error) {
	if len(ids) == 0 {
		return 0, nil
	}
	wanted := make(map[string]bool, len(ids))
	for _, id := range ids {
		wanted[id] = true
	}
	n := 0
	for l, err := range c.DeadLetters(ctx, LetterFilter{IDs: ids}) {
		if err != nil {
			if errkind.Of(err) == errkind.Invalid {
				continue
			}
			return n, err
		}
		if !wanted[l.ID] {
			continue // the same message, put aside twice: once is enough
		}
		delete(wanted, l.ID)
		if err := do(&l); err != nil {
			return n, fmt.Errorf("dealing with dead letter %s: %w", l.ID, err)
		}
		if err := c.markResolved(ctx, &l, how); err != nil {
			return n, fmt.Errorf("marking dead letter %s as %s: %w", l.ID, how, err)
		}
		n++
	}
	for _, id := range ids {
		if wanted[id] {
			return n, errkind.New(errkind.NotFound, "no dead letter %s", id)
		}
	}
	return n, nil
}

func (c *Client) markResolved(ctx context.Context, l *Letter, how string) error {
	now := time.Now()
	m := &message{key: l.message.key, value: []byte{}, time: now, partition: anyPartition}
	for _, h := range [][2]string{
		{"ce_specversion", "1.0"}, {"ce_id", l.ID + "/" + how}, {"ce_type", resolvedType}, {"ce_source", c.cfg.Source},
		{"ce_time", now.UTC().Format(time.RFC3339Nano)}, {attrLetter, l.ID}, {attrResolution, how},
	} {
		m.headers = append(m.headers, kafka.Header{Key: h[0], Value: []byte(h[1])})
	}
	return c.publisher.publish(ctx, DeadLetters, []*message{m})
}

// String renders the letter for a person.
func (l Letter) String() string {
	return fmt.Sprintf("%s %s/%d@%d %s (%s after %d): %s", l.ID, l.Topic, l.Partition, l.Offset, l.Group, l.Kind, l.Attempts, l.Reason)
}

// Message returns the message in a form for JSON: the text of a text, and base64 of other bytes.
func (l Letter) Message() (value string, isBase64 bool) {
	if s := string(l.Value); strings.ToValidUTF8(s, "") == s {
		return s, false
	}
	return base64.StdEncoding.EncodeToString(l.Value), true
}
