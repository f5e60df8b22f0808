// The picture of a hit. The pointer over the picture leads through the moment and what is around the moment: by the film's sprites, or else by
// the pictures of the shots beside.
import { useSignal } from "@preact/signals";
import type { Hit } from "../generated/cinedex/v1/search_pb";
import { spritesOf, tileAt } from "./sprites";

/** Shots before and behind the hit that the pointer leads through. */
const around = 4;

// beside is the picture of a shot beside the hit's.
function beside(thumbnail: string, by: number): string {
  const m = /^(.*\/)(\d+)(\.jpg)$/.exec(thumbnail);
  const at = Number(m?.[2]) + by;
  return m && at >= 0 ? `${m[1]}${at}${m[3]}` : thumbnail;
}

// frameAt is the frame that a share of the picture's width stands for: the moment, and as long again before and behind it.
function frameAt(hit: Hit, share: number): number {
  const start = Number(hit.startFrame);
  const length = Math.max(Number(hit.endFrame) - start, 25);
  return start - length + share * 3 * length;
}

export function Still({ hit }: { hit: Hit }) {
  const share = useSignal(-1);
  const tile = useSignal<Record<string, string> | null>(null);
  if (!hit.thumbnail) return <span class="still no-still" />;
  const lead = async (at: number) => {
    share.value = at;
    const index = await spritesOf(hit.asset);
    if (share.value === at) tile.value = index && tileAt(index, frameAt(hit, at));
  };
  const by = share.value < 0 || tile.value ? 0 : Math.round((share.value - 0.5) * 2 * around);
  return (
    <span
      class="still"
      onPointerMove={(e) => {
        if (e.pointerType !== "mouse") return;
        const box = e.currentTarget.getBoundingClientRect();
        void lead((e.clientX - box.left) / box.width);
      }}
      onPointerLeave={() => {
        share.value = -1;
        tile.value = null;
      }}
    >
      <img src={beside(hit.thumbnail, by)} alt="" loading="lazy" decoding="async" onError={(e) => {
        if (by !== 0) e.currentTarget.src = hit.thumbnail; // the film ends there
      }} />
      {tile.value && <i class="sprite" style={tile.value} aria-hidden="true" />}
      {share.value >= 0 && <i class="scrub" style={{ left: `${100 * share.value}%` }} aria-hidden="true" />}
    </span>
  );
}
