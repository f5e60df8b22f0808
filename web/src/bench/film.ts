// The film on the bench: the asset, the clock, the frame that shows, and the marks.
import { batch, computed, signal } from "@preact/signals";
import { failure, searches, until, type Failure } from "../api";
import type { Asset } from "../generated/cinedex/v1/noun_pb";
import { clockOf, type Clock } from "./clock";
import { labelOf, scaleOf, type Scale } from "./timecode";

export type Film = { asset: Asset; clock: Clock; scale: Scale };

export const film = signal<Film | null>(null);
/** Why there is no film on the bench. */
export const problem = signal<Failure | null>(null);
/** The frame that shows, or is about to show. */
export const frame = signal(0n);
export const playing = signal(false);
/** The in mark is the first frame, and the out mark is the frame behind the last. */
export const markIn = signal<bigint | null>(null);
export const markOut = signal<bigint | null>(null);
export const looping = signal(false);

/** span is the marked range; a mark that is missing is the beginning or the end of the film. Null without a mark. */
export const span = computed<[bigint, bigint] | null>(() => {
  const f = film.value;
  if (!f || (markIn.value === null && markOut.value === null)) return null;
  return [markIn.value ?? 0n, markOut.value ?? f.clock.frames];
});

let running: AbortController | null = null;

/** load puts a film on the bench. */
export async function load(asset: string): Promise<void> {
  running?.abort();
  const mine = (running = new AbortController());
  batch(() => {
    film.value = problem.value = markIn.value = markOut.value = null;
    looping.value = playing.value = false;
  });
  try {
    const answer = await until(() => searches.getAsset({ asset, frames: true }, { signal: mine.signal }), mine.signal);
    const video = answer.asset?.video;
    if (mine.signal.aborted || !answer.asset) return;
    const clock = clockOf(video ?? { frames: 0n, variableRate: true, start: 0n }, answer.frameLengths);
    const scale = scaleOf(video?.rate?.num || 25, video?.rate?.den || 1, video?.dropFrame ?? false, video?.startTimecode ?? "");
    film.value = { asset: answer.asset, clock, scale };
  } catch (e) {
    if (!mine.signal.aborted) problem.value = failure(e);
  }
}

/** within is the frame of the film that is nearest to n. */
export function within(f: Film, n: bigint): bigint {
  const last = f.clock.frames > 0n ? f.clock.frames - 1n : 0n;
  return n < 0n ? 0n : n > last ? last : n;
}

/** label is the timecode of a frame of the film on the bench. */
export const label = (n: bigint): string => (film.value ? labelOf(film.value.scale, n) : "");

/** mark sets the in mark or the out mark. Marks that cross drop the other mark. */
export function mark(which: "in" | "out", n: bigint | null): void {
  const f = film.value;
  if (!f) return;
  batch(() => {
    if (which === "in") {
      markIn.value = n === null ? null : within(f, n);
      if (n !== null && markOut.value !== null && markOut.value <= n) markOut.value = null;
    } else {
      markOut.value = n === null ? null : n > f.clock.frames ? f.clock.frames : n;
      if (n !== null && markIn.value !== null && markIn.value >= n) markIn.value = null;
    }
  });
}

/** unmark takes both marks away. */
export function unmark(): void {
  batch(() => {
    markIn.value = markOut.value = null;
    looping.value = false;
  });
}
