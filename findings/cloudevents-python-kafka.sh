#!/usr/bin/env bash
# cloudevents 1.12.1, Python (PyPI), read by cloudevents 10.0.0, JavaScript (npm).
#
# Expected: cloudevents.kafka.to_structured writes the header content-type: application/cloudevents+json. Readers recognise structured mode by this
# header (Kafka binding 3.3.1).
# Seen: the header has the content type of the data, and is absent if the data has none. The JavaScript SDK finds no CloudEvent in either record.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target one cloudevents==1.12.1
npm install --silent --no-audit --no-fund --ignore-scripts cloudevents@10.0.0 >/dev/null
PYTHONPATH=one python3 - > record.json <<'PY'
import json
from cloudevents.http import CloudEvent
from cloudevents.kafka import to_structured
for attributes in ({"datacontenttype": "application/json"}, {}):
    m = to_structured(CloudEvent({"type": "t", "source": "/s", "id": "1", **attributes}, {"a": 1}))
    print(json.dumps({"headers": {k: v.decode() for k, v in m.headers.items()}, "value": m.value.decode()}))
PY
cat record.json
cat > main.mjs <<'JS'
import { readFileSync } from 'node:fs';
import { Kafka } from 'cloudevents';
const records = readFileSync('record.json', 'utf8').trim().split('\n').map((line) => JSON.parse(line));
const headers = JSON.stringify(records.map((r) => r.headers));
const found = records.map((r) => Boolean(Kafka.isEvent(r)));
console.log('headers', headers, 'is an event for the JavaScript SDK:', found);
if (headers !== '[{"content-type":"application/json"},{}]' || found.some(Boolean)) {
  console.log('the behaviour is another than stated');
  process.exit(1);
}
JS
node main.mjs
