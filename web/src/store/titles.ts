// The titles that the person may see, with their films.
import { computed, signal } from "@preact/signals";
import { searches, until } from "../api";
import type { Asset } from "../generated/cinedex/v1/noun_pb";
import type { TitleEntry } from "../generated/cinedex/v1/search_pb";

/** All titles; null until the titles are read. */
export const titles = signal<TitleEntry[] | null>(null);

/** begin reads the titles, page by page. */
export async function begin(): Promise<void> {
  const forever = new AbortController();
  const all: TitleEntry[] = [];
  for (let cursor = ""; ; ) {
    const page = await until(() => searches.listTitles({ limit: 500, cursor }), forever.signal);
    all.push(...page.titles);
    cursor = page.cursor;
    if (!cursor) break;
  }
  titles.value = all;
}

const byId = computed(() => new Map(titles.value?.map((e) => [e.title?.id ?? "", e])));
const films = computed(() => new Map(titles.value?.flatMap((e) => e.assets.map((a): [string, { asset: Asset; of: TitleEntry }] => [a.id, { asset: a, of: e }]))));

/** titleName is the name of a title by its id. */
export const titleName = (id: string): string => byId.value.get(id)?.title?.name || id;
/** filmsOf are the films of a title. */
export const filmsOf = (title: string): Asset[] => byId.value.get(title)?.assets ?? [];
/** filmOf is a film by its id, with the title of the film. */
export const filmOf = (asset: string): { asset: Asset; of: TitleEntry } | undefined => films.value.get(asset);
/** credits are whom to credit for the titles. */
export const credits = computed(() => [...new Set(titles.value?.map((e) => e.title?.credit ?? "").filter(Boolean))]);
