package events

import (
	"context"
	"net"
	"sync"
)

// conns are connections that another goroutine can cut. kafka-go's joining of a group takes no context, and a fetch
// without a waiting caller continues until the broker answers.
type conns struct {
	mu   sync.Mutex
	open map[*trackedConn]struct{}
}

type trackedConn struct {
	net.Conn
	of *conns
}

func (c *conns) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	t := &trackedConn{Conn: conn, of: c}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = make(map[*trackedConn]struct{})
	}
	c.open[t] = struct{}{}
	return t, nil
}

func (t *trackedConn) Close() error {
	t.of.mu.Lock()
	delete(t.of.open, t)
	t.of.mu.Unlock()
	return t.Conn.Close()
}

// cut closes all open connections. Every reader of a connection gets an error.
func (c *conns) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for t := range c.open {
		_ = t.Conn.Close()
	}
}
