#!/usr/bin/env bash
# cloudevents 10.0.0, JavaScript (npm), with Node's fetch.
#
# Expected: HTTP.binary percent-encodes attributes in ce- headers (HTTP binding 3.1.3.2: space, double quote, percent and every character outside
# printable ASCII MUST be encoded), so any subject can be sent. A null attribute is left out.
# Seen: the headers have the attributes without encoding. Node refuses to send a subject with a character beyond U+00FF; a null attribute is sent as the
# text "null".
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
cd "$dir"
npm install --silent --no-audit --no-fund --ignore-scripts cloudevents@10.0.0 >/dev/null
cat > main.mjs <<'JS'
import { CloudEvent, HTTP } from 'cloudevents';
const binary = (subject) => HTTP.binary(new CloudEvent({ type: 't', source: '/s', id: '1', subject, data: { a: 1 } })).headers;
const letters = binary('Euro €');
console.log('subject "Euro €" becomes the header', JSON.stringify(letters['ce-subject']));
let refused = '';
try {
  new Headers(letters);
} catch (e) {
  refused = e.message;
}
console.log('Node:', refused || 'sends it');
const nothing = new Headers(binary(null)).get('ce-subject');
console.log('a subject that is null is sent as', JSON.stringify(nothing));
if (letters['ce-subject'] !== 'Euro €' || !refused || nothing !== 'null') {
  console.log('the behaviour is another than stated');
  process.exit(1);
}
JS
node main.mjs
