package cassandrastore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/gocql/gocql"

	"github.com/cinedex/cinedex/pkg/errkind"
)

const (
	// reconnectEvery is how soon a node that is up again is used again, if the event of the node was missed.
	reconnectEvery = time.Second
	// hedgeAfter is how long a read waits for an answer before asking a second node: far longer than a healthy node takes, far shorter
	// than a person notices.
	hedgeAfter = 200 * time.Millisecond
	// pageRows is how many rows are fetched together.
	pageRows = 500
)

// connect opens a session. An empty keyspace opens a session without a keyspace.
func connect(c Config, keyspace string, log *slog.Logger) (*gocql.Session, error) {
	consistency, serial, _ := c.consistency()
	cluster := gocql.NewCluster(c.Hosts...)
	// The driver assumes its default port for the other nodes, whatever the port of the first node.
	if _, port, err := net.SplitHostPort(c.Hosts[0]); err == nil {
		if cluster.Port, err = strconv.Atoi(port); err != nil {
			return nil, errkind.New(errkind.Invalid, "store.cassandra.hosts: the port of %s is no number", c.Hosts[0])
		}
	}
	cluster.Keyspace = keyspace
	// The newest protocol that gocql 1.7 speaks completely.
	cluster.ProtoVersion = 4
	cluster.Consistency, cluster.SerialConsistency = consistency, serial
	cluster.Timeout, cluster.ConnectTimeout, cluster.WriteTimeout = c.Timeout, c.Timeout, c.Timeout
	cluster.PageSize = pageRows
	cluster.ReconnectInterval = reconnectEvery
	// A connection carries 32,768 requests at once. With several connections to a node, gocql 1.7 can miscount the
	// requests (gocql#1614).
	cluster.NumConns = 1
	// The driver repeats nothing by itself: the driver would not check whether a repetition is safe (gocql#1803).
	cluster.RetryPolicy = nil
	cluster.Logger = driverLog{log}
	if c.Username != "" {
		cluster.Authenticator = gocql.PasswordAuthenticator{Username: c.Username, Password: c.Password}
	}
	if c.TLS.Enabled {
		conf, err := c.TLS.Load()
		if err != nil {
			return nil, fmt.Errorf("store.cassandra.tls.%w", err)
		}
		cluster.SslOpts = &gocql.SslOptions{Config: conf, EnableHostVerification: true}
	}
	nodes := gocql.RoundRobinHostPolicy()
	if c.Datacenter != "" {
		nodes = gocql.DCAwareRoundRobinPolicy(c.Datacenter)
	}
	cluster.PoolConfig.HostSelectionPolicy = replicas{gocql.TokenAwareHostPolicy(nodes)}
	s, err := cluster.CreateSession()
	if errors.Is(err, gocql.ErrNoConnectionsStarted) && keyspace != "" {
		// The cluster answered. A missing keyspace may be the reason without a connection; the driver does not say so.
		if all, e := connect(c, "", log); e == nil {
			defer all.Close()
			var there string
			e = all.Query("SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?", keyspace).Consistency(gocql.LocalOne).Scan(&there)
			if errors.Is(e, gocql.ErrNotFound) {
				err = errNoKeyspace
			}
		}
	}
	if err != nil {
		return nil, connectError(c, err)
	}
	return s, nil
}

// connectError says how to mend a session that could not be opened. The driver gives the reason only as text.
func connectError(c Config, err error) error {
	text, at := err.Error(), strings.Join(c.Hosts, ", ")
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(text, w) {
				return true
			}
		}
		return false
	}
	switch {
	case errors.Is(err, errNoKeyspace):
		return err
	case has("password are incorrect", "Bad credentials", "bad credentials"):
		return errkind.New(errkind.Unauthenticated, "Cassandra at %s refuses store.cassandra.username and password: %w", at, err)
	case has("authentication required"):
		return errkind.New(errkind.Unauthenticated, "Cassandra at %s asks who this is: set store.cassandra.username and password: %w", at, err)
	case has("x509:", "tls:", "first record does not look like a TLS handshake"):
		return errkind.New(errkind.Invalid, "Cassandra at %s and store.cassandra.tls do not agree: %w", at, err)
	case has("EOF", "connection reset") && !c.TLS.Enabled:
		return errkind.New(errkind.Unavailable, "Cassandra at %s hangs up; if Cassandra requires TLS, set store.cassandra.tls.enabled: %w", at, err)
	}
	return errkind.New(errkind.Unavailable, "no node of Cassandra answers at %s; check that a node runs, and check store.cassandra.hosts: %w", at, err)
}

var errNoKeyspace = errors.New("the keyspace does not exist")

// kinded gives the errors of the driver and the server their kinds.
func kinded(err error) error {
	var server gocql.RequestError
	var network net.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, gocql.ErrSessionClosed):
		return errClosed
	case errkind.Of(err) != errkind.Internal:
		return err
	case errors.As(err, &server):
		switch server.Code() {
		case gocql.ErrCodeUnavailable, gocql.ErrCodeBootstrapping, gocql.ErrCodeTruncate, gocql.ErrCodeWriteTimeout, gocql.ErrCodeReadTimeout,
			gocql.ErrCodeReadFailure, gocql.ErrCodeWriteFailure, gocql.ErrCodeCDCWriteFailure, gocql.ErrCodeCASWriteUnknown, gocql.ErrCodeServer:
			return errkind.Wrap(errkind.Unavailable, err)
		case gocql.ErrCodeOverloaded:
			return errkind.Wrap(errkind.Exhausted, err)
		case gocql.ErrCodeUnauthorized:
			return errkind.Wrap(errkind.Denied, err)
		case gocql.ErrCodeCredentials:
			return errkind.Wrap(errkind.Unauthenticated, err)
		}
		// Invalid, by the server, is a fault of this package: messages are checked before they are sent.
		return err
	case errors.Is(err, gocql.ErrNoConnections), errors.Is(err, gocql.ErrConnectionClosed), errors.Is(err, gocql.ErrTimeoutNoResponse),
		errors.Is(err, gocql.ErrTooManyTimeouts), errors.Is(err, gocql.ErrNoStreams), errors.Is(err, gocql.ErrUnavailable),
		errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrClosedPipe), errors.Is(err, net.ErrClosed), errors.As(err, &network):
		return errkind.Wrap(errkind.Unavailable, err)
	}
	return err
}

// passing reports whether the same request may succeed on another node.
func passing(err error) bool {
	return errkind.Is(kinded(err), errkind.Unavailable) || errkind.Is(kinded(err), errkind.Exhausted)
}

// elsewhere repeats a request on up to two other nodes. Only requests safe to repeat have the policy elsewhere. With a
// single node, only the caller's retry helps.
type elsewhere struct{}

func (elsewhere) Attempt(q gocql.RetryableQuery) bool { return q.Attempts() <= 2 }

func (elsewhere) GetRetryType(err error) gocql.RetryType {
	if passing(err) {
		return gocql.RetryNextHost
	}
	return gocql.Rethrow
}

// query is a plain statement. Every statement of this package may be repeated, except a swap.
func (s *Store) query(ctx context.Context, cql string, args ...any) *gocql.Query {
	return s.session.Query(cql, args...).WithContext(ctx).Consistency(s.consistency).
		Idempotent(true).RetryPolicy(elsewhere{})
}

// linear is a linearizable read: Paxos completes an unfinished compare-and-set of the partition before the answer.
func (s *Store) linear(ctx context.Context, cql string, args ...any) *gocql.Query {
	return s.query(ctx, cql, args...).Consistency(gocql.Consistency(s.serial))
}

// replicas asks the nodes with a copy of the partition first. The second request of a hedged read skips the first node.
type replicas struct{ gocql.HostSelectionPolicy }

type askedBefore struct{}

func (p replicas) Pick(q gocql.ExecutableQuery) gocql.NextHost {
	next := p.HostSelectionPolicy.Pick(q)
	if q != nil && q.Context().Value(askedBefore{}) != nil {
		next()
	}
	return next
}

// hedged reads by get. If the answer takes long, hedged calls get a second time, for another node. hedged returns the
// first answer, and an error only if both calls fail. The driver's own speculation returns the first result, also the
// failure of a node that is down, and so turns a slow read into a failed read.
func hedged[T any](ctx context.Context, get func(context.Context) (T, error)) (T, error) {
	type answer struct {
		v   T
		err error
	}
	ctx, stop := context.WithCancel(ctx)
	answers, asked := make(chan answer, 2), 0
	ask := func(ctx context.Context) {
		asked++
		go func() {
			v, err := get(ctx)
			answers <- answer{v, err}
		}()
	}
	defer func() { // wait for both calls, which end at once
		stop()
		for ; asked > 0; asked-- {
			<-answers
		}
	}()
	late := time.NewTimer(hedgeAfter)
	defer late.Stop()
	ask(ctx)
	for {
		select {
		case a := <-answers:
			if asked--; a.err == nil || asked == 0 || !passing(a.err) {
				return a.v, a.err
			}
		case <-late.C:
			ask(context.WithValue(ctx, askedBefore{}, true))
		}
	}
}

// each scans every row of q into dest, and calls f after each row.
func each(q *gocql.Query, f func() error, dest ...any) error {
	it := q.Iter()
	for it.Scan(dest...) {
		if err := f(); err != nil {
			return errors.Join(err, it.Close())
		}
	}
	return it.Close()
}

// driverLog writes the driver's messages to the service's log. The messages are about nodes coming and going.
type driverLog struct{ log *slog.Logger }

func (l driverLog) Print(v ...any) { l.log.Debug("cassandra driver", "says", fmt.Sprint(v...)) }
func (l driverLog) Printf(format string, v ...any) {
	l.log.Debug("cassandra driver", "says", fmt.Sprintf(format, v...))
}
func (l driverLog) Println(v ...any) { l.log.Debug("cassandra driver", "says", fmt.Sprintln(v...)) }
