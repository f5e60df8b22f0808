package servers

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"sync"
	"syscall"

	"github.com/cinedex/cinedex/pkg/errkind"
)

func wait(cmd *exec.Cmd, begun chan<- error, c *child) {
	err := cmd.Start()
	if err == nil {
		c.pid = cmd.Process.Pid
	}
	begun <- err
	if err == nil {
		c.how = cmd.Wait()
		close(c.done)
	}
}

const choosePort = "choose others with KAFKA_PORT, CASSANDRA_PORT or OPENSEARCH_PORT"

// free says why nothing can listen on an address.
func free(addr string) error {
	l, err := net.Listen("tcp", addr)
	switch {
	case err == nil:
		return l.Close()
	case errors.Is(err, syscall.EADDRINUSE):
		return errkind.New(errkind.Conflict, "the port of %s is taken by another process; %s", addr, choosePort)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		host, _, _ := net.SplitHostPort(addr)
		return errkind.New(errkind.Invalid, "this machine has no address %s; on macOS: sudo ifconfig lo0 alias %s", host, host)
	}
	return fmt.Errorf("trying to listen on %s: %w", addr, err)
}

// given are the ports given out by freePorts. A server listens on its port some seconds after it was given out, and
// other callers look for ports in the meantime.
var given struct {
	sync.Mutex
	ports map[int]bool
}

// freePorts finds n consecutive ports that are free on each of the hosts. freePorts gives no port twice in this
// process.
func freePorts(n int, hosts ...string) (int, error) {
	given.Lock()
	defer given.Unlock()
	if given.ports == nil {
		given.ports = map[int]bool{}
	}
search:
	for range 100 {
		l, err := net.Listen("tcp", net.JoinHostPort(hosts[0], "0"))
		if err != nil {
			return 0, fmt.Errorf("looking for a free port: %w", err)
		}
		first := l.Addr().(*net.TCPAddr).Port
		_ = l.Close()
		if first+n > 1<<16 {
			continue
		}
		for p := range n {
			if given.ports[first+p] {
				continue search
			}
			for _, host := range hosts {
				if free(address(host, first+p)) != nil {
					continue search
				}
			}
		}
		for p := range n {
			given.ports[first+p] = true
		}
		return first, nil
	}
	return 0, errkind.New(errkind.Exhausted, "no %d free ports in a row", n)
}

func address(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }

// get is nil where the URL answers 200.
func get(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, res.Status)
	}
	return nil
}
