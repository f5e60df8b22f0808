// Where cues, shots and frames begin and end: marks snap to these edges, and keys jump to these edges.
import { signal } from "@preact/signals";
import { hits, shots, track } from "./annotations";
import { spanOf } from "./clock";
import { film, frame, mark } from "./film";
import { seek } from "./player";

export const snaps = ["frame", "cue", "shot"] as const;
export type Snap = (typeof snaps)[number];
/** What marks snap to. */
export const snap = signal<Snap>("frame");

type Span = [bigint, bigint];

/** spansOf are the spans of frames that a snap knows, by start. */
function spansOf(s: Snap): Span[] {
  const f = film.peek();
  if (!f || s === "frame") return [];
  const of = s === "shot" ? shots.peek() : (track.peek()?.lines ?? []);
  return of.map((a) => spanOf(f.clock, a.start, a.end)).sort((a, b) => Number(a[0] - b[0]));
}

/** around is the span that a frame is in, or else the next span, or else the last. */
export function nearest(spans: readonly Span[], n: bigint): Span | undefined {
  return spans.find(([from, to]) => from <= n && n < to) ?? spans.find(([from]) => from > n) ?? spans.at(-1);
}

/** markHere sets a mark at the frame that shows, or at the edge of the cue or shot. The out mark is behind the frame. */
export function markHere(which: "in" | "out"): void {
  const n = frame.peek();
  const s = nearest(spansOf(snap.peek()), n);
  if (which === "in") mark("in", s ? s[0] : n);
  else mark("out", s ? s[1] : n + 1n);
}

/** markSpan marks the cue or the shot that shows. */
export function markSpan(s: Exclude<Snap, "frame">): void {
  const found = nearest(spansOf(s), frame.peek());
  if (!found) return;
  mark("in", found[0]);
  mark("out", found[1]);
}

/** nextOf finds the nearest start behind (1) or before (-1) a frame. */
export function nextOf(starts: readonly bigint[], n: bigint, direction: 1 | -1): bigint | undefined {
  const beyond = starts.filter((s) => (direction > 0 ? s > n : s < n));
  return beyond.length ? beyond.reduce((a, b) => ((direction > 0 ? b < a : b > a) ? b : a)) : undefined;
}

/** jump goes to the next or previous start of a shot or cue: shots, unless marks snap to cues. */
export function jump(direction: 1 | -1): void {
  const to = nextOf(spansOf(snap.peek() === "cue" ? "cue" : "shot").map(([from]) => from), frame.peek(), direction);
  if (to !== undefined) seek(to);
}

/** jumpHit goes to the next or previous hit of the query in this film. */
export function jumpHit(direction: 1 | -1): void {
  const to = nextOf(hits.peek().map((h) => h.startFrame), frame.peek(), direction);
  if (to !== undefined) seek(to);
}
