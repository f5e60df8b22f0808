// The query line of an address, and values within the line.
/** inQuotes writes a value for the query line. */
export const inQuotes = (value: string): string => `"${value.replace(/[\\"]/g, "\\$&")}"`;

/** narrowed adds a filter to a query line. */
function narrowed(q: string, filter: string, value: string): string {
  const line = /\b(THEN|WITHIN|OVERLAPS|DURING|OF|ABOVE|BELOW|INSIDE|THAN|NEAR|OR)\b/.test(q) ? `(${q})` : q;
  return `${line} ${filter}:${inQuotes(value)}`.trim();
}

/** lineOf is the query line of an address. Links of earlier releases name a way to ask, a title and a language beside the words. */
export function lineOf(p: URLSearchParams): string {
  const way = p.get("way") ?? "";
  let q = p.get("q") ?? "";
  if (q && /^[a-z_]+$/.test(way) && way !== "query") q = `${way}:${inQuotes(q)}`;
  for (const [name, filter] of [["title", "title"], ["lang", "lang"]] as const) {
    const value = p.get(name);
    if (value) q = narrowed(q, filter, value);
  }
  return q;
}
