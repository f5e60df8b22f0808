#!/usr/bin/env bash
# github.com/segmentio/kafka-go v0.4.51, Go; the broker is kfake v0.0.0-20260918054303-01f206a7e32c, the producer franz-go v1.22.2.
#
# Expected: a Reader with IsolationLevel ReadCommitted ("makes both non-transactional and committed records visible") does not return records of aborted
# transactions. franz-go does not return such records from the same broker.
# Seen: the Reader returns the records, and the marker at the end of the transaction as a message of its own. Brokers return aborted records at every
# isolation level, with a list for the client to leave the records out (Fetch, aborted_transactions). kafka-go does not read the list, and hides the
# list behind Client.Fetch.
set -euo pipefail
dir=$(mktemp -d); trap 'chmod -R u+w "$dir"; rm -rf "$dir"' EXIT
cd "$dir"
cat > main.go <<'GO'
package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

func check(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func main() {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "films"))
	check(err)
	defer c.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	p, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.TransactionalID("studio"), kgo.DefaultProduceTopic("films"))
	check(err)
	for _, tx := range []struct {
		what string
		end  kgo.TransactionEndTry
	}{{"aborted", kgo.TryAbort}, {"committed", kgo.TryCommit}} {
		check(p.BeginTransaction())
		check(p.ProduceSync(ctx, kgo.StringRecord(tx.what)).FirstErr())
		check(p.EndTransaction(ctx, tx.end))
	}
	p.Close()

	f, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...), kgo.ConsumeTopics("films"), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	check(err)
	var franz []string
	for len(franz) == 0 {
		f.PollFetches(ctx).EachRecord(func(r *kgo.Record) { franz = append(franz, string(r.Value)) })
	}
	f.Close()

	r := kafka.NewReader(kafka.ReaderConfig{Brokers: c.ListenAddrs(), Topic: "films", IsolationLevel: kafka.ReadCommitted, MaxWait: 100 * time.Millisecond})
	defer r.Close()
	var read []string
	for !slices.Contains(read, "committed") {
		m, err := r.ReadMessage(ctx)
		check(err)
		read = append(read, string(m.Value))
	}
	fmt.Printf("read committed: franz-go %q, kafka-go %q\n", franz, read)
	if !slices.Equal(franz, []string{"committed"}) || !slices.Contains(read, "aborted") {
		fmt.Println("the behaviour is another than stated")
		os.Exit(1)
	}
}
GO
go mod init finding >/dev/null 2>&1
go get github.com/segmentio/kafka-go@v0.4.51 github.com/twmb/franz-go@v1.22.2 github.com/twmb/franz-go/pkg/kfake@v0.0.0-20260918054303-01f206a7e32c >/dev/null 2>&1
go run .
