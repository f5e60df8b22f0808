package broker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/cinedex/cinedex/pkg/errkind"
)

// Over a new connection, the broker checks three abilities: taking connections, writing and syncing. An answer on an
// open connection would not show that new connections are taken.
const (
	probeEvery   = 5 * time.Second
	probeTimeout = 5 * time.Second
	// deadAfter is how long all probes may fail before the process should end. A short lack of descriptors or a slow
	// disk is no reason to end the process.
	deadAfter = 2 * time.Minute
	// The probes' own topic is emptied at intervals and stays within some kilobytes.
	probeTopic        = "probe"
	probesKept        = 64
	probeSegmentBytes = "16384"
)

// probes are the results of the broker's probes.
type probes struct {
	mu      sync.Mutex
	failing error
	well    time.Time // when the last successful probe ended
}

func (p *probes) note(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failing = err; err == nil {
		p.well = time.Now()
	}
}

func (p *probes) last() (well time.Time, failing error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.well, p.failing
}

// Ready returns why the broker takes no events now, by the last probe, or nil.
func (b *Broker) Ready() error {
	if err := b.syncer.broken(); err != nil {
		return err
	}
	if err := room(b.dir); err != nil {
		return err
	}
	well, failing := b.probes.last()
	if failing != nil {
		return errkind.New(errkind.Unavailable, "the embedded log does not take events: %w", failing)
	}
	if since := time.Since(well); since > probeEvery+2*probeTimeout {
		return errkind.New(errkind.Unavailable, "the embedded log has not answered its probe for %s", since.Round(time.Second))
	}
	return nil
}

// Alive returns why ending the process is better than waiting, or nil. A full disk is no reason, because a new process
// would find the disk as full.
func (b *Broker) Alive() error {
	if err := b.syncer.broken(); err != nil {
		return err
	}
	if room(b.dir) != nil {
		return nil
	}
	well, failing := b.probes.last()
	if since := time.Since(well); since > deadAfter {
		return errkind.New(errkind.Unavailable, "the embedded log has taken no event for %s: %w", since.Round(time.Second), errors.Join(failing))
	}
	return nil
}

// Serve returns nil after ctx ends, and an error as soon as the broker can acknowledge nothing. After an error the
// caller MUST end the process, or close the broker and open it again.
func (b *Broker) Serve(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-b.syncer.failed:
		return b.syncer.broken()
	}
}

// keepProbing probes until ctx ends.
func (b *Broker) keepProbing(ctx context.Context) {
	t := time.NewTicker(probeEvery)
	defer t.Stop()
	told := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		err := b.probe(ctx)
		if ctx.Err() != nil {
			return
		}
		if (err != nil) != told {
			told = err != nil
			if told {
				b.syncer.log.Error("the embedded log does not take events", "error", err)
			} else {
				b.syncer.log.Info("the embedded log takes events again")
			}
		}
	}
}

// probe publishes a record over a new connection and records the result.
func (b *Broker) probe(ctx context.Context) error {
	offset, err := b.publishProbe(ctx)
	if err == nil && offset > 0 && offset%probesKept == 0 {
		err = b.cluster.DeleteRecords(probeTopic, 0, offset)
	}
	result := "ok"
	if err != nil {
		result = "failed"
	}
	b.syncer.metrics.probes.WithLabelValues(result).Inc()
	b.probes.note(err)
	return err
}

func (b *Broker) publishProbe(ctx context.Context) (offset int64, err error) {
	return b.produce(ctx, probeRequest(time.Now()))
}

// produce sends a produce request over a new connection.
func (b *Broker) produce(ctx context.Context, request []byte) (offset int64, err error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", b.addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	if err := conn.SetDeadline(deadline); err != nil {
		return 0, err
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if _, err := conn.Write(request); err != nil {
		return 0, err
	}
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return 0, fmt.Errorf("waiting for the acknowledgement of a probe: %w", err)
	}
	answer := make([]byte, min(binary.BigEndian.Uint32(size[:]), 64<<10))
	if _, err := io.ReadFull(conn, answer); err != nil {
		return 0, err
	}
	res := kmsg.NewPtrProduceResponse()
	res.SetVersion(probeVersion)
	if len(answer) < 4 || res.ReadFrom(answer[4:]) != nil || len(res.Topics) != 1 || len(res.Topics[0].Partitions) != 1 {
		return 0, errkind.New(errkind.Internal, "the answer to a probe cannot be read")
	}
	p := res.Topics[0].Partitions[0]
	return p.BaseOffset, kerr.ErrorForCode(p.ErrorCode)
}

// probeVersion is the last version of Produce without tags.
const probeVersion = 8

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// probeRequest produces a record without a value.
func probeRequest(now time.Time) []byte {
	record := []byte{0, 0, 0, 1, 1, 0}                         // attributes, time and offset as differences, key and value null, no headers
	record = append([]byte{byte(len(record) << 1)}, record...) // as a zigzag varint
	return produceRequest(probeTopic, encodeBatch(kmsg.RecordBatch{Magic: 2, PartitionLeaderEpoch: -1, FirstTimestamp: now.UnixMilli(), MaxTimestamp: now.UnixMilli(),
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: 1, Records: record}))
}

func produceRequest(name string, batch []byte) []byte {
	part := kmsg.NewProduceRequestTopicPartition()
	part.Records = batch
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic, topic.Partitions = name, append(topic.Partitions, part)
	req := kmsg.NewPtrProduceRequest()
	req.Version, req.Acks, req.TimeoutMillis = probeVersion, -1, int32(probeTimeout.Milliseconds())
	req.Topics = append(req.Topics, topic)
	b := []byte{0, 0, 0, 0}
	b = binary.BigEndian.AppendUint16(b, uint16(req.Key()))
	b = binary.BigEndian.AppendUint16(b, probeVersion)
	b = binary.BigEndian.AppendUint32(b, 1)      // correlation
	b = binary.BigEndian.AppendUint16(b, 0xffff) // no client's name
	b = req.AppendTo(b)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	return b
}

// encodeBatch encodes a record batch with its length and checksum.
func encodeBatch(r kmsg.RecordBatch) []byte {
	b := r.AppendTo(nil)
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-12))
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], castagnoli))
	return b
}

// batchHeader is the size of a record batch without its records.
const batchHeader = 61
