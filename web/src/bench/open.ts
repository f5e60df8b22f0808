// How other parts of the page open the bench.
import { signal } from "@preact/signals";
import type { Hit } from "../generated/cinedex/v1/search_pb";
import { go } from "../url";

export type Moment = { asset: string; frame?: bigint | number; run?: string; query?: string; hits?: readonly Hit[] };

/** The moment that was opened last, with all that is known of the moment. */
export const opened = signal<Moment | null>(null);

/** openBench shows a moment on the bench. The bench asks the page's own query where the moment names none. */
export function openBench(m: Moment): void {
  opened.value = m;
  go({ asset: m.asset, frame: BigInt(m.frame ?? 0) });
}
