package cassandrastore

// A migration brings the tables from the version before to the version of the migration. Statements MUST be repeatable: a process may die
// between two statements.
type migration struct {
	// needs is the oldest version whose services can use the tables after the migration. During an upgrade, services of both versions run
	// side by side.
	needs int
	cql   []string
}

// Rows written once and deleted with their partition. See docs/adr/0030-cassandra-tables.md for the reasons for unified
// compaction and its tiered side.
const written = ` AND compaction = {'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'T4', 'tombstone_threshold': '0.1', 'unchecked_tombstone_compaction': 'true'}`

// Few rows that change in place and are read all the time: levelled, so a read meets a single file.
const changed = ` AND compaction = {'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'L4'}`

// migrations are the history of the tables. Add new migrations at the end only. %s is the keyspace.
var migrations = []migration{
	{needs: 1, cql: []string{
		`CREATE TABLE IF NOT EXISTS %s.assets (library text, shard smallint, id text, body blob, told boolean, revision uuid,
			PRIMARY KEY ((library, shard), id)) WITH comment = 'the library, changed by compare-and-set'` + changed,
		`CREATE TABLE IF NOT EXISTS %s.jobs (library text, shard smallint, id text, body blob, revision uuid,
			PRIMARY KEY ((library, shard), id)) WITH comment = 'operators work, changed by compare-and-set'` + changed,
		`CREATE TABLE IF NOT EXISTS %s.runs (library text, asset text, kind tinyint, name text, body blob, told boolean, deleted boolean, revision uuid,
			PRIMARY KEY ((library, asset), kind, name)) WITH comment = 'active runs by algorithm (kind 0) and records of runs (kind 1), changed by compare-and-set'` + changed,
		`CREATE TABLE IF NOT EXISTS %s.leases (library text, name text, epoch bigint, until bigint, holder text, revision uuid,
			PRIMARY KEY ((library, name))) WITH comment = 'changed by compare-and-set'` + changed,
		`CREATE TABLE IF NOT EXISTS %s.extents (library text, asset text, run text, part tinyint, bucket bigint, epoch bigint,
			PRIMARY KEY ((library, asset, run), part, bucket)) WITH comment = 'buckets that a run has items in, and the highest epoch that wrote there'` + written,
		`CREATE TABLE IF NOT EXISTS %s.annotations (library text, asset text, run text, bucket bigint, ordinal bigint, starts bigint, ends bigint, body blob,
			PRIMARY KEY ((library, asset, run, bucket), ordinal)) WITH comment = 'Annotation; timestamps lead with the epoch'` + written,
		`CREATE TABLE IF NOT EXISTS %s.embeddings (library text, asset text, run text, bucket bigint, ordinal bigint, starts bigint, ends bigint, body blob,
			PRIMARY KEY ((library, asset, run, bucket), ordinal)) WITH comment = 'Embedding; timestamps lead with the epoch'
			AND compression = {'class': 'LZ4Compressor', 'min_compress_ratio': '1.1'}` + written,
		`CREATE TABLE IF NOT EXISTS %s.markers (library text, asset text, run text, epoch bigint, part tinyint, first bigint, count bigint,
			PRIMARY KEY ((library, asset, run), epoch, part, first)) WITH comment = 'batches that are durable here and in the search engines'` + written,
		`CREATE TABLE IF NOT EXISTS %s.versions (library text, name text, changes counter, PRIMARY KEY ((library, name))) WITH comment = 'how often the library changed'` + changed,
	}},
	{needs: 1, cql: []string{
		`CREATE TABLE IF NOT EXISTS %s.partners (library text, role text, id text, revision uuid,
			PRIMARY KEY ((library, role))) WITH comment = 'the log and the search engine that the library belongs with, changed by compare-and-set'` + changed,
	}},
	{needs: 1, cql: []string{
		`CREATE TABLE IF NOT EXISTS %s.positions (library text, reader text, topic text, part int, next bigint,
			PRIMARY KEY ((library, reader), topic, part)) WITH comment = 'how far the log was read for the rows'` + changed,
	}},
	{needs: 1, cql: []string{
		`CREATE TABLE IF NOT EXISTS %s.changes (library text, bucket bigint, at timeuuid, asset text,
			PRIMARY KEY ((library, bucket), at, asset)) WITH comment = 'which assets changed, for some hours; a bucket is ten minutes'
			AND default_time_to_live = 21600 AND gc_grace_seconds = 10800
			AND compaction = {'class': 'TimeWindowCompactionStrategy', 'compaction_window_unit': 'HOURS', 'compaction_window_size': '1'}`,
		`ALTER TABLE %s.versions ADD IF NOT EXISTS told counter`,
		`CREATE TABLE IF NOT EXISTS %s.stretches (library text, asset text, run text, first bigint, bounds blob,
			PRIMARY KEY ((library, asset, run), first)) WITH comment = 'when the annotations of a run start, some at a time; timestamps lead with the epoch'` + written,
	}},
	{needs: 1, cql: []string{
		`CREATE TABLE IF NOT EXISTS %s.picks (library text, shard smallint, id text, body blob,
			PRIMARY KEY ((library, shard), id)) WITH comment = 'which moments people picked, by a keyed hash of the person'` + changed,
	}},
	{needs: 1, cql: []string{
		`CREATE TABLE IF NOT EXISTS %s.searches (library text, owner text, body blob, revision uuid,
			PRIMARY KEY ((library, owner))) WITH comment = 'the searches that a caller saved, changed by compare-and-set'` + changed,
	}},
	{needs: 1, cql: []string{
		`CREATE TABLE IF NOT EXISTS %s.bins (library text, id text, change bigint, body blob static, revision uuid static, made blob,
			PRIMARY KEY ((library, id), change)) WITH CLUSTERING ORDER BY (change DESC) AND comment = 'a bin, changed by compare-and-set, and the changes that made the bin'` + changed,
		`CREATE TABLE IF NOT EXISTS %s.bin_members (library text, member text, bin text,
			PRIMARY KEY ((library, member), bin)) WITH comment = 'the bins that a member may have; the bin decides'` + changed,
	}},
}

// The kinds of rows in runs, active runs first.
const (
	kindActive int8 = 0
	kindRecord int8 = 1
)
