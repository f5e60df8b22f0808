package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/cinedex/cinedex/config"
	"github.com/cinedex/cinedex/pkg/errkind"
)

type kafka struct {
	Brokers []string      `mapstructure:"brokers"`
	Wait    time.Duration `mapstructure:"wait"`
	Retries int           `mapstructure:"retries"`
}

func (k kafka) Validate() error {
	if len(k.Brokers) == 0 {
		return errkind.New(errkind.Invalid, "brokers: none given")
	}
	return nil
}

type cfg struct {
	Address string `mapstructure:"address"`
	Kafka   kafka  `mapstructure:"kafka"`
}

func (c cfg) Validate() error {
	if c.Address == "" {
		return errkind.New(errkind.Invalid, "address: must be set")
	}
	return nil
}

func defaults() cfg {
	return cfg{Address: ":1", Kafka: kafka{Brokers: []string{"a:1"}, Wait: time.Second}}
}

func write(t *testing.T, yaml string) string {
	p := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(p, []byte(yaml), 0o600); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestLayers(t *testing.T) {
	file := write(t, "address: ':2'\nkafka: {brokers: [b:1, c:1], wait: 3s}\n")
	t.Setenv("CINEDEX_KAFKA_WAIT", "5s")
	got := defaults()
	if err := config.Load(&got, file, []string{"address=:9"}); err != nil {
		t.Fatal(err)
	}
	want := cfg{Address: ":9", Kafka: kafka{Brokers: []string{"b:1", "c:1"}, Wait: 5 * time.Second}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// A key without a line in any file can be set from the environment.
func TestEnvironmentAlone(t *testing.T) {
	t.Setenv("CINEDEX_KAFKA_BROKERS", "x:1,y:2")
	got := defaults()
	if err := config.Load(&got, "", nil); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff([]string{"x:1", "y:2"}, got.Kafka.Brokers); d != "" {
		t.Error(d)
	}
}

func TestRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		yaml, env string
		set       []string
		want      string
	}{
		"unknown key in file":    {yaml: "kafka: {broker: a}", want: "kafka.broker"},
		"unknown key in set":     {set: []string{"adress=x"}, want: "adress"},
		"unknown in environment": {env: "CINEDEX_KAFKA_WIAT", want: "CINEDEX_KAFKA_WIAT"},
		"not a duration":         {yaml: "kafka: {wait: soon}", want: "wait"},
		"not yaml":               {yaml: "{", want: "reading configuration"},
		"validated":              {yaml: "address: ''", want: "address: must be set"},
		"set without value":      {set: []string{"address"}, want: "want key=value"},
		"a letter is missing":    {set: []string{"adress=x"}, want: "adress (did you mean address?)"},
		"another section":        {yaml: "kafka: {adress: a}", want: "kafka.adress (did you mean address?)"},
		"no section":             {set: []string{"brokers=a"}, want: "brokers (did you mean kafka.brokers?)"},
		"a variable's letter":    {env: "CINEDEX_KAFKA_WIAT", want: "CINEDEX_KAFKA_WIAT (did you mean CINEDEX_KAFKA_WAIT?)"},
		"near nothing":           {set: []string{"retention_of_titles=1"}, want: "retention_of_titles; known keys: address, kafka.brokers"},
		"a time without a unit":  {yaml: "kafka: {wait: 30}", want: "30 is no time: give a unit, as in 30s"},
		"a text without a unit":  {set: []string{"kafka.wait=30"}, want: "kafka.wait"},
		"half a broker":          {yaml: "kafka: {retries: 2.5}", want: "2.5 is no whole number"},
		"a section's own":        {yaml: "kafka: {brokers: []}", want: "checking configuration: kafka.brokers: none given"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.env != "" {
				t.Setenv(c.env, "1")
			}
			file := ""
			if c.yaml != "" {
				file = write(t, c.yaml)
			}
			got := defaults()
			err := config.Load(&got, file, c.set)
			if !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want Invalid with %q", err, c.want)
			}
		})
	}
}

// pebble and cassandra are the stores that a program links: each has a section of its own.
type pebble struct {
	Dir   string `mapstructure:"dir"`
	Cache int    `mapstructure:"cache"`
}

type cassandra struct {
	Hosts []string      `mapstructure:"hosts"`
	Wait  time.Duration `mapstructure:"wait"`
}

type chosen struct {
	Store struct {
		Engine string          `mapstructure:"engine"`
		Chosen config.Sections `mapstructure:"-"`
	} `mapstructure:"store"`
}

func (chosen) Elsewhere() []string { return []string{"search", "store.memory"} }

// Chosen sections are read like the program's own fields: from the file, the environment and the command line, with
// whole keys in errors.
func TestSections(t *testing.T) {
	load := func(file string, set ...string) (pebble, cassandra, error) {
		p, c := pebble{Dir: "a", Cache: 1}, cassandra{Hosts: []string{"x"}, Wait: time.Second}
		var all chosen
		all.Store.Chosen = config.Sections{{Into: &p}, {Key: "cassandra", Into: &c}}
		err := config.Load(&all, file, set)
		return p, c, err
	}
	t.Setenv("CINEDEX_STORE_CASSANDRA_HOSTS", "b,c")
	t.Setenv("CINEDEX_SEARCH_DIR", "of another program")
	p, c, err := load(write(t, "store: {engine: x, dir: b, memory: {bytes: 3}, cassandra: {wait: 3s}}\nsearch: {engine: y}\n"), "store.cache=7")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(pebble{"b", 7}, p); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(cassandra{[]string{"b", "c"}, 3 * time.Second}, c); d != "" {
		t.Error(d)
	}
	for set, want := range map[string]string{
		"store.cassandra.wait=30": "'store.cassandra.wait'", "store.cassandra.host=a": "store.cassandra.host (did you mean store.cassandra.hosts?)",
		"store.cache=many": "'store.cache'", "search.engine=x": "search.engine", "store.memory.bytes=1": "store.memory.bytes",
	} {
		if _, _, err := load("", set); !errkind.Is(err, errkind.Invalid) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want Invalid with %q", set, err, want)
		}
	}
	if _, _, err := load(write(t, "searching: {engine: y}")); !errkind.Is(err, errkind.Invalid) {
		t.Errorf("a section that no program has: %v", err)
	}
}
