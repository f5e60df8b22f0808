// How the hits are laid out: the size of the pictures, kept for the next visit.
import { signal } from "@preact/signals";

const kept = "cinedex.size";
export const smallest = 120;
export const largest = 480;

const before = Number(localStorage.getItem(kept));
/** The wished width of a picture, in pixels. */
export const size = signal(before >= smallest && before <= largest ? before : 240);

export function resize(px: number): void {
  size.value = px;
  localStorage.setItem(kept, String(px));
}

export const gap = 12;
/** The height of the words below a picture. */
export const wordsHeight = (width: number): number => (width < 180 ? 64 : 116);
/** The height of a heading between two bands. */
export const headHeight = 40;

/** A Row is a heading, or tiles from one hit to another. */
export type Row = { head: "matches" | "near" } | { from: number; to: number };

/** columns is how many tiles of the wished width stand side by side, and how wide each is. */
export function columns(width: number): { across: number; tile: number } {
  const across = Math.max(1, Math.floor((width + gap) / (size.value + gap)));
  return { across, tile: (width - gap * (across - 1)) / across };
}

/** rowsOf puts hits into rows: first the matches, then the hits that are near. Hits that are not read yet have their places. */
export function rowsOf(matches: number, all: number, across: number): Row[] {
  const rows: Row[] = [];
  const band = (head: "matches" | "near", from: number, to: number) => {
    if (to <= from) return;
    rows.push({ head });
    for (let i = from; i < to; i += across) rows.push({ from: i, to: Math.min(i + across, to) });
  };
  band("matches", 0, matches);
  band("near", matches, all);
  return rows;
}
