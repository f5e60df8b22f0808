// The catalogue: the leaves that people ask with, and the kinds of annotation.
import { signal } from "@preact/signals";
import { searches, until } from "../api";
import type { CatalogKind, CatalogLeaf, GetCatalogResponse } from "../generated/cinedex/v1/catalog_pb";
import { t, type Key } from "../words/words";

const catalog = signal<GetCatalogResponse | null>(null);

/** begin reads the catalogue once. */
export async function begin(): Promise<void> {
  const forever = new AbortController();
  catalog.value = await until(() => searches.getCatalog({}), forever.signal).catch(() => null);
}

/** leaves are the leaves that something answers. */
export const leaves = (): CatalogLeaf[] => catalog.value?.leaves ?? [];
export const kinds = (): CatalogKind[] => catalog.value?.kinds ?? [];

/** leafOf finds a leaf by its name or by a further name. */
export const leafOf = (name: string): CatalogLeaf | undefined => leaves().find((l) => l.name === name || l.aliases.includes(name));

/** leafShaped is the first leaf whose value has a shape: picture, frame, shot. */
export const leafShaped = (shape: string): CatalogLeaf | undefined => leaves().find((l) => l.shape === shape);

// word is the interface's own word for a name of the catalogue, or else the catalogue's.
function word(key: string, other: string): string {
  const own = t(key as Key);
  return own === key ? other : own;
}

/** leafName tells a leaf to a person. */
export const leafName = (name: string): string => {
  const leaf = leafOf(name);
  return word(`leaf.${leaf?.name ?? name}`, leaf?.label || leaf?.name || name);
};

/** kindName tells a kind of annotation to a person. A kind that the interface does not know has the name of the catalogue. */
export const kindName = (kind: string): string => word(`kind.${kind}`, kinds().find((k) => k.kind === kind)?.label || kind);

/** laneName tells a lane to a person, by the kinds of the lane. A lane with a kind that the interface does not know has the name of the first kind. */
export const laneName = (of: readonly CatalogKind[]): string => {
  const known = of.every((k) => word(`kind.${k.kind}`, "") !== "");
  const first = kindName(of[0]!.kind);
  return of.length > 1 && known ? word(`lane.${of[0]!.lane}`, first) : first;
};
