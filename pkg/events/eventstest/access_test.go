package eventstest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"github.com/cinedex/cinedex/deploy/local/servers"
	"github.com/cinedex/cinedex/deploy/local/serverstest"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
	"github.com/cinedex/cinedex/pkg/tlsclient"
)

// grant makes the access control entries of an access, and no others.
func grant(t *testing.T, c *kgo.Client, prefix string, a events.Access) {
	t.Helper()
	req := kmsg.NewPtrCreateACLsRequest()
	allow := func(kind kmsg.ACLResourceType, name string, pattern kmsg.ACLResourcePatternType, ops ...kmsg.ACLOperation) {
		for _, op := range ops {
			e := kmsg.NewCreateACLsRequestCreation()
			e.ResourceType, e.ResourceName, e.ResourcePatternType = kind, prefix+name, pattern
			e.Principal, e.Host, e.Operation, e.PermissionType = "User:"+a.User, "*", op, kmsg.ACLPermissionTypeAllow
			req.Creations = append(req.Creations, e)
		}
	}
	for _, topic := range a.Reads {
		allow(kmsg.ACLResourceTypeTopic, string(topic), kmsg.ACLResourcePatternTypeLiteral, kmsg.ACLOperationRead, kmsg.ACLOperationDescribeConfigs)
	}
	for _, topic := range a.Writes {
		allow(kmsg.ACLResourceTypeTopic, string(topic), kmsg.ACLResourcePatternTypeLiteral, kmsg.ACLOperationWrite, kmsg.ACLOperationDescribeConfigs)
	}
	for _, group := range a.Groups {
		allow(kmsg.ACLResourceTypeGroup, group, kmsg.ACLResourcePatternTypePrefixed, kmsg.ACLOperationRead)
	}
	if a.Watches {
		allow(kmsg.ACLResourceTypeTopic, "", kmsg.ACLResourcePatternTypePrefixed, kmsg.ACLOperationDescribe)
		allow(kmsg.ACLResourceTypeGroup, "", kmsg.ACLResourcePatternTypePrefixed, kmsg.ACLOperationDescribe)
	}
	res, err := req.RequestWith(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range res.Results {
		if r.ErrorCode != 0 {
			t.Fatalf("granting to %s: error %d", a.User, r.ErrorCode)
		}
	}
}

// sample is a valid event of a topic.
func sample(c events.Contract) events.Event {
	return events.Event{Subject: "asset", Data: c.Data.ProtoReflect().New().Interface()}
}

// Over TLS and SCRAM, each service may use the topics and groups as Accesses says, and is denied everything else. A
// client with a wrong password, without TLS or without a name is told so at once.
func TestKafkaAccess(t *testing.T) {
	users := make(map[string]string)
	for _, a := range events.Accesses() {
		users[a.User] = a.User + "-secret"
	}
	cluster := serverstest.Start(t, servers.Config{Kafka: 1, Secure: true, KafkaUsers: users})
	config := func(user, password string) events.Config {
		cfg := events.Default()
		cfg.Brokers, cfg.Prefix = cluster.Kafka.Brokers(), "secure."
		cfg.TLS = tlsclient.Config{Enabled: true, CAFile: cluster.CAFile}
		cfg.SASL = events.SASL{Mechanism: "scram-sha-512", Username: user, Password: password}
		cfg.PublishTimeout, cfg.SessionTimeout = 5*time.Second, 6*time.Second
		return cfg
	}
	client := func(t *testing.T, cfg events.Config) *events.Client {
		t.Helper()
		c, err := events.New(cfg, events.Deps{Logger: logger(t)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	admin := client(t, config(servers.Admin, servers.AdminPassword))
	if _, err := admin.EnsureTopics(t.Context(), events.Layout{Replication: 1, Embedded: true}); err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(cluster.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	granter, err := kgo.NewClient(kgo.SeedBrokers(cluster.Kafka.Brokers()...), kgo.DialTLSConfig(&tls.Config{RootCAs: roots}),
		kgo.SASL(scram.Auth{User: servers.Admin, Pass: servers.AdminPassword}.AsSha512Mechanism()))
	if err != nil {
		t.Fatal(err)
	}
	defer granter.Close()
	for _, a := range events.Accesses() {
		grant(t, granter, "secure.", a)
	}

	// handles reports whether a subscription handles an event, or why the subscription ended before.
	handles := func(t *testing.T, c *events.Client, group string, topic events.Topic) error {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		handled := false
		err := c.Subscribe(ctx, events.Subscription{Group: group, Topics: []events.Topic{topic}}, func(context.Context, []events.Delivery) error {
			handled = true
			cancel()
			return nil
		})
		if err == nil && !handled {
			t.Errorf("group %s, topic %s: neither handled nor refused", group, topic)
		}
		return err
	}
	expect := func(t *testing.T, what string, err error, allowed bool) {
		t.Helper()
		if allowed && err != nil || !allowed && errkind.Of(err) != errkind.Denied {
			t.Errorf("%s: allowed %v, and: %v", what, allowed, err)
		}
	}
	for _, contract := range events.Contracts() {
		if contract.Data == nil { // any bytes are a dead letter
			if err := granter.ProduceSync(t.Context(), &kgo.Record{Topic: "secure." + string(contract.Topic), Value: []byte("x")}).FirstErr(); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := admin.Publish(t.Context(), contract.Topic, sample(contract)); err != nil {
			t.Fatal(err)
		}
	}
	for _, a := range events.Accesses() {
		t.Run(a.User, func(t *testing.T) {
			c := client(t, config(a.User, users[a.User]))
			for _, contract := range events.Contracts() {
				if contract.Data != nil {
					expect(t, "publishing to "+string(contract.Topic), c.Publish(t.Context(), contract.Topic, sample(contract)), slices.Contains(a.Writes, contract.Topic))
				}
				var read error
				for _, err := range c.ReadAll(t.Context(), contract.Topic) {
					read = err
				}
				if contract.Data == nil && errkind.Is(read, errkind.Invalid) {
					read = nil // the record was read, and is no event
				}
				expect(t, "reading "+string(contract.Topic), read, slices.Contains(a.Reads, contract.Topic))
			}
			for _, topic := range a.Reads {
				if c, _ := events.ContractOf(topic); c.Data == nil {
					continue // dead letters are looked into, and not consumed
				}
				for _, group := range a.Groups {
					expect(t, "consuming "+string(topic)+" as "+group, handles(t, c, group, topic), true)
				}
			}
			// The groups of other users, and topics of other users in a group of this user.
			for _, other := range events.Accesses() {
				if len(a.Reads) == 0 || other.User == a.User || len(other.Groups) == 0 {
					continue
				}
				expect(t, "consuming as "+other.Groups[0], handles(t, c, other.Groups[0], a.Reads[0]), false)
			}
			for _, hop := range events.Hops() {
				if _, err := c.Lag(t.Context(), hop.Group, hop.Topics...); a.Watches && err != nil {
					t.Errorf("looking how far %s is: %v", hop.Group, err)
				}
			}
			if _, err := c.EnsureTopics(t.Context(), events.Layout{Replication: 1, Embedded: true}); err == nil {
				t.Error("it may make topics")
			}
		})
	}

	t.Run("refused at once", func(t *testing.T) {
		for name, test := range map[string]struct {
			change func(*events.Config)
			says   string
		}{
			"wrong password":      {func(c *events.Config) { c.SASL.Password = "other" }, "SASL Authentication Failed"},
			"unknown user":        {func(c *events.Config) { c.SASL.Username = "nobody" }, "SASL Authentication Failed"},
			"another authority":   {func(c *events.Config) { c.TLS.CAFile = "" }, "certificate"},
			"another server name": {func(c *events.Config) { c.TLS.ServerName = "elsewhere" }, "certificate"},
		} {
			cfg := config("indexer", users["indexer"])
			test.change(&cfg)
			c := client(t, cfg)
			start := time.Now()
			for what, err := range map[string]error{
				"publishing":  c.Publish(t.Context(), events.RunsBatch, sample(must(events.ContractOf(events.RunsBatch)))),
				"subscribing": handles(t, c, "indexer", events.RunsFinished),
				"ready":       c.Ready(t.Context()),
			} {
				if errkind.Of(err) != errkind.Denied || !strings.Contains(err.Error(), test.says) {
					t.Errorf("%s: %s: %v (%s); want Denied with %q", name, what, err, errkind.Of(err), test.says)
				}
			}
			if took := time.Since(start); took > 20*time.Second {
				t.Errorf("%s: refused after %s", name, took)
			}
		}
	})
}
