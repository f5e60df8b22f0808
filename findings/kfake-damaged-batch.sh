#!/usr/bin/env bash
# github.com/twmb/franz-go/pkg/kfake v0.0.0-20260918054303-01f206a7e32c and franz-go v1.22.2, Go.
#
# Expected: a damaged record batch in the middle of a segment is an error at the start, or is left out alone. Apache Kafka keeps the batches behind the
# damaged batch.
# Seen: the batch counts as a torn tail. The batch and every good batch behind the batch are cut off, and the start succeeds. Five records were
# acknowledged with SyncWrites; a byte of the second record's batch is changed while the cluster is closed; one record is left.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat > main.go <<'GO'
package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

func must[T any](v T, err error) T {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	return v
}

func open(dir string) *kfake.Cluster {
	return must(kfake.NewCluster(kfake.NumBrokers(1), kfake.DataDir(dir), kfake.SyncWrites(), kfake.SeedTopics(1, "films")))
}

func main() {
	dir := must(os.MkdirTemp(".", "data"))
	ctx := context.Background()
	c := open(dir)
	p := must(kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.ProducerBatchCompression(kgo.NoCompression())))
	for i := range 5 {
		if err := p.ProduceSync(ctx, &kgo.Record{Topic: "films", Value: fmt.Appendf(nil, "film number %d", i)}).FirstErr(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
	}
	p.Close()
	c.Close()

	segment := must(filepath.Glob(filepath.Join(dir, "partitions", "films-0", "*.dat")))[0]
	b := must(os.ReadFile(segment))
	size := len(b)
	at := bytes.Index(b, []byte("film number 1"))
	b[at] ^= 1
	if err := os.WriteFile(segment, b, 0o600); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}

	c = open(dir)
	defer c.Close()
	r := must(kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.ConsumeTopics("films")))
	defer r.Close()
	read := 0
	for {
		ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
		fetches := r.PollFetches(ctx)
		cancel()
		if fetches.NumRecords() == 0 {
			break
		}
		fetches.EachRecord(func(r *kgo.Record) { read++; fmt.Printf("offset %d: %s\n", r.Offset, r.Value) })
	}
	fmt.Printf("%d of 5 records are left; the segment had %d bytes and has %d\n", read, size, must(os.Stat(segment)).Size())
	if read != 1 {
		fmt.Println("the behaviour is another than stated")
		os.Exit(1)
	}
}
GO
go mod init finding >/dev/null 2>&1
go get github.com/twmb/franz-go@v1.22.2 github.com/twmb/franz-go/pkg/kfake@v0.0.0-20260918054303-01f206a7e32c >/dev/null 2>&1
go run .
