#!/usr/bin/env bash
# connectrpc.com/connect v1.21.1, Go.
#
# Expected: a client whose server's process dies in the middle of a call, so that the kernel resets the connection, gets the code "unavailable", as with
# grpc-go. The code "canceled" says that the caller ended the call.
# Seen: the client gets "canceled", although nobody cancelled the call and the context of the call has not ended. A caller that takes "canceled" for the
# own decision gives up in place of a retry. v1.20.0 gave "unavailable" for the same reset.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"

	"connectrpc.com/connect"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

type listener struct {
	net.Listener
	last chan *net.TCPConn
}

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.last <- c.(*net.TCPConn)
	}
	return c, err
}

func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func main() {
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	l := listener{plain, make(chan *net.TCPConn, 256)}
	server := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		c := <-l.last
		must(c.SetLinger(0)) // the close is a reset, as for a process that dies
		must(c.Close())
	})}
	server.Protocols.SetUnencryptedHTTP2(true)
	go server.Serve(l)

	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	client := connect.NewClient[grpc_health_v1.HealthCheckRequest, grpc_health_v1.HealthCheckResponse](
		&http.Client{Transport: &http.Transport{Protocols: protocols}}, "http://"+l.Addr().String()+"/grpc.health.v1.Health/Check", connect.WithGRPC())
	ctx := context.Background()
	codes := map[connect.Code]int{}
	for range 200 {
		_, err := client.CallUnary(ctx, connect.NewRequest(&grpc_health_v1.HealthCheckRequest{}))
		if strings.Contains(err.Error(), "connection reset by peer") { // some calls see the end of the file in place of the reset
			codes[connect.CodeOf(err)]++
		}
	}
	fmt.Printf("connect-go: codes of the calls that were reset: %v; the error of the context is %v\n", codes, ctx.Err())

	peer, err := grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(err)
	_, err = grpc_health_v1.NewHealthClient(peer).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	fmt.Printf("grpc-go:    code %q\n", status.Code(err))
	want := connect.CodeCanceled
	if os.Getenv("OLDER") != "" {
		want = connect.CodeUnavailable
	}
	if codes[want] == 0 || len(codes) != 1 || status.Code(err).String() != "Unavailable" {
		fmt.Println("the behaviour is another than stated")
		os.Exit(1)
	}
}
GO
go mod init finding >/dev/null 2>&1
go get connectrpc.com/connect@v1.20.0 google.golang.org/grpc@v1.76.0 >/dev/null 2>&1
go mod tidy >/dev/null 2>&1
echo "v1.20.0:"; OLDER=1 go run .
go get connectrpc.com/connect@v1.21.1 >/dev/null 2>&1
echo "v1.21.1:"; go run .
