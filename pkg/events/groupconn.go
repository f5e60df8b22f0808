package events

import (
	"context"
	"net"
)

// groupConn is a connection to a group's coordinator that can be cut from outside:
// kafka-go's joining of a group knows no context and waits for up to a session.
type groupConn struct {
	net.Conn
	s *subscriber
}

func (s *subscriber) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	g := &groupConn{Conn: conn, s: s}
	s.mu.Lock()
	s.conns[g] = struct{}{}
	s.mu.Unlock()
	return g, nil
}

func (g *groupConn) Close() error {
	g.s.mu.Lock()
	delete(g.s.conns, g)
	g.s.mu.Unlock()
	return g.Conn.Close()
}

func (s *subscriber) cutConns() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for g := range s.conns {
		_ = g.Conn.Close() // the reader gets the error
	}
}
