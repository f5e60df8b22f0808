package configtest

// A rule says of a key which values are refused and which are taken.
type rule struct {
	refused []string
	taken   []string
	with    []string // settings that the key needs as well
	names   string   // the key that a refusal names, if different from this key
	why     string   // of a key of which everything is taken
}

// Values that are valid for no number and no time.
var (
	numbers  = []string{"-1", "9223372036854775807", "1.5", "many"}
	absurd   = []string{"-1s", "30", "1ns", "2562047h", "soon"} // a number without a unit is no time
	flags    = rule{refused: []string{"maybe"}, taken: []string{"true", "false"}}
	addressy = []string{"localhost", "127.0.0.1", "127.0.0.1:99999", "http://127.0.0.1:8080"}
)

func number(least, most string, refused ...string) rule {
	return rule{refused: append(refused, numbers...), taken: []string{least, most}}
}

func duration(least, most string, refused ...string) rule {
	return rule{refused: append(refused, absurd...), taken: []string{least, most}}
}

func oneOf(taken ...string) rule {
	return rule{refused: []string{"nonsense", "", "1"}, taken: taken}
}

func (r rule) beside(settings ...string) rule { r.with = settings; return r }
func (r rule) lacks(key string) rule          { r.names = key; return r }
func (r rule) except(values ...string) rule   { r.refused = values; return r }
func free(why string) rule                    { return rule{why: why} }

var (
	cassandra  = "store.engine=cassandra"
	openSearch = "search.engine=opensearch"
	tls        = []string{"kafka.tls.enabled=true"}
)

// rules has a row for each key of every program. A new key needs a row.
var rules = map[string]rule{
	"telemetry.log_level":     oneOf("debug", "info", "warn", "error"),
	"telemetry.log_format":    oneOf("text", "json"),
	"telemetry.admin_address": {refused: addressy, taken: []string{"", ":8081", "127.0.0.1:0"}},
	"telemetry.otlp_endpoint": {refused: []string{"localhost:4318", "collector", "ftp://a"}, taken: []string{"", "http://localhost:4318", "https://collector/v1/traces"}},

	"kafka.brokers":         {refused: []string{"", "x", "x:", ":9092", "x:0", "x:99999", "http://x:1", "a:1,b"}, taken: []string{"a:1,b:65535"}},
	"kafka.client_id":       free("a name for the brokers' logs"),
	"kafka.source":          {refused: []string{"", "%zz"}, taken: []string{"/cinedex", "urn:studio:1"}},
	"kafka.prefix":          {refused: []string{"a b", "a/b", "ü", "01234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"}, taken: []string{"", "team-a."}},
	"kafka.compression":     oneOf("none", "gzip", "snappy", "lz4", "zstd").except("nonsense", "1"),
	"kafka.in_flight_bytes": number("8388608", "1099511627776", "0", "5"),
	"kafka.publish_timeout": duration("100ms", "1h", "0"),
	"kafka.session_timeout": duration("6s", "5m", "0"),
	"kafka.tls.enabled":     flags,
	"kafka.tls.ca_file":     {refused: []string{"ca.pem"}, taken: []string{""}}, // of no use where TLS is not enabled
	"kafka.tls.cert_file":   rule{refused: []string{"a.pem"}, taken: []string{""}, with: tls}.lacks("kafka.tls.key_file"),
	"kafka.tls.key_file":    rule{refused: []string{"a.pem"}, taken: []string{""}, with: tls}.lacks("kafka.tls.cert_file"),
	"kafka.tls.server_name": {refused: []string{"kafka"}, taken: []string{""}},
	"kafka.sasl.mechanism":  {refused: []string{"md5", "PLAIN"}, taken: []string{"plain", "scram-sha-256", "scram-sha-512"}, with: []string{"kafka.sasl.username=a", "kafka.sasl.password=b"}},
	"kafka.sasl.username":   {refused: []string{""}, taken: []string{"a"}, with: []string{"kafka.sasl.mechanism=plain"}},
	"kafka.sasl.password":   rule{refused: []string{"b"}, taken: []string{""}}.lacks("kafka.sasl.mechanism"),

	"store.engine":                    oneOf("pebble", "cassandra"),
	"store.adopt":                     flags,
	"store.pebble.dir":                {refused: []string{""}, taken: []string{"folder"}},
	"store.pebble.min_free_bytes":     number("0", "1125899906842624"),
	"store.pebble.cache_bytes":        number("0", "1099511627776"),
	"store.cassandra.hosts":           rule{refused: []string{"", "a, ,b"}, taken: []string{"a,b:9042"}}.beside(cassandra),
	"store.cassandra.keyspace":        rule{refused: []string{"", "9x", "Films", "a-b"}, taken: []string{"films_9"}}.beside(cassandra),
	"store.cassandra.library":         free("a name within the keyspace"),
	"store.cassandra.datacenter":      free("a name that the cluster knows"),
	"store.cassandra.consistency":     oneOf("local_quorum", "quorum").beside(cassandra),
	"store.cassandra.username":        rule{refused: []string{"a"}, taken: []string{""}}.beside(cassandra).lacks("store.cassandra.password"),
	"store.cassandra.password":        rule{refused: []string{"b"}, taken: []string{""}}.beside(cassandra).lacks("store.cassandra.username"),
	"store.cassandra.tls.enabled":     flags.beside(cassandra),
	"store.cassandra.tls.ca_file":     rule{refused: []string{"ca.pem"}, taken: []string{""}}.beside(cassandra),
	"store.cassandra.tls.cert_file":   rule{refused: []string{"a.pem"}, taken: []string{""}}.beside(cassandra, "store.cassandra.tls.enabled=true").lacks("store.cassandra.tls.key_file"),
	"store.cassandra.tls.key_file":    rule{refused: []string{"a.pem"}, taken: []string{""}}.beside(cassandra, "store.cassandra.tls.enabled=true").lacks("store.cassandra.tls.cert_file"),
	"store.cassandra.tls.server_name": rule{refused: []string{"a"}, taken: []string{""}}.beside(cassandra),
	"store.cassandra.migrate":         flags.beside(cassandra),
	"store.cassandra.replication":     rule{refused: []string{"", "0", "-1", "many", "dc1:0", "1000"}, taken: []string{"3", "dc1:3,dc2:2"}}.beside(cassandra),
	"store.cassandra.timeout":         duration("1s", "1h", "0").beside(cassandra),
	"store.cassandra.max_clock_skew":  duration("1ms", "1m", "0").beside(cassandra),

	"search.engine":              oneOf("embedded", "opensearch"),
	"search.dir":                 {refused: []string{""}, taken: []string{"folder"}},
	"search.opensearch.urls":     rule{refused: []string{"", "127.0.0.1:9200", "https://a:b@host", "ftp://host"}, taken: []string{"http://a:9200,https://b"}}.beside(openSearch),
	"search.opensearch.username": rule{refused: []string{"a"}, taken: []string{""}}.beside(openSearch, "search.opensearch.urls=https://a").lacks("search.opensearch.password"),
	"search.opensearch.password": rule{refused: []string{"b"}, taken: []string{""}}.beside(openSearch, "search.opensearch.urls=https://a").lacks("search.opensearch.username"),
	"search.opensearch.ca_file":  rule{refused: []string{"ca.pem"}, taken: []string{""}}.beside(openSearch), // of no use to http
	"search.opensearch.prefix":   rule{refused: []string{"", "Cine", "a.b"}, taken: []string{"cinedex-2"}}.beside(openSearch),
	"search.opensearch.shards":   number("1", "1024", "0").beside(openSearch),
	"search.opensearch.replicas": number("0", "32").beside(openSearch),
	"search.opensearch.timeout":  duration("1s", "1h", "0").beside(openSearch),

	"media.max_bytes":     number("1024", "17592186044416", "0"),
	"media.max_frames":    number("1", "2147483648", "0"),
	"media.max_memory":    number("0", "70368744177664", "1024"),
	"media.probe_timeout": duration("100ms", "24h", "0"),
	"media.stall_timeout": duration("100ms", "24h", "0"),

	"blobs.bucket":        {refused: []string{"", "folder", "/folder", "nonsense://a"}, taken: []string{"mem://", "file:///folder", "s3://films?region=eu-west-1"}},
	"blobs.roots":         {refused: []string{"films", "./films"}, taken: []string{"/films,/more"}},
	"blobs.buckets":       {refused: []string{"films", "nonsense://a"}, taken: []string{"s3://films,file:///b"}},
	"blobs.hosts":         {refused: []string{"https://host", "host/path", "a b"}, taken: []string{"host,host:8443"}},
	"blobs.allow_private": flags,
	"blobs.cache_dir":     free("a folder; empty means one of the system's"),
	"blobs.cache_bytes":   number("0", "17592186044416"),
	"blobs.max_bytes":     number("1024", "17592186044416", "0"),

	"audit.file":      free("a file; empty means standard output"),
	"audit.max_bytes": number("1048576", "1099511627776", "0", "1024"),
	"audit.max_age":   duration("1m", "8784h", "0"),
	"audit.keep":      number("1", "100000", "0"),
	"audit.deny":      flags,

	"model_cache":             free("a folder; empty means the user's"),
	"gallery":                 {refused: []string{"no-such-folder"}, taken: []string{""}},
	"served_models":           {refused: []string{"no-such-folder"}, taken: []string{""}},
	"workers.folder":          free("a folder; empty means no workers on this machine"),
	"workers.addresses":       {refused: []string{"gpu", "gpu:", ":7000", "gpu.example.org:7000"}, taken: []string{"", "127.0.0.1:7000,localhost:7001"}},
	"workers.tls.enabled":     flags,
	"workers.tls.ca_file":     {refused: []string{"ca.pem"}, taken: []string{""}}, // of no use where TLS is not enabled
	"workers.tls.cert_file":   rule{refused: []string{"a.pem"}, taken: []string{""}}.beside("workers.tls.enabled=true").lacks("workers.tls.key_file"),
	"workers.tls.key_file":    rule{refused: []string{"a.pem"}, taken: []string{""}}.beside("workers.tls.enabled=true").lacks("workers.tls.cert_file"),
	"workers.tls.server_name": {refused: []string{"gpu"}, taken: []string{""}},
	"workers.shared":          free("a folder; empty means the fastest"),
	"workers.silence":         duration("1s", "720h", "0"),
	"workers.stall":           duration("1s", "720h", "0"),
	"workers.deadline":        duration("1s", "720h", "0"),
	"algorithms":              {refused: []string{"", "nonsense", "default,nonsense", "labels"}, taken: []string{"default", "suite,default", "shots,thumbnails"}},
	"address":                 {refused: append([]string{""}, addressy...), taken: []string{":8080", "127.0.0.1:0", "[::1]:8080"}},
	"origins":                 {refused: []string{"app.example.org", "https://app.example.org/", "*", "https://*.example.org", "ftp://a"}, taken: []string{"", "https://app.example.org,http://localhost:3000"}},
	"hosts":                   {refused: []string{"https://a", "a:8080", "a b"}, taken: []string{"cinedex.example.org,*"}},
	"proxies":                 {refused: []string{"proxy", "10.0.0.0/99"}, taken: []string{"10.1.2.3,10.0.0.0/8,fd00::/8"}},
	"oidc.issuer":             rule{refused: []string{"login.example.org", "ftp://login.example.org", "http://login.example.org"}, taken: []string{"", "https://login.example.org"}}.beside("oidc.audience=cinedex"),
	"oidc.audience":           free("the name of a client of the provider; it must be set beside oidc.issuer"),
	"oidc.name_claim":         rule{refused: []string{""}, taken: []string{"sub", "email"}}.beside("oidc.issuer=https://login.example.org", "oidc.audience=cinedex"),
	"oidc.page_url":           rule{refused: []string{"cinedex.example.org", "http://cinedex.example.org"}, taken: []string{"", "https://cinedex.example.org"}}.beside("oidc.issuer=https://login.example.org", "oidc.audience=cinedex"),
	"oidc.client_secret_file": free("a file that is read at the start"),
	"oidc.scopes":             rule{refused: []string{"email"}, taken: []string{"openid", "openid,email"}}.beside("oidc.issuer=https://login.example.org", "oidc.audience=cinedex", "oidc.page_url=https://cinedex.example.org"),
	"oidc.groups_claim":       rule{refused: []string{""}, taken: []string{"groups", "roles"}}.beside("oidc.issuer=https://login.example.org", "oidc.audience=cinedex"),
	"cedar.policies":          rule{refused: []string{"policies.cedar"}, taken: []string{""}},
	"cedar.entities":          rule{refused: []string{"entities.json"}, taken: []string{""}},
	"token_file":              free("a file; without it nobody is answered"),
	"size":                    oneOf("embedded", "production"),
	"replication":             number("1", "100", "0"),
	"broker.dir":              {refused: []string{""}, taken: []string{"folder"}},
	"broker.port":             number("0", "65535", "65536"),

	"ingest.max_event_bytes":           number("1024", "4194304", "0"),
	"ingest.workers":                   number("1", "1000", "0"),
	"ingest.limits.concurrent":         number("0", "1000000"),
	"ingest.limits.per_second":         {refused: []string{"-1", "NaN", "Inf", "many"}, taken: []string{"0", "0.5", "1e12"}},
	"ingest.limits.burst":              number("1", "1000000000000", "0"),
	"ingest.uploads.folder":            {refused: []string{"films"}, taken: []string{"", "/films/uploads"}},
	"ingest.uploads.max_bytes":         number("1024", "17592186044416", "0"),
	"ingest.uploads.unfinished":        number("1", "1000", "0"),
	"ingest.uploads.keep_for":          duration("1m", "10000h", "0"),
	"ingest.uploads.min_free_bytes":    number("0", "1125899906842624"),
	"runner.worker":                    free("a name; empty means the host's"),
	"runner.lease_ttl":                 duration("1s", "1h", "0"),
	"runner.films":                     number("1", "100", "0"),
	"runner.attempts":                  number("1", "1000", "0"),
	"indexing.batch":                   number("1", "10000", "0"),
	"indexing.backfill_rate":           {refused: []string{"-1", "NaN", "Inf", "many"}, taken: []string{"0", "0.5", "1e9"}},
	"operating.worker":                 free("a name; empty means the host's"),
	"operating.lease_ttl":              duration("3s", "1h", "0"),
	"operating.jobs":                   number("1", "100", "0"),
	"operating.batch.jobs":             number("1", "1000", "0"),
	"operating.batch.assets":           number("1", "1000000", "0"),
	"gateway.timeout":                  duration("1ms", "1h", "0"),
	"gateway.candidates":               number("200", "10000", "0"),
	"gateway.picture_memory":           number("50331648", "1099511627776", "0"),
	"gateway.searches":                 number("0", "100000"),
	"gateway.profiles":                 free("a folder: the service reads the folder when it starts, and refuses its start where the folder holds an invalid file"),
	"gateway.translate.libretranslate": {refused: []string{"localhost", "ftp://a"}, taken: []string{"", "https://translate.example.org"}},
	"gateway.translate.api_key":        rule{refused: []string{"b"}, taken: []string{""}}.lacks("gateway.translate.libretranslate"),
	"gateway.translate.apertium":       free("the path of the program apertium"),
	"gateway.translate.timeout":        duration("1ms", "1m", "0"),
	"gateway.recommend.log":            flags,
	"gateway.recommend.people":         number("2", "1000000", "0", "1"),
	"gateway.recommend.half_life":      duration("24h", "87600h", "0", "1h"),
	"gateway.recommend.keep":           duration("24h", "87600h", "0", "1h"),
	"gateway.recommend.most":           number("1000", "10000000", "0", "999"),
	"gateway.recommend.most_each":      number("10", "200000", "0", "200001"),
	"gateway.recommend.key_file":       free("a file: the service reads the file when it starts, and refuses its start where the file holds no secret"),
	"gateway.proxies.waiting":          number("0", "10000"),
	"gateway.proxies.role":             {refused: []string{"editor", "Batch"}, taken: []string{"", "batch", "operator"}},
	"gateway.limits.concurrent":        number("0", "1000000"),
	"gateway.limits.per_second":        {refused: []string{"-1", "NaN", "Inf", "many"}, taken: []string{"0", "0.5", "1e12"}},
	"gateway.limits.burst":             number("1", "1000000000000", "0"),
}
