// The waveform of the sound: the lowest and the highest sample of each 20 ms, in the format of audiowaveform, version 1 with 8 bits.
import { effect, signal } from "@preact/signals";
import { film } from "./film";

export type Wave = {
  /** Pairs in a second. */
  perSecond: number;
  /** Lowest and highest in turn, from -128 to 127. */
  pairs: Int8Array;
};
/** Null where no waveform is there. */
export const wave = signal<Wave | null>(null);

/** parse reads the format; null for other bytes. */
export function parse(b: ArrayBuffer): Wave | null {
  if (b.byteLength < 20) return null;
  const head = new DataView(b);
  const [version, flags, rate, samples, count] = [0, 4, 8, 12, 16].map((at) => head.getInt32(at, true)) as [number, number, number, number, number];
  if (version !== 1 || (flags & 1) !== 1 || rate <= 0 || samples <= 0 || count <= 0 || b.byteLength < 20 + 2 * count) return null;
  return { perSecond: rate / samples, pairs: new Int8Array(b, 20, 2 * count) };
}

/** peaks are the lowest and highest sample of each of n columns between two seconds, from -1 to 1. */
export function peaks(w: Wave, from: number, to: number, n: number): [number, number][] {
  const all = w.pairs.length / 2;
  return Array.from({ length: n }, (_, i) => {
    const first = Math.floor((from + ((to - from) * i) / n) * w.perSecond);
    const last = Math.max(first + 1, Math.floor((from + ((to - from) * (i + 1)) / n) * w.perSecond));
    let [low, high] = [0, 0];
    for (let p = Math.max(first, 0); p < Math.min(last, all); p++) {
      low = Math.min(low, w.pairs[2 * p]!);
      high = Math.max(high, w.pairs[2 * p + 1]!);
    }
    return [low / 128, high / 128];
  });
}

/** begin reads the waveform of each film. */
export function begin(): () => void {
  return effect(() => {
    wave.value = null;
    const f = film.value;
    if (!f?.asset.audio.length) return;
    fetch(`/waveform/${encodeURIComponent(f.asset.id)}`)
      .then((r) => (r.ok ? r.arrayBuffer() : null))
      .then((b) => { if (b && film.peek() === f) wave.value = parse(b); }, () => {});
  });
}
