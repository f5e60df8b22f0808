// The CloudEvents SDK for JavaScript, over HTTP.
import { createRequire } from 'node:module';
const where = JSON.parse(process.env.CELLS);
const { CloudEvent, HTTP } = createRequire(process.env.PACKAGES + '/')('cloudevents');

const data = (cell) => ({ title: { id: 'clients' }, url: 'file:///nowhere/' + cell + '.mp4' });
const event = (cell, more = {}) => new CloudEvent({ type: 'cinedex.media.arrived.v1', source: '/javascript', id: cell, data: data(cell), ...more });
const tell = (what) => console.log(JSON.stringify(what));

async function post(cell, message, change = (h) => h) {
  const headers = change({ ...message.headers, authorization: 'Bearer ' + where.token });
  const response = await fetch(where.url, { method: 'POST', headers, body: message.body });
  tell({ cell, status: response.status, body: await response.text() });
}

const schema = { dataschema: 'https://studio.example/arrived.json', studio: 'north', season: 3, final: true };
await post('structured', HTTP.structured(event('structured')));
await post('binary', HTTP.binary(event('binary')));
await post('structured +json', HTTP.structured(event('structured +json', { ...schema, datacontenttype: 'application/vnd.studio+json' })));
await post('binary +json', HTTP.binary(event('binary +json', { ...schema, datacontenttype: 'application/vnd.studio+json' })));
// The SDK leaves the percent-encoding of headers to its caller.
await post('binary, letters', HTTP.binary(event('binary, letters', { subject: 'Löwe € 😀' })), (h) => ({ ...h, 'ce-subject': encodeURIComponent(h['ce-subject']) }));
await post('structured, letters', HTTP.structured(event('structured, letters', { subject: 'Löwe € 😀' })));
await post('structured, bytes', HTTP.structured(event('structured, bytes', { datacontenttype: 'application/json', data: Buffer.from(JSON.stringify(data('structured, bytes'))) })));
await post('structured, null', HTTP.structured(event('structured, null', { subject: null, dataschema: null })));
await post('structured 0.3', HTTP.structured(event('structured 0.3', { specversion: '0.3', schemaurl: schema.dataschema })));
const batch = ['batch, first', 'batch, second'].map((cell) => JSON.parse(event(cell).toString()));
await post('batch', { headers: { 'content-type': 'application/cloudevents-batch+json' }, body: JSON.stringify(batch) });
const half = [JSON.parse(event('half a batch').toString()), { ...JSON.parse(event('x').toString()), type: 'com.example.javascript' }];
await post('half a batch', { headers: { 'content-type': 'application/cloudevents-batch+json' }, body: JSON.stringify(half) });
await post('another type', HTTP.binary(event('another type', { type: 'com.example.javascript' })));
await post('no token', HTTP.structured(event('no token')), ({ authorization, ...h }) => h);
await post('XML', { headers: { 'content-type': 'application/cloudevents+xml' }, body: '<event/>' });
