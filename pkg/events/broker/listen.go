package broker

import (
	"errors"
	"log/slog"
	"net"
	"sync"
	"syscall"
	"time"
)

const (
	// mostConnections bounds the connections: callers who hoard connections leave descriptors for files. The process's
	// limit on descriptors lowers the bound.
	mostConnections = 1024
	// fewestConnections is enough for the hops of a process, with room.
	fewestConnections = 64
	// The pauses between attempts to accept a connection.
	firstAcceptPause, longestAcceptPause = 5 * time.Millisecond, time.Second
	// tellEvery bounds how often a condition is logged.
	tellEvery = 30 * time.Second
)

// connectionLimit leaves three quarters of the process's descriptors to others: files of the log, the store and the
// search engine, pipes to ffmpeg, the search API's callers.
func connectionLimit() int {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return fewestConnections
	}
	return int(max(fewestConnections, min(mostConnections, l.Cur/4)))
}

// A listener is kfake's listener. kfake stops accepting for good at the first error of Accept, so Accept returns no
// error before the listener is closed. The listener counts the connections. If there are too many connections, or the
// process has no descriptor for a new connection, the listener closes the longest idle connection.
type listener struct {
	net.Listener
	s     *syncer
	limit int

	mu    sync.Mutex
	conns map[*syncedConn]struct{}
	told  time.Time
}

func newListener(l net.Listener, s *syncer, limit int) *listener {
	return &listener{Listener: l, s: s, limit: limit, conns: make(map[*syncedConn]struct{})}
}

// Accept implements net.Listener. The only error is net.ErrClosed.
func (l *listener) Accept() (net.Conn, error) {
	pause := firstAcceptPause
	for {
		c, err := l.Listener.Accept()
		if err == nil {
			return l.admit(c), nil
		}
		if errors.Is(err, net.ErrClosed) {
			return nil, err
		}
		l.s.metrics.acceptErrors.Inc()
		l.tell("the embedded broker cannot take a connection, and tries again", "error", err)
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
			l.closeIdlest()
		}
		time.Sleep(pause)
		pause = min(2*pause, longestAcceptPause)
	}
}

// admit counts a new connection and makes room for the connection.
func (l *listener) admit(c net.Conn) net.Conn {
	conn := &syncedConn{Conn: c, s: l.s, produced: make(map[int32]produced), closed: l.left}
	conn.used.Store(time.Now().UnixNano())
	l.mu.Lock()
	full := len(l.conns) >= l.limit
	l.mu.Unlock()
	if full {
		l.tell("the embedded broker has its most connections, and closes the longest idle connection", "connections", l.limit)
		l.closeIdlest()
	}
	l.mu.Lock()
	l.conns[conn] = struct{}{}
	l.s.metrics.connections.Set(float64(len(l.conns)))
	l.mu.Unlock()
	return conn
}

// left counts a connection out.
func (l *listener) left(c *syncedConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.conns, c)
	l.s.metrics.connections.Set(float64(len(l.conns)))
}

// closeIdlest closes the connection whose last request is the oldest. Clients of the platform send a request every
// second or connect again, so a merely open connection is the idlest.
func (l *listener) closeIdlest() {
	l.mu.Lock()
	var idlest *syncedConn
	for c := range l.conns {
		if idlest == nil || c.used.Load() < idlest.used.Load() {
			idlest = c
		}
	}
	l.mu.Unlock()
	if idlest != nil {
		l.s.metrics.evicted.Inc()
		_ = idlest.Close()
	}
}

// tell logs a condition, at most every tellEvery.
func (l *listener) tell(message string, args ...any) {
	l.mu.Lock()
	quiet := time.Since(l.told) < tellEvery
	if !quiet {
		l.told = time.Now()
	}
	l.mu.Unlock()
	if !quiet {
		l.s.log.Log(l.s.ctx, slog.LevelWarn, message, args...)
	}
}
