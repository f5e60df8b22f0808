'use strict';
// The editors' first page: a box, ways to ask, a grid of moments, a player that
// opens at the frame. It asks the same JSON API as any application.

const $ = id => document.getElementById(id);
const el = (tag, props = {}, ...kids) => {
  const e = Object.assign(document.createElement(tag), props);
  e.append(...kids.filter(k => k != null));
  return e;
};

async function call(method, body, signal, service = 'SearchService') {
  const r = await fetch(`/cinedex.v1.${service}/${method}`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body), signal,
  });
  const j = await r.json().catch(() => ({}));
  if (r.status === 401) { remember(); location.reload(); } // the address keeps the question through signing in
  if (!r.ok) throw Object.assign(new Error(j.message || `the service answered ${r.status}`), { status: r.status });
  return j;
}

// away tells an answer of the service from no answer at all: none from the network, or that of a proxy before a service that is gone.
const away = e => e instanceof TypeError || [502, 503, 504].includes(e.status);

const state = { picture: null, like: null, cursor: '', hits: [], current: -1, asked: null };
// The ways to ask come with the page, from the catalogue: leaves of words and a picture's leaf, each with its name in data-leaf, and the query language.
const ways = [...document.querySelectorAll('input[name=way]')];
const chosen = () => ways.find(w => w.checked) || ways[0];
const way = () => chosen().value;

// request says what is asked now, or null for nothing.
function request() {
  const filter = {};
  if ($('title').value) filter.titles = [$('title').value];
  if ($('lang').value) filter.languages = [$('lang').value];
  // The browser's languages are the person's: lines come in the first that the film says them in.
  const shape = { filter, limit: 24, languages: tongues, group: $('group').checked ? 'title' : '' };
  const leaf = l => ({ query: { leaf: l }, ...shape });
  if (state.like) return leaf(state.like);
  const text = $('box').value.trim();
  switch (way()) {
    case 'picture': return state.picture && leaf({ kind: chosen().dataset.leaf, image: state.picture });
    case 'query': return text && { q: text, ...shape };
    default: return text && leaf({ kind: chosen().dataset.leaf, text });
  }
}

const tongues = [...new Set(navigator.languages || [])].filter(l => /^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$/.test(l)).slice(0, 16);

let running = null, timer = 0, wait = 0;
async function search({ more = false } = {}) {
  const req = request();
  running?.abort();
  clearTimeout(timer);
  timer = 0;
  if (!more) also();
  if (!req) { render([], false); say(''); told({}); busy(false); return; }
  busy(true);
  if (more) req.cursor = state.cursor;
  running = new AbortController();
  const { signal } = running;
  const began = performance.now();
  try {
    const a = await call('Search', req, signal);
    if (signal.aborted) return;
    wait = 0;
    state.cursor = a.cursor || '';
    for (const [i, of] of (a.groups || []).entries()) if (a.hits?.[i]) a.hits[i].group = of;
    for (const h of a.hits || []) { h.search = a.search; h.query = a.query; } // for picked and judge
    render(a.hits || [], more);
    told(a);
    if (!more && a.search) also(a.query);
    const n = state.hits.length;
    const ms = Math.round(performance.now() - began);
    const what = req.group ? 'title' : 'moment';
    let line = n ? `${n}${state.cursor ? '+' : ''} ${what}${n === 1 ? '' : 's'} in ${ms} ms` : 'Nothing found';
    if (a.noGoodMatch) line = n ? `No good match; the nearest ${n} in ${ms} ms` : 'No good match';
    if ($('lang').value && seenOnly()) line += '. The language filter does nothing here: what is seen is in no language';
    if (a.partial?.length) line += ` (without ${a.partial.map(p => `${p.part}: ${p.error}`).join('; ')})`;
    say(line, !!a.partial?.length);
  } catch (e) {
    if (e.name === 'AbortError') return;
    if (away(e)) { // the hits of before stay, and the question is asked again
      wait = Math.min((wait || 500) * 2, 15000);
      say(`The server does not answer; trying again${state.hits.length ? '. What is shown is from before' : ''}`, true);
      timer = setTimeout(() => search({ more }), wait);
    } else {
      if (!more) render([], false);
      say(e.message, true);
    }
  }
  remember();
  if (!timer) busy(false);
}

// seenOnly says whether the question is of pictures alone, which are in no language.
const seenOnly = () => !!state.like || chosen().dataset.language !== 'true';

// busy says, to those who listen to the page as well, whether the hits are not yet those of what is typed.
function busy(is) { $('hits').ariaBusy = String(is); }

function say(text, bad = false) { $('status').textContent = text; $('status').classList.toggle('bad', bad); }

// told tells of the words that were asked in another way than they were written, and offers other spellings.
function told(a) {
  const lines = new Set();
  for (const r of a.ran || []) {
    if (r.way === 'spelling') lines.add(`Nothing says “${r.text}”; shown: “${r.asked}”`);
    else if (r.way === 'prefix') lines.add(`Nothing says “${r.text}”; shown: words that begin so`);
    else if (r.way === 'fuzzy') lines.add(`Nothing says “${r.text}”; shown: words that are spelt nearly so`);
    else if (r.translator) lines.add(`“${r.text}” was asked as “${r.asked}”, translated by ${r.translator}`);
  }
  const spelt = (a.ran || []).some(r => r.way === 'spelling');
  const others = spelt ? [] : (a.didYouMean || []).map(q => {
    const b = el('button', { type: 'button', textContent: q });
    b.addEventListener('click', () => { ask(q); });
    return b;
  });
  $('told').replaceChildren([...lines].join('. '), ...(others.length ? [' Did you mean ', ...others, '?'] : []));
}

// also shows what other people searched who searched the same, once the question has rested for a moment.
let resting = 0, recommending = null;
function also(query) {
  clearTimeout(resting);
  recommending?.abort();
  $('also').hidden = true;
  if (!query) return;
  resting = setTimeout(async () => {
    recommending = new AbortController();
    const { signal } = recommending;
    try {
      const r = await call('Recommend', { q: query, limit: 4 }, signal, 'RecommendService');
      const lines = [...new Set([...r.also || [], ...r.like || []])].slice(0, 5);
      if (signal.aborted || !lines.length) return;
      $('also').replaceChildren('Also searched', ...lines.map(l => el('button', { type: 'button', onclick: () => { ask(l); } }, l)));
      $('also').hidden = false;
    } catch { /* the answer is whole without it */ }
  }, 600);
}

// picked says that a hit was opened. Nobody waits for it.
function picked(h) {
  if (h.search) call('Picked', { search: h.search, moments: [{ asset: h.asset, start: h.start, end: h.end }] }, undefined, 'RecommendService').catch(() => {});
}

// judge keeps whether a hit is right, for `cinedex judgements`. The verdict of before is taken back by the same button.
async function judge(h, verdict) {
  const next = h.verdict === verdict ? '' : verdict;
  try {
    await call('Judge', { judgement: { q: h.query, asset: h.asset, start: h.start || '0', end: h.end, verdict: next || 'VERDICT_UNSPECIFIED' } }, undefined, 'JudgementService');
    h.verdict = next;
    if (playing === h) for (const b of document.querySelectorAll('#detail [data-verdict]')) b.setAttribute('aria-pressed', String(b.dataset.verdict === next));
  } catch (e) { say(e.message); }
}

// verdict makes a button that judges a hit.
function verdict(h, value, label, hint) {
  const b = el('button', { type: 'button', onclick: () => judge(h, value), title: hint }, label);
  b.dataset.verdict = value;
  b.setAttribute('aria-pressed', String(h.verdict === value));
  return b;
}

// ask asks a line of the query language in the place of the words or the frame before.
function ask(q) {
  state.like = null;
  const line = ways.find(w => w.value === 'query');
  if (line) line.checked = true;
  $('box').value = q;
  search();
}

// remember keeps the question in the address, so that it can be sent to a colleague. A question whose answer was looked into stays in the
// browser's history: Back leads to it.
let settled = false;
function remember() {
  const p = new URLSearchParams();
  if ($('box').value.trim() && way() !== 'picture') { p.set('q', $('box').value.trim()); p.set('way', way()); }
  if ($('title').value) p.set('title', $('title').value);
  if ($('lang').value) p.set('lang', $('lang').value);
  if ($('group').checked) p.set('group', 'title');
  const url = p.size ? `?${p}` : '/';
  if (url === (location.search || '/')) return;
  history[settled ? 'pushState' : 'replaceState'](null, '', url);
  settled = false;
}

// recall takes the question out of the address.
function recall() {
  const p = new URLSearchParams(location.search);
  const way = ways.find(w => w.value === p.get('way')) || (p.get('way') ? null : ways[0]);
  if (way) way.checked = true;
  showWay();
  $('box').value = p.get('q') || '';
  $('title').value = p.get('title') || '';
  $('lang').value = p.get('lang') || '';
  $('group').checked = p.get('group') === 'title';
}
addEventListener('popstate', () => { state.like = null; $('player').close(); recall(); search(); });

const bytes = new TextEncoder(), chars = new TextDecoder();
// said makes the lines of a hit: the first, and beneath the line that matched where that is another.
function said(hit) {
  const lines = hit.lines?.length ? hit.lines : hit.text ? [hit] : [];
  return lines.map((l, i) => el('p', { className: i ? 'said beneath' : 'said', lang: l.language || '', dir: 'auto' },
    l.language ? el('span', { className: 'lang' }, l.language) : null, ...marked(l)));
}

// ofGroup tells how many moments of the hit's title there are.
function ofGroup(hit) {
  const { matches = {}, near = 0 } = hit.group, n = Number(matches.count || 0);
  return n ? `${matches.exact ? '' : 'at least '}${n} match${n === 1 ? '' : 'es'} in this title` : `${near} near in this title`;
}

// openGroup shows all moments of one title.
function openGroup(title) {
  $('group').checked = false;
  $('title').value = title;
  $('player').close();
  search();
}

// marked makes the text with the words found marked; ranges are in bytes of UTF-8.
function marked(hit) {
  const b = bytes.encode(hit.text || ''), out = [];
  let at = 0;
  for (const { start = 0, end = 0 } of hit.marks || []) {
    out.push(chars.decode(b.slice(at, start)), el('mark', {}, chars.decode(b.slice(start, end))));
    at = end;
  }
  out.push(chars.decode(b.slice(at)));
  return out;
}

// why tells each algorithm's evidence once, shortly.
function why(hit) {
  const seen = new Map();
  for (const e of hit.evidence || []) {
    const name = e.label ? `label: ${e.label}` : `${e.algorithm} · ${e.by}${e.language ? ' ' + e.language : ''}`;
    if (!seen.has(name)) seen.set(name, e);
  }
  return [...seen].map(([name, e]) => ({ name, e }));
}

function render(hits, more) {
  state.hits = more ? state.hits.concat(hits) : hits;
  if (!more) { $('hits').replaceChildren(); state.current = -1; }
  const base = state.hits.length - hits.length;
  $('hits').append(...hits.map((h, i) => card(h, base + i)));
  $('more').hidden = !state.cursor || !state.hits.length;
}

function card(h, i) {
  const still = el('img', { className: 'still', alt: '', loading: 'lazy' });
  if (h.thumbnail) still.src = h.thumbnail;
  const b = el('button', { className: 'hit', type: 'button' },
    still,
    el('div', { className: 'body' },
      el('div', { className: 'where' }, el('span', {}, h.titleName || h.title), el('b', {}, h.startTimecode || '')),
      ...said(h),
      h.group ? el('div', { className: 'of' }, ofGroup(h)) : null,
      el('div', { className: 'why' }, ...why(h).slice(0, 3).map(({ name, e }) =>
        el('span', { title: `rank ${e.rank}, score ${e.score?.toFixed(3)}, run ${e.run}` }, name)))));
  b.addEventListener('click', () => play(i));
  b.addEventListener('focus', () => { state.current = i; });
  return b;
}

// ---- the player

// late is where the first frame lies on the clock of the media, in seconds: pictures may begin after the sound.
let playing = null, rate = null, late = 0;
async function play(i) {
  settled = true;
  const h = state.hits[i];
  picked(h);
  playing = h; rate = null; late = 0;
  const v = $('video');
  const src = h.media;
  // The middle of the first frame: a time at its very edge may show the one before.
  const start = Number(h.startMs || 0), frames = Number(h.endFrame || 0) - Number(h.startFrame || 0);
  const half = frames > 0 ? (Number(h.endMs || 0) - start) / frames / 2 : 10;
  const at = () => { v.currentTime = late + (start + half) / 1000; };
  v.pause();
  detail(h);
  $('lanes').replaceChildren();
  $('lanes').hidden = false; // the room of the lanes is kept from the start, so that no button moves when the lanes come
  if (!$('player').open) $('player').showModal();
  let video = null;
  try { video = (await call('GetAsset', { asset: h.asset })).asset.video; } catch { /* the film plays without it; frame steps wait for it */ }
  if (playing !== h) return;
  playing.video = video;
  rate = video ? video.rate.num / video.rate.den : null;
  late = Number(video?.start || 0) / flicks;
  if (v.getAttribute('src') !== src) { v.src = src; v.addEventListener('loadedmetadata', at, { once: true }); } else at();
  v.play().catch(() => {});
  requestAnimationFrame(tick);
  drawLanes(h);
}

function detail(h) {
  const facts = [['In', h.startTimecode], ['Out', h.endTimecode], ['Frames', `${h.startFrame || 0} to ${h.endFrame || 0}`],
    ['Confidence', h.confidence ? h.confidence.toFixed(2) : '–'], ['Score', h.score?.toFixed(4)]];
  if (h.likeness) facts.push(['Likeness', h.likeness === 'same' ? 'the same shot' : 'a similar shot']);
  $('detail').replaceChildren(
    el('h2', {}, h.titleName || h.title),
    el('div', { className: 'now', id: 'now' }, h.startTimecode || ''),
    ...said(h),
    el('div', { className: 'tools' },
      el('button', { type: 'button', onclick: () => likeThis(), title: 'Shots like the frame that is showing (l)' }, 'Shots like this'),
      h.group ? el('button', { type: 'button', onclick: () => openGroup(h.title) }, 'All of this title') : null,
      ...h.query ? [verdict(h, 'VERDICT_RIGHT', 'Right', 'This moment is a right answer'), verdict(h, 'VERDICT_WRONG', 'Wrong', 'This moment is a wrong answer')] : [],
      el('button', { type: 'button', onclick: copy, title: 'Copy the timecode (c)' }, 'Copy timecode'),
      el('button', { type: 'button', onclick: () => $('player').close(), title: 'Esc' }, 'Close')),
    el('dl', {}, ...facts.flatMap(([k, v]) => [el('dt', {}, k), el('dd', {}, v ?? '')])),
    el('strong', {}, 'Evidence'),
    el('ul', {}, ...why(h).map(({ name, e }) => el('li', {}, `${name}, rank ${e.rank}`, e.text && e.text !== h.text ? `: “${e.text}”` : ''))),
    h.credit ? el('small', {}, h.credit) : '');
}

const flicks = 705600000; // in a second

// ---- lanes: the annotations around a hit, a lane for each lane of the catalogue, in the catalogue's order

const around = 60; // seconds before and behind the hit that the lanes show
const rows = 3; // rows of a lane; further annotations share the last
let catalogue = null;
const icon = name => {
  const svg = document.createElementNS('http://www.w3.org/2000/svg', 'svg'), use = document.createElementNS('http://www.w3.org/2000/svg', 'use');
  svg.classList.add('icon');
  svg.setAttribute('aria-hidden', 'true');
  use.setAttribute('href', `/app/icons.svg#${known.has(name) ? name : 'plain'}`);
  svg.append(use);
  return svg;
};
const known = new Set(['speech', 'shot', 'tag', 'eye', 'picture', 'frame', 'sound', 'face', 'person', 'text']); // the names in icons.svg

async function drawLanes(h) {
  try {
    catalogue ??= await call('GetCatalog', {});
    const lanes = new Map();
    for (const k of catalogue.kinds || []) if (k.lane) lanes.set(k.lane, [...(lanes.get(k.lane) || []), k]);
    if (!lanes.size) { $('lanes').hidden = true; return; }
    const from = Math.max(0, Math.floor(Number(h.start || 0) / flicks) - around), to = Math.ceil(Number(h.end || 0) / flicks) + around;
    const all = [], ask = { asset: h.asset, kinds: [...lanes.values()].flat().map(k => k.kind), start: String(from * flicks), end: String(to * flicks), limit: 500 };
    for (let pages = 0; pages < 4; pages++) { // two minutes of film have far fewer
      const page = await call('ListAnnotations', ask);
      all.push(...page.annotations || []);
      ask.cursor = page.cursor;
      if (!ask.cursor) break;
    }
    if (playing !== h) return;
    const ends = all.map(a => Math.ceil(Number(a.end || 0) / flicks)); // the film may end before the lanes would
    const upto = Math.max(from + 1, Math.min(to, Math.max(0, ...ends)));
    $('lanes').replaceChildren(...[...lanes].map(([, kinds]) => drawLane(kinds, all, from, upto)).filter(Boolean));
  } catch (e) { if (playing === h) say(`The lanes cannot be drawn: ${e.message}`, true); }
}

// drawLane makes the lane of some kinds; null where no annotation is of the kinds.
function drawLane(kinds, all, from, to) {
  const names = new Set(kinds.map(k => k.kind)), mine = all.filter(a => names.has(a.kind));
  if (!mine.length) return null;
  const track = el('div', { className: 'track' }), ends = [];
  track.dataset.from = from; track.dataset.to = to;
  for (const a of mine) {
    const start = Number(a.start || 0) / flicks, end = Math.max(Number(a.end || 0) / flicks, start), text = a.text || a.label || a.character || '';
    let row = ends.findIndex(e => e <= start);
    if (row < 0) row = Math.min(ends.length, rows - 1);
    ends[row] = end;
    const b = el('button', { type: 'button', title: text || kinds[0].label, onclick: () => { $('video').currentTime = late + start + 0.01; } }, text);
    b.style.left = `${100 * (Math.max(start, from) - from) / (to - from)}%`;
    b.style.width = `${100 * (Math.min(end, to) - Math.max(start, from)) / (to - from)}%`;
    b.style.top = `${row * 1.4}em`;
    track.append(b);
  }
  track.style.height = `${Math.max(ends.length, 1) * 1.4}em`;
  track.append(el('i', { className: 'head' }));
  const lane = el('div', { className: 'lane' }, el('span', { className: 'name', title: kinds[0].hint || '' }, icon(kinds[0].icon), kinds[0].label || kinds[0].kind), track);
  lane.dataset.lane = kinds[0].lane;
  return lane;
}

function moveHeads() {
  for (const track of document.querySelectorAll('#lanes .track')) {
    const { from, to } = track.dataset;
    track.lastChild.style.left = `${100 * ($('video').currentTime - late - from) / (to - from)}%`;
  }
}

const frameNow = () => rate ? Math.max(Math.floor(($('video').currentTime - late) * rate + 1e-6), 0) : null;
function step(n) {
  if (!rate) return;
  $('video').pause();
  $('video').currentTime = late + (frameNow() + n + 0.5) / rate;
}
function likeThis(part) {
  const h = playing;
  state.like = { kind: $('form').dataset.frame, asset: h.asset, time: String(Math.max(Math.round(($('video').currentTime - late) * flicks), 0)) };
  if (part) state.like.crop = part;
  $('player').close();
  say(part ? 'Shots like that part of the frame' : 'Shots like that frame');
  search();
}

// ---- a part of the paused picture: dragging over the picture asks for shots like the part

let drag = null;
// dragged is what lies between the start of the drag and the pointer, in shares of the picture; the bars around the picture do not count.
function dragged(e) {
  const v = $('video'), box = v.getBoundingClientRect(), k = Math.min(box.width / v.videoWidth, box.height / v.videoHeight);
  const share = (at, from, size, whole) => Math.min(Math.max((at - from - (size - whole) / 2) / whole, 0), 1);
  const xs = [drag.clientX, e.clientX].map(x => share(x, box.left, box.width, v.videoWidth * k)).sort((a, b) => a - b);
  const ys = [drag.clientY, e.clientY].map(y => share(y, box.top, box.height, v.videoHeight * k)).sort((a, b) => a - b);
  return { x: xs[0], y: ys[0], w: xs[1] - xs[0], h: ys[1] - ys[0] };
}
function draw(e) {
  const box = $('part').getBoundingClientRect(), rect = $('part').firstChild.style;
  rect.left = `${Math.min(drag.clientX, e.clientX) - box.left}px`; rect.top = `${Math.min(drag.clientY, e.clientY) - box.top}px`;
  rect.width = `${Math.abs(drag.clientX - e.clientX)}px`; rect.height = `${Math.abs(drag.clientY - e.clientY)}px`;
  $('part').classList.add('drawn');
}
function undrawn() { drag = null; $('part').classList.remove('drawn'); }
$('part').addEventListener('pointerdown', e => { if (e.button === 0) { drag = e; $('part').setPointerCapture(e.pointerId); } });
$('part').addEventListener('pointermove', e => { if (drag) draw(e); });
$('part').addEventListener('pointercancel', undrawn);
$('part').addEventListener('pointerup', e => {
  if (!drag) return;
  const still = Math.hypot(e.clientX - drag.clientX, e.clientY - drag.clientY) < 6, part = dragged(e);
  undrawn();
  if (still) $('video').play().catch(() => {}); // a click, as on the film itself
  else if (part.w >= 0.03 && part.h >= 0.03) likeThis(part);
});
const markable = () => { $('part').hidden = !$('video').paused || !$('video').videoWidth || !$('form').dataset.frame; undrawn(); };
for (const e of ['pause', 'play', 'loadeddata', 'emptied']) $('video').addEventListener(e, markable);
async function copy() {
  try { await navigator.clipboard.writeText($('now').textContent); say('Timecode copied'); } catch { say('The browser does not allow copying', true); }
}
// The counter of the frame that is showing. Drop frame and odd rates are counted
// by the service; here the hit's own timecode is carried on by whole frames.
function tick() {
  const now = $('now');
  if (now && playing && rate && playing.startTimecode) {
    const f = frameNow();
    now.textContent = f === Number(playing.startFrame || 0) ? playing.startTimecode : timecode(f);
  }
  moveHeads();
  if ($('player').open) requestAnimationFrame(tick);
}
function timecode(frame) {
  const v = playing.video, fps = Math.round(rate), drop = !!v.dropFrame;
  const start = (v.startTimecode || '00:00:00:00').match(/\d+/g).map(Number);
  const dropped = drop ? Math.round(fps / 15) : 0;
  const count = (h, m, s, f) => { const min = h * 60 + m; return (min * 60 + s) * fps + f - dropped * (min - Math.floor(min / 10)); };
  let n = frame + count(...start);
  const perMinute = fps * 60 - dropped, perTen = perMinute * 10 + dropped;
  if (drop) {
    const tens = Math.floor(n / perTen), rest = n % perTen;
    n += dropped * 9 * tens + (rest >= fps * 60 ? dropped * (1 + Math.floor((rest - fps * 60) / perMinute)) : 0);
  }
  const two = x => String(Math.floor(x)).padStart(2, '0');
  return `${two(n / fps / 3600 % 24)}:${two(n / fps / 60 % 60)}:${two(n / fps % 60)}${drop ? ';' : ':'}${two(n % fps)}`;
}
// The event comes after the player has closed: whoever typed on meanwhile keeps the box.
$('player').addEventListener('close', () => { $('video').pause(); if (document.activeElement !== $('box')) focusHit(state.current); });
$('video').addEventListener('playing', () => requestAnimationFrame(tick));
$('video').addEventListener('seeked', () => requestAnimationFrame(tick));
$('video').addEventListener('error', () => say('The browser cannot play this film; its thumbnail and timecode still hold', true));

// ---- asking

function soon() { busy(true); clearTimeout(timer); timer = setTimeout(search, 130); }
$('box').addEventListener('input', () => { state.like = null; soon(); });
$('form').addEventListener('submit', e => { e.preventDefault(); search().then(() => { settled = true; }); });
for (const id of ['title', 'lang', 'group']) $(id).addEventListener('change', () => search());
for (const r of ways) r.addEventListener('change', () => { state.like = null; showWay(); search(); });
$('more').addEventListener('click', () => search({ more: true }));

function showWay() {
  const p = way() === 'picture';
  $('drop').hidden = !p;
  $('box').hidden = p;
  $('box').placeholder = chosen().dataset.example;
  $(p ? 'file' : 'box').focus();
}

// take makes a picture smaller before it is sent: the models look at 260 pixels.
async function take(file) {
  if (!file || !file.type.startsWith('image/')) return say('That is not a picture', true);
  let data = file;
  try {
    const bmp = await createImageBitmap(file);
    const k = Math.min(1, 1024 / Math.max(bmp.width, bmp.height));
    if (k < 1 || file.size > 2e6) {
      const c = new OffscreenCanvas(Math.max(1, Math.round(bmp.width * k)), Math.max(1, Math.round(bmp.height * k)));
      c.getContext('2d').drawImage(bmp, 0, 0, c.width, c.height);
      data = await c.convertToBlob({ type: 'image/jpeg', quality: .92 });
    }
  } catch { return say('The picture cannot be read', true); }
  const url = await new Promise(ok => { const r = new FileReader(); r.onload = () => ok(r.result); r.readAsDataURL(data); });
  state.picture = url.slice(url.indexOf(',') + 1);
  state.like = null;
  $('preview').src = url; $('preview').hidden = false;
  $('droptext').textContent = file.name || 'Pasted picture';
  document.querySelector('input[value=picture]').checked = true;
  showWay();
  search();
}
$('file').addEventListener('change', e => take(e.target.files[0]));
addEventListener('paste', e => { const f = [...e.clipboardData.files][0]; if (f) { e.preventDefault(); take(f); } });
addEventListener('dragover', e => { e.preventDefault(); $('drop').classList.add('over'); });
addEventListener('dragleave', () => $('drop').classList.remove('over'));
addEventListener('drop', e => { e.preventDefault(); $('drop').classList.remove('over'); take(e.dataTransfer.files[0]); });

// ---- the keyboard

const cards = () => [...$('hits').children];
function focusHit(i) { cards()[i]?.focus(); }
function columns() {
  const cs = cards();
  const n = cs.findIndex(c => c.offsetTop !== cs[0].offsetTop);
  return n < 1 ? Math.max(cs.length, 1) : n;
}
addEventListener('keydown', e => {
  if (e.altKey && ways[e.key - 1]) {
    e.preventDefault();
    ways[e.key - 1].click();
    return;
  }
  const typing = e.target.matches('input[type=search], input[type=checkbox], select');
  if (e.ctrlKey || e.metaKey || e.altKey) return;
  if ($('player').open) {
    switch (e.key) {
      case ',': step(-1); break;
      case '.': step(1); break;
      case 'l': likeThis(); break;
      case 'c': copy(); break;
      case ' ': if (e.target.matches('button, video')) return; // they know the key themselves
        $('video').paused ? $('video').play() : $('video').pause(); break;
      default: return;
    }
    e.preventDefault();
    return;
  }
  if (e.key === '/' && !typing) { e.preventDefault(); if (way() === 'picture') ways[0].click(); $('box').focus(); $('box').select(); return; }
  if (e.key === 'ArrowDown' && e.target === $('box') && cards().length) { e.preventDefault(); focusHit(0); return; }
  if (typing || state.current < 0 || !e.target.matches('.hit')) return;
  const move = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns(), ArrowDown: columns() }[e.key];
  if (e.key === 'ArrowUp' && state.current - columns() < 0) { e.preventDefault(); $('box').focus(); return; }
  if (move) { e.preventDefault(); focusHit(Math.min(Math.max(state.current + move, 0), cards().length - 1)); }
});

// ---- the beginning

(async () => {
  const p = new URLSearchParams(location.search);
  recall();
  try {
    const titles = [];
    for (const page = { limit: 500 }; ;) {
      const { titles: some = [], cursor = '' } = await call('ListTitles', page);
      titles.push(...some);
      page.cursor = cursor;
      if (!cursor) break;
    }
    const languages = new Set();
    for (const t of titles) {
      $('title').append(el('option', { value: t.title.id }, t.title.name || t.title.id));
      for (const a of t.assets || []) for (const x of a.text || []) if (x.language) languages.add(x.language);
    }
    const names = new Intl.DisplayNames(['en'], { type: 'language' });
    for (const l of [...languages].sort()) $('lang').append(el('option', { value: l }, names.of(l)));
    $('credits').textContent = [...new Set(titles.map(t => t.title.credit).filter(Boolean))].join(' · ');
    recall();
    if (!p.get('q')) say(titles.length ? `${titles.length} title${titles.length === 1 ? '' : 's'} to search` : 'No titles yet: they appear here as soon as they are indexed');
  } catch (e) { say(e.message, true); }
  if (p.get('q')) search();
})();
