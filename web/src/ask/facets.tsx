// The moments of the answer, counted by a property. A value narrows the question.
import type { Facet, FacetValue } from "../generated/cinedex/v1/search_pb";
import { kindName } from "../store/catalog";
import { filtered, narrow } from "../store/line";
import { facets } from "../store/search";
import { titleName } from "../store/titles";
import { inQuotes } from "../links";
import { languageName, t, type Key } from "../words/words";

/** The name of the filter or leaf by which a facet narrows. */
const filterOf: Record<string, string> = { title: "title", language: "lang", character: "character", kind: "kind", label: "label" };

function valueName(facet: string, value: string): string {
  switch (facet) {
    case "title":
      return titleName(value);
    case "language":
      return languageName(value);
    case "kind":
      return kindName(value);
  }
  return value;
}

function Value({ of, v }: { of: Facet; v: FacetValue }) {
  const filter = filterOf[of.name] ?? of.name;
  const n = Number(v.count);
  return (
    <button type="button" class="facet-value" aria-pressed={filtered(filter, v.value) !== undefined} onClick={() => void narrow(filter, v.value, `${filter}:${inQuotes(v.value)}`)}>
      <span dir="auto">{valueName(of.name, v.value)}</span> <small>{t(of.exact ? "facet.count" : "facet.atleast", { n })}</small>
    </button>
  );
}

// shut closes the other open facets, and this one when the focus leaves it.
function shut(e: FocusEvent & { currentTarget: HTMLDetailsElement }): void {
  if (e.relatedTarget instanceof Node && !e.currentTarget.contains(e.relatedTarget)) e.currentTarget.open = false;
}

export function Facets() {
  const some = facets.value.filter((f) => f.values.some((v) => v.value));
  if (!some.length) return null;
  return (
    <div class="facets" role="group" aria-label={t("facet.all")}>
      {some.map((f) => (
        <details key={f.name} class="facet" name="facet" onFocusOut={shut} onKeyDown={(e) => {
          if (e.key !== "Escape") return;
          e.currentTarget.open = false;
          e.currentTarget.querySelector("summary")?.focus();
        }}>
          <summary>{t(`facet.${f.name}` as Key)} <small>{t("facet.count", { n: Number(f.distinct) || f.values.length })}</small></summary>
          <div class="facet-values">{f.values.filter((v) => v.value).map((v) => <Value key={v.value} of={f} v={v} />)}</div>
        </details>
      ))}
    </div>
  );
}
