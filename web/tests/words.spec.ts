import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@playwright/test";

const src = join(import.meta.dirname, "../src");
const languages = ["en", "de", "es", "fr", "ja"] as const;
type Text = string | Record<string, string>;
const texts = Object.fromEntries(languages.map((l) => [l, JSON.parse(readFileSync(join(src, "words", `${l}.json`), "utf8")) as Record<string, Text>]));
const english = texts["en"]!;
const sources = readdirSync(src, { recursive: true, withFileTypes: true })
  .filter((f) => f.isFile() && /\.tsx?$/.test(f.name) && !f.parentPath.includes("generated"))
  .map((f) => ({ name: f.name, text: readFileSync(join(f.parentPath, f.name), "utf8") }));

const forms = (t: Text): string[] => (typeof t === "string" ? [t] : Object.values(t));
const values = (t: string): string[] => [...new Set([...t.matchAll(/\{(\w+)\}/g)].map((m) => m[1]!))].sort();

for (const language of languages) {
  test(`every text is there in ${language}`, () => {
    expect(Object.keys(texts[language]!).sort()).toEqual(Object.keys(english).sort());
    for (const [key, text] of Object.entries(texts[language]!)) {
      for (const form of forms(text)) expect(form.trim(), key).not.toBe("");
    }
  });

  test(`a text has the same values in ${language} as in English`, () => {
    for (const [key, text] of Object.entries(texts[language]!)) {
      const wanted = [...new Set(forms(english[key] ?? "").flatMap(values))].sort();
      // A form for one may leave the number out.
      for (const form of forms(text)) expect(wanted, `${key}: ${form}`).toEqual(expect.arrayContaining(values(form)));
      expect([...new Set(forms(text).flatMap(values))].sort(), key).toEqual(wanted);
    }
  });

  test(`a number has every plural form of ${language}`, () => {
    const wanted = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
    for (const [key, text] of Object.entries(texts[language]!)) {
      if (typeof text === "string") {
        expect(typeof english[key] === "string" || wanted.length === 1, `${key} is a plural in English`).toBe(true);
        continue;
      }
      // French and Spanish say "many" of a million alone, with the words of "other".
      const needed = wanted.filter((c) => c !== "many");
      expect(Object.keys(text), key).toEqual(expect.arrayContaining(needed));
      expect(wanted, key).toEqual(expect.arrayContaining(Object.keys(text)));
    }
  });
}

test("no text is without use", () => {
  const all = sources.map((s) => s.text).join("\n");
  const begun = [...all.matchAll(/`([\w.]+\.)\$\{/g)].map((m) => m[1]!); // t(`nav.theme.${name}`)
  const unused = Object.keys(english).filter((key) => !all.includes(`"${key}"`) && !begun.some((b) => key.startsWith(b)));
  expect(unused).toEqual([]);
});

test("every text of the interface goes through its key", () => {
  const bare: string[] = [];
  for (const { name, text } of sources) {
    if (!name.endsWith(".tsx")) continue;
    const code = text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
    for (const m of code.matchAll(/(?:aria-label|aria-description|aria-roledescription|title|alt|placeholder|label)="([^"]*\p{L}{2}[^"]*)"/gu)) {
      if (!/^[a-z]+@\d+$/.test(m[1]!)) bare.push(`${name}: ${m[0]}`); // labels@2 is an algorithm in every language
    }
    // The text of an element: letters between > and </. Names of products stay.
    for (const m of code.matchAll(/>([^<>{}=;]*\p{L}{2}[^<>{}=;]*)<\//gu)) {
      if (!/^(Cinedex)$/.test(m[1]!.trim())) bare.push(`${name}: ${m[1]!.trim()}`);
    }
  }
  expect(bare).toEqual([]);
});
