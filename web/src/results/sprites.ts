// Sprites: sheets of small pictures of a film, for the pointer that leads through a moment.
type Index = { stride: number; width: number; height: number; columns: number; rows: number; tiles: number; sheets: string[] };

const indexes = new Map<string, Promise<Index | null>>();

/** spritesOf reads the index of a film's sprites; null for a film without sprites. */
export function spritesOf(asset: string): Promise<Index | null> {
  let known = indexes.get(asset);
  if (!known) {
    known = fetch(`/sprites/${asset}`)
      .then((r) => (r.ok ? (r.json() as Promise<Index>) : null))
      .catch(() => null);
    indexes.set(asset, known);
  }
  return known;
}

/** tileAt is the style of the small picture of a frame, drawn as wide as the element. */
export function tileAt(of: Index, frame: number): Record<string, string> {
  const tile = Math.min(Math.max(Math.floor(frame / of.stride), 0), of.tiles - 1);
  const each = of.columns * of.rows;
  const i = tile % each;
  const x = i % of.columns;
  const y = Math.floor(i / of.columns);
  const rows = Math.min(of.rows, Math.ceil((of.tiles - (tile - i)) / of.columns)); // a sheet has only the rows that it needs
  return {
    backgroundImage: `url("${of.sheets[Math.floor(tile / each)]}")`,
    backgroundSize: `${of.columns * 100}% ${rows * 100}%`,
    backgroundPosition: `${of.columns > 1 ? (100 * x) / (of.columns - 1) : 0}% ${rows > 1 ? (100 * y) / (rows - 1) : 0}%`,
  };
}
