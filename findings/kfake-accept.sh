#!/usr/bin/env bash
# github.com/twmb/franz-go/pkg/kfake v0.0.0-20260918054303-01f206a7e32c and franz-go v1.22.2, Go.
#
# Expected: after a temporary error of Accept, such as "too many open files", the broker tries again, like net/http. A later connection is taken.
# Seen: the broker's accept loop ends at the first error and closes its listener. No connection is taken for as long as the cluster lives, and nothing
# else reports the end of the loop. The listener given through ListenFn fails once with EMFILE.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat > main.go <<'GO'
package main

import (
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
)

type once struct {
	net.Listener
	failed sync.Once
	told   chan struct{}
}

func (l *once) Accept() (conn net.Conn, err error) {
	l.failed.Do(func() { err = &net.OpError{Op: "accept", Net: "tcp", Err: syscall.EMFILE} })
	if err != nil {
		close(l.told)
		return nil, err
	}
	return l.Listener.Accept()
}

func main() {
	told := make(chan struct{})
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.ListenFn(func(network, address string) (net.Listener, error) {
		l, err := net.Listen(network, address)
		return &once{Listener: l, told: told}, err
	}))
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	defer c.Close()
	<-told
	for range 50 { // the listener is closed a moment later
		conn, err := net.Dial("tcp", c.ListenAddrs()[0])
		if err != nil {
			fmt.Println("after one temporary error of Accept:", err)
			return
		}
		conn.Close()
		time.Sleep(20 * time.Millisecond)
	}
	fmt.Println("connections are still taken: the behaviour is another than stated")
	os.Exit(1)
}
GO
go mod init finding >/dev/null 2>&1
go get github.com/twmb/franz-go@v1.22.2 github.com/twmb/franz-go/pkg/kfake@v0.0.0-20260918054303-01f206a7e32c >/dev/null 2>&1
go run .
