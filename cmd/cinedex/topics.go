package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cinedex/cinedex/config"
	"github.com/cinedex/cinedex/pkg/errkind"
	"github.com/cinedex/cinedex/pkg/events"
)

type jsonTopicChange struct {
	Topic string `json:"topic"`
	// Does is make, change or leave.
	Does    string `json:"does"`
	Setting string `json:"setting,omitempty"`
	Want    string `json:"want,omitempty"`
	Got     string `json:"got,omitempty"`
	// Why gives the reason for leaving the drift.
	Why         string            `json:"why,omitempty"`
	Partitions  int               `json:"partitions,omitempty"`
	Replication int               `json:"replication,omitempty"`
	Settings    map[string]string `json:"settings,omitempty"`
}

type jsonTopicPlan struct {
	Brokers int               `json:"brokers"`
	Applied bool              `json:"applied"`
	Changes []jsonTopicChange `json:"changes"`
}

func newTopics(o *output, h *home) *cobra.Command {
	c := &cobra.Command{
		Use:   "topics",
		Short: "Make the log's topics by their contracts, and list the differences",
		Long: `Compares the topics of a Kafka cluster with Cinedex's contracts: partitions, replication,
retention and compaction (docs/asyncapi.yaml has all contracts).

--brokers names the cluster. For TLS and a user, --config names a YAML file with a kafka
section, like the services' files. The default is the cluster of the Cinedex running over
the home folder.`,
		Example: `  cinedex topics plan --brokers kafka-1:9092,kafka-2:9092
  cinedex topics apply --config config/indexer.yaml
  cinedex topics apply --config config/indexer.yaml --retention annotations=336h
  cinedex topics plan --json | jq '.changes[] | select(.does == "leave")'`,
	}
	f := topicsFlags{o: o, h: h}
	plan := &cobra.Command{Use: "plan", Short: "List missing topics and differing settings, and change nothing",
		Long:    "Lists the topics to make, the settings to change, and the changes left for a person, with the reason.",
		Example: "  cinedex topics plan --brokers 127.0.0.1:19092 --replication 1",
		Args:    args(cobra.NoArgs),
		RunE:    func(cmd *cobra.Command, _ []string) error { return f.run(cmd, false) }}
	apply := &cobra.Command{Use: "apply", Short: "Make missing topics and change differing settings",
		Long: `Makes missing topics and changes differing settings. Run the command again at any time:
without differences, nothing is done.

Partitions are added only with --more-partitions, since assets then move to other
partitions. Partitions are never taken away, and replication is never changed.`,
		Example: `  cinedex topics apply --brokers 127.0.0.1:19092 --replication 1
  cinedex topics apply --config config/indexer.yaml --dry-run`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return f.run(cmd, !f.dryRun) }}
	for _, sub := range []*cobra.Command{plan, apply} {
		sub.Flags().StringSliceVar(&f.brokers, "brokers", nil, "host:port addresses of the cluster")
		sub.Flags().StringVar(&f.file, "config", "", "YAML file with a kafka section")
		sub.Flags().StringArrayVar(&f.set, "set", nil, "a setting, as kafka.sasl.username=x; may be repeated")
		sub.Flags().IntVar(&f.replication, "replication", 3, "how many brokers keep each partition; from 3 on, two brokers must have a message before the acknowledgement")
		sub.Flags().StringToStringVar(&f.retention, "retention", nil, "keep a topic's events for another time than the contract's, topic=duration")
		sub.Flags().BoolVar(&f.more, "more-partitions", false, "add partitions where there are fewer than the contract's; only while nothing lags")
	}
	apply.Flags().BoolVar(&f.dryRun, "dry-run", false, "the same as plan")
	c.AddCommand(plan, apply)
	return c
}

type topicsFlags struct {
	o *output
	h *home

	brokers, set []string
	file         string
	replication  int
	retention    map[string]string
	more, dryRun bool
}

// client connects to the cluster in the flags.
func (f *topicsFlags) client(cmd *cobra.Command) (*events.Client, error) {
	if len(f.brokers) == 0 && f.file == "" && len(f.set) == 0 {
		return f.h.log(cmd.Context())
	}
	cfg := struct {
		Kafka events.Config `mapstructure:"kafka"`
	}{events.Default()}
	if err := config.LoadPart(&cfg, f.file, f.set); err != nil {
		return nil, err
	}
	if len(f.brokers) > 0 {
		cfg.Kafka.Brokers = f.brokers
	}
	return events.New(cfg.Kafka, events.Deps{})
}

func (f *topicsFlags) layout() (events.Layout, error) {
	l := events.Layout{Replication: f.replication, Retention: map[events.Topic]time.Duration{}}
	for topic, text := range f.retention {
		d, err := time.ParseDuration(text)
		if text == "-1" {
			d, err = events.Forever, nil
		}
		if err != nil {
			return l, errkind.New(errkind.Invalid, "--retention %s=%s: want a duration as 168h, or -1 for ever", topic, text)
		}
		l.Retention[events.Topic(topic)] = d
	}
	return l, nil
}

func (f *topicsFlags) run(cmd *cobra.Command, apply bool) error {
	layout, err := f.layout()
	if err != nil {
		return err
	}
	client, err := f.client(cmd)
	if err != nil {
		return err
	}
	defer client.Close()
	plan, err := client.PlanTopics(cmd.Context(), layout)
	if err != nil {
		return err
	}
	if apply {
		if _, err := client.ApplyTopics(cmd.Context(), plan, f.more); err != nil {
			return err
		}
	}
	result := jsonTopicPlan{Brokers: plan.Brokers, Applied: apply, Changes: []jsonTopicChange{}}
	for _, m := range plan.Missing {
		result.Changes = append(result.Changes, jsonTopicChange{Topic: string(m.Topic), Does: "make", Partitions: m.Partitions, Replication: m.Replication, Settings: m.Settings})
	}
	for _, d := range plan.Drift {
		j := jsonTopicChange{Topic: string(d.Topic), Does: "change", Setting: d.Setting, Want: d.Want, Got: d.Got}
		if j.Why = d.Obstacle(f.more); j.Why != "" {
			j.Does = "leave"
		}
		result.Changes = append(result.Changes, j)
	}
	if f.o.json {
		return f.o.value(result)
	}
	return f.print(result)
}

func (f *topicsFlags) print(r jsonTopicPlan) error {
	if len(r.Changes) == 0 {
		f.o.printf("All topics are as their contracts say.\n")
		return nil
	}
	verb := map[string]string{"make": "would be made", "change": "would be changed", "leave": "differs"}
	if r.Applied {
		verb = map[string]string{"make": "made", "change": "changed", "leave": "differs still"}
	}
	w := f.o.table()
	fmt.Fprintln(w, "TOPIC\tWHAT\tSETTING\tFROM\tTO")
	reasons := map[string]bool{}
	for _, c := range r.Changes {
		if c.Does == "make" {
			var settings []string
			for _, k := range []string{"cleanup.policy", "retention.ms"} {
				settings = append(settings, k+"="+c.Settings[k])
			}
			fmt.Fprintf(w, "%s\t%s\t%d partitions of %d copies, %s\t\t\n", c.Topic, verb[c.Does], c.Partitions, c.Replication, strings.Join(settings, ", "))
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", c.Topic, verb[c.Does], c.Setting, c.Got, c.Want)
		if c.Why != "" && !reasons[c.Setting+": "+c.Why] {
			reasons[c.Setting+": "+c.Why] = true
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for reason := range reasons {
		f.o.note("%s.", reason)
	}
	return nil
}
