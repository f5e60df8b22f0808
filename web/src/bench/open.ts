// How other parts of the page open the bench.
import { signal } from "@preact/signals";
import type { Hit } from "../generated/cinedex/v1/search_pb";
import { go } from "../url";

export type Moment = { asset: string; frame?: bigint | number; run?: string; query?: string; hits?: readonly Hit[]; play?: boolean };

/** The moment that was opened last, with all that is known of the moment. */
export const opened = signal<Moment | null>(null);

/** The moment to play, until the bench plays the moment. */
let waiting: Moment | null = null;

/** playsNow reports once whether the open film is to be played as soon as the film stands at the moment. */
export function playsNow(asset: string): boolean {
  const is = waiting?.asset === asset;
  waiting = null;
  return is;
}

/** openBench shows a moment on the bench. The bench asks the page's own query where the moment names none. */
export function openBench(m: Moment): void {
  opened.value = m;
  waiting = m.play ? m : null;
  go({ asset: m.asset, frame: BigInt(m.frame ?? 0) });
}
