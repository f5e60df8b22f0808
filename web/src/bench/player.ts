// The player: a video element that is told frames, and tells frames.
//
//   - A seek goes to a place inside the frame (see seekTo). Seeks beside a seek wait, and the last seek wins.
//   - While the film plays, the browser tells the time of each frame that is shown (requestVideoFrameCallback).
//   - Backwards, browsers do not play: the player seeks.
import { effect, signal } from "@preact/signals";
import { frameAt, secondsOf, seekTo } from "./clock";
import { film, frame, looping, playing, span, within } from "./film";
import { inexact, source } from "./source";

export const speeds = [0.25, 0.5, 1, 1.5, 2, 4, 8] as const;
/** How fast the film plays; below 0 backwards. */
export const speed = signal(1);

let video: HTMLVideoElement | null = null;
let wanted: bigint | null = null;
let reversing = 0;
let settlement = 0;
/** The speed at which the next element is to play; 0 for an element that is to stand. */
let begins = 0;
/** Milliseconds, and pictures of the page, in which a browser paints the picture of a seek. A hidden page has no pictures. */
const patience = 2000;
const pictures = 20;
/** The time of the picture that the browser showed last, in seconds of the player's clock; -1 before the first picture of a source. */
let painted = -1;
/** The player has sought the frame at which the film stands a second time. */
let twice = false;

const ready = (): boolean => !!video && video.readyState > 0;

/** attach gives the player the element. */
export function attach(v: HTMLVideoElement | null): void {
  video = v;
  if (!v) {
    begins = 0;
    return stopReverse();
  }
  painted = -1;
  v.addEventListener("emptied", () => {
    painted = -1;
    twice = false;
    delete v.dataset["frame"];
  });
  v.addEventListener("loadedmetadata", () => apply());
  v.addEventListener("seeked", () => {
    if (wanted !== null) apply();
    else if (v.paused) settle(v, frame.peek());
    else stands(v);
  });
  v.addEventListener("play", () => { if (!v.paused) playing.value = true; });
  v.addEventListener("pause", paused);
  v.addEventListener("ended", paused);
  watch(v);
  if (begins) play(begins);
}

// stands notes the frame at which the player has arrived.
function stands(v: HTMLVideoElement): void {
  v.dataset["frame"] = String(frame.peek());
}

// settle compares the picture that the browser shows with the frame at which the film stands. A browser shows another frame of some files: media.Original
// names the files that are known, and the proxy of such a file is exact. A browser that paints no picture for a seek still shows the picture before.
// Chromium does not tell of a picture that is painted while the callback of the picture before runs. So the player seeks the frame a second time before
// the player says that the picture is another.
function settle(v: HTMLVideoElement, n: bigint): void {
  if (!("requestVideoFrameCallback" in v)) return stands(v);
  const mine = ++settlement;
  const began = performance.now();
  let seen = 0;
  const current = () => mine === settlement && video === v && frame.peek() === n;
  const look = () => {
    const f = film.peek();
    if (!f || !current() || wanted !== null || v.seeking || playing.peek()) return;
    if (painted >= 0 && frameAt(f.clock, painted, source.peek().late) === n) return stands(v);
    if (++seen < pictures || performance.now() - began < (twice ? patience : patience / 4)) return void requestAnimationFrame(look);
    if (!twice) {
      twice = true;
      wanted = n;
      return apply();
    }
    if (painted < 0) return stands(v); // the browser tells no times
    // The proxy seeks the frame anew. Without a proxy the film stands, and the page says that the picture may be a neighbour.
    const proxied = source.peek().proxy;
    void inexact().then(() => { if (current() && source.peek().proxy === proxied) stands(v); });
  };
  look();
}

function paused(): void {
  if (reversing || !playing.peek()) return;
  playing.value = false;
  const f = film.peek();
  if (f && video && !video.ended) seek(frame.peek()); // the browser may have gone on by a frame
}

function watch(v: HTMLVideoElement): void {
  const shown = (seconds: number) => {
    const f = film.peek();
    if (f && wanted === null && !v.seeking && !v.paused) {
      frame.value = frameAt(f.clock, seconds, source.peek().late);
      around();
    }
  };
  if ("requestVideoFrameCallback" in v) {
    const next = (_: number, m: VideoFrameCallbackMetadata) => {
      painted = m.mediaTime;
      shown(painted);
      if (v.paused && !v.seeking && wanted === null && !reversing) settle(v, frame.peek()); // a picture that comes late is looked at, too
      v.requestVideoFrameCallback(next);
    };
    v.requestVideoFrameCallback(next);
  } else {
    const next = () => {
      if (video !== v) return;
      shown((v as HTMLVideoElement).currentTime);
      requestAnimationFrame(next);
    };
    requestAnimationFrame(next);
  }
}

// around goes back to the in mark at the out mark, if the person loops.
function around(): void {
  const s = looping.peek() ? span.peek() : null;
  if (s && (frame.peek() >= s[1] - 1n || frame.peek() < s[0])) seek(s[0]);
}

/** seek shows a frame. */
export function seek(n: bigint): void {
  const f = film.peek();
  if (!f) return;
  frame.value = wanted = within(f, n);
  twice = false;
  apply();
}

function apply(): void {
  const f = film.peek();
  if (!f || !video || !ready() || video.seeking || wanted === null) return;
  const at = seekTo(f.clock, wanted, source.peek().late, twice);
  wanted = null;
  video.currentTime = at;
}

/** step goes by frames from the frame that shows. */
export function step(n: bigint): void {
  pause();
  seek(frame.peek() + n);
}

/** another shows the frame of the last source in a new source, and plays on. */
export function another(): void {
  const at = playing.peek() ? speed.peek() : 0;
  stopReverse();
  playing.value = false;
  seek(frame.peek());
  if (at !== 0) play(at);
}

export function pause(): void {
  begins = 0;
  stopReverse();
  speed.value = Math.abs(speed.peek()) > 1 || speed.peek() < 0 ? 1 : speed.peek();
  video?.pause();
}

/** play plays at a speed; below 0 backwards. A film that is about to come onto the page plays as soon as the film is there. */
export function play(at = speed.peek()): void {
  begins = video ? 0 : at;
  if (!video) return;
  stopReverse();
  speed.value = at;
  if (at < 0) return reverse(at);
  const s = looping.peek() ? span.peek() : null;
  if (s && (frame.peek() < s[0] || frame.peek() >= s[1] - 1n)) seek(s[0]);
  video.playbackRate = at;
  video.play().catch(() => (playing.value = false));
}

export const toggle = (): void => (playing.peek() ? pause() : play(Math.abs(speed.peek())));

/** shuttle plays forwards (1) or backwards (-1); again, faster. */
export function shuttle(direction: 1 | -1): void {
  const now = speed.peek();
  const going = playing.peek() && Math.sign(now) === direction;
  play(direction * (going ? Math.min(Math.abs(now) * 2, 8) : 1));
}

function reverse(at: number): void {
  const f = film.peek();
  if (!f || !video) return;
  const began = performance.now();
  const from = secondsOf(f.clock.start(frame.peek()));
  reversing = 1;
  video.pause();
  playing.value = true;
  const next = () => {
    const now = from + (at * (performance.now() - began)) / 1000;
    const n = frameAt(f.clock, Math.max(now, 0), 0n);
    if (!video?.seeking && n !== frame.peek()) seek(n);
    if (now <= 0) return pause();
    reversing = requestAnimationFrame(next);
  };
  reversing = requestAnimationFrame(next);
}

function stopReverse(): void {
  if (!reversing) return;
  cancelAnimationFrame(reversing);
  reversing = 0;
  playing.value = false;
  // No seek is looked at while the film goes backwards, so the last seek is looked at now.
  if (video && !video.seeking && wanted === null) settle(video, frame.peek());
}

/** The element, for the picture of the moment. */
export const element = (): HTMLVideoElement | null => video;

effect(() => {
  if (video && speed.value > 0) video.playbackRate = speed.value;
});
