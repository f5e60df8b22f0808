// Command dashboards writes deploy/dashboards/cinedex.json, a Grafana dashboard for operators, from the short
// description below. With -check the command fails if the committed dashboard is stale.
//
//	go -C tools run ./dashboards [-check]
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
)

const file = "../deploy/dashboards/cinedex.json"

// A panel is one graph: title, unit and lines.
type panel struct {
	title, unit, about string
	lines              []line
}

// A line is a query and the name of its series.
type line struct{ query, name string }

// A row is a part of the flow.
type row struct {
	title  string
	panels []panel
}

func quantiles(metric, by string) []line {
	var out []line
	for _, q := range []string{"0.5", "0.99"} {
		out = append(out, line{"histogram_quantile(" + q + ", sum by (le, " + by + ") (rate(" + metric + "_bucket[$__rate_interval])))", "p" + q[2:] + " {{" + by + "}}"})
	}
	return out
}

func rate(metric, by, name string) []line {
	return []line{{"sum by (" + by + ") (rate(" + metric + "[$__rate_interval]))", name}}
}

// rows is the dashboard: each hop tells how many, how long, how late, and how many errors of each kind.
var rows = []row{
	{"Search", []panel{
		{"Searches", "reqps", "By outcome.", rate("cinedex_query_seconds_count", "result", "{{result}}")},
		{"Time of an answer", "s", "", quantiles("cinedex_query_seconds", "result")},
		{"Time of its parts", "s", "Encoding included.", quantiles("cinedex_query_part_seconds", "part")},
		{"Parts that failed or were late", "reqps", "", rate("cinedex_query_part_errors_total", "part, kind", "{{part}} {{kind}}")},
	}},
	{"Lag", []panel{
		{"How late each hop is", "s", "Age of the oldest event of the batch last taken up.", []line{{"max by (group, topic) (cinedex_events_lag_seconds)", "{{group}} {{topic}}"}}},
		{"Events handled", "cps", "", rate("cinedex_events_handled_total", "group, topic, result", "{{group}} {{topic}} {{result}}")},
		{"Time of a batch", "s", "", quantiles("cinedex_events_handle_seconds", "group")},
		{"Tried again, put aside, lost", "cps", "", []line{
			{"sum by (group, kind) (rate(cinedex_events_retries_total[$__rate_interval]))", "again {{group}} {{kind}}"},
			{"sum by (group, kind) (rate(cinedex_events_dead_letters_total[$__rate_interval]))", "aside {{group}} {{kind}}"},
			{"sum by (group) (rate(cinedex_events_lost_total[$__rate_interval]))", "lost {{group}}"},
		}},
	}},
	{"Log", []panel{
		{"Published", "Bps", "", rate("cinedex_events_published_bytes_total", "topic", "{{topic}}")},
		{"Until acknowledged", "s", "By all replicas.", quantiles("cinedex_events_publish_seconds", "topic")},
		{"In flight", "bytes", "Bounded: publishing waits beyond it.", []line{{"sum by (pod) (cinedex_events_in_flight_bytes)", "{{pod}}"}}},
		{"Groups assigned anew", "cps", "", rate("cinedex_events_rebalances_total", "group", "{{group}}")},
	}},
	{"Arrival", []panel{
		{"Media", "cps", "By outcome.", rate("cinedex_media_arrived_total", "result", "{{result}}")},
		{"Requests with events", "reqps", "By status.", rate("cinedex_ingest_requests_total", "status", "{{status}}")},
		{"From event to asset", "s", "", []line{{"histogram_quantile(0.99, sum by (le) (rate(cinedex_media_arrive_seconds_bucket[$__rate_interval])))", "p99"}}},
	}},
	{"Algorithms", []panel{
		{"Runs", "cps", "By algorithm and end.", rate("cinedex_runs_total", "algorithm, state", "{{algorithm}} {{state}}")},
		{"Time of a run", "s", "", quantiles("cinedex_run_seconds", "algorithm")},
		{"From request to execution", "s", "", []line{{"histogram_quantile(0.99, sum by (le) (rate(cinedex_runs_late_seconds_bucket[$__rate_interval])))", "p99"}}},
		{"Frames decoded", "cps", "", []line{{"sum(rate(cinedex_frames_decoded_total[$__rate_interval]))", "frames"}, {"sum(cinedex_films_decoding)", "films at a time"}}},
		{"Errors", "cps", "", rate("cinedex_run_errors_total", "algorithm, kind", "{{algorithm}} {{kind}}")},
	}},
	{"Indexing", []panel{
		{"Items", "cps", "Annotations and embeddings made durable and findable.", rate("cinedex_indexed_items_total", "part", "{{part}}")},
		{"Switches", "cps", "", rate("cinedex_runs_activated_total", "algorithm", "{{algorithm}}")},
		{"From a run's finish to its being seen", "s", "", []line{{"histogram_quantile(0.99, sum by (le) (rate(cinedex_run_visible_seconds_bucket[$__rate_interval])))", "p99"}}},
		{"Refused: lease lost", "cps", "", rate("cinedex_indexer_refused_batches_total", "topic", "{{topic}}")},
	}},
	{"Processes", []panel{
		{"Memory", "bytes", "", []line{{"process_resident_memory_bytes{job=~\"cinedex.*\"}", "{{instance}}"}}},
		{"Processors", "short", "", []line{{"rate(process_cpu_seconds_total{job=~\"cinedex.*\"}[$__rate_interval])", "{{instance}}"}}},
		{"Goroutines", "short", "", []line{{"go_goroutines{job=~\"cinedex.*\"}", "{{instance}}"}}},
	}},
}

type object = map[string]any

func dashboard() object {
	var panels []object
	id, y := 1, 0
	for _, r := range rows {
		panels = append(panels, object{"id": id, "type": "row", "title": r.title, "collapsed": false, "gridPos": object{"x": 0, "y": y, "w": 24, "h": 1}, "panels": []any{}})
		id++
		y++
		for i, p := range r.panels {
			var targets []object
			for n, l := range p.lines {
				targets = append(targets, object{"refId": string(rune('A' + n)), "expr": l.query, "legendFormat": l.name})
			}
			panels = append(panels, object{
				"id": id, "type": "timeseries", "title": p.title, "description": p.about,
				"datasource":  object{"type": "prometheus", "uid": "${source}"},
				"fieldConfig": object{"defaults": object{"unit": p.unit, "min": 0, "custom": object{"fillOpacity": 8, "showPoints": "never"}}, "overrides": []any{}},
				"options":     object{"legend": object{"displayMode": "table", "placement": "bottom", "calcs": []string{"lastNotNull", "max"}}, "tooltip": object{"mode": "multi", "sort": "desc"}},
				"targets":     targets,
				"gridPos":     object{"x": i % 3 * 8, "y": y + i/3*8, "w": 8, "h": 8},
			})
			id++
		}
		y += (len(r.panels) + 2) / 3 * 8
	}
	return object{
		"uid": "cinedex", "title": "Cinedex", "tags": []string{"cinedex"}, "timezone": "browser", "schemaVersion": 39, "editable": false,
		"refresh": "30s", "time": object{"from": "now-3h", "to": "now"},
		"templating": object{"list": []object{{"name": "source", "type": "datasource", "query": "prometheus", "label": "Data source"}}},
		"panels":     panels,
	}
}

func main() {
	check := flag.Bool("check", false, "write nothing; fail if the committed dashboard differs from the generated dashboard")
	flag.Parse()
	if err := write(*check); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(check bool) error {
	b, err := json.MarshalIndent(dashboard(), "", "  ")
	if err != nil {
		return err
	}
	b = append(b, '\n')
	if !check {
		return os.WriteFile(file, b, 0o644)
	}
	committed, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	if !bytes.Equal(committed, b) {
		return fmt.Errorf("%s is stale: run go -C tools run ./dashboards", file)
	}
	return nil
}
