// Addresses of earlier releases lead to the same thing: of the first page, of the application at /next/, and with a token.
import type { Page } from "@playwright/test";
import { answered, box, chips, enter, expect, hits, path, shared, signIn, status, test, tokenOf } from "./day.ts";

const query = (q: Record<string, string>): string => `?${new URLSearchParams(q)}`;

const pages: [name: string, address: Record<string, string>, chips: (string | RegExp)[], found: string][] = [
  ["words that are said", { q: "black coffee", way: "dialogue" }, [/said.*black coffee/], "A strong black coffee, captain."],
  ["words in quotes that are said", { q: '"black coffee"', way: "dialogue" }, [/said.*black coffee/], "A strong black coffee, captain."],
  ["words that are seen", { q: "lamp", way: "look" }, [/seen.*lamp/], ""],
  ["a line of the query language", { q: "dialogue:captain AND NOT dialogue:coffee", way: "query" }, [/captain/, /coffee/], "The lamp went dark, captain."],
  ["words in one title", { q: "captain", way: "dialogue", title: "the-lighthouse" }, [/said.*captain/, "The Lighthouse"], "captain"],
  ["alternatives in one title", { q: "dialogue:honey OR dialogue:whistle", way: "query", title: "the-lighthouse" }, [/The Lighthouse/], "honey"],
  ["words in one language", { q: "capitán", way: "dialogue", lang: "es" }, [/said.*capitán/, /Spanish/], "Un café solo y fuerte, capitán."],
];
test("addresses of the first page lead to the same question", async ({ page }) => {
  test.slow(); // nine addresses
  await enter(page);
  for (const [name, address, terms, found] of pages) {
    await test.step(name, async () => {
      await page.goto(`${shared().url}${path}${query(address)}`);
      await expect(hits(page).first()).toBeVisible();
      if (found) await expect(hits(page).filter({ hasText: found }).first()).toBeVisible();
      for (const term of terms) await expect(chips(page).filter({ hasText: term }).first()).toBeVisible();
      await expect(status(page)).not.toHaveClass(/bad/);
    });
  }
  await page.goto(`${shared().url}${path}${query({ q: "captain", way: "dialogue", group: "title" })}`);
  await expect(page.getByRole("button", { name: "By title" })).toHaveAttribute("aria-pressed", "true");
  await expect(page.getByRole("heading", { name: "The Lighthouse" })).toBeVisible();
  // An address that narrows alone waits for words.
  await page.goto(`${shared().url}${path}${query({ title: "the-lighthouse" })}`);
  await expect(chips(page)).toHaveText([/The Lighthouse/]);
  await expect(status(page)).toHaveText(/Type what to look for/);
  await box(page).fill("whistle");
  await expect(hits(page).filter({ hasText: "whistle" }).first()).toBeVisible();
});

/** The asset of the first hit of a question. */
async function assetOf(page: Page, q: string): Promise<string> {
  const answer = await page.request.post(`${shared().url}/cinedex.v1.SearchService/Search`, { data: { q, limit: 1 }, headers: { Authorization: `Bearer ${tokenOf("editor")}` } });
  return ((await answer.json()) as { hits: { asset: string }[] }).hits[0]!.asset;
}

test("an address of /next/ leads to the same moment, part and bin", async ({ page }) => {
  await signIn(page, "editor");
  const asset = await assetOf(page, "dialogue:whistle");
  await page.goto(`${shared().url}/next/${query({ q: "dialogue:whistle", asset, frame: "250" })}`);
  expect(new URL(page.url()).pathname).toBe(path);
  await expect(page.locator(".timecode input")).toHaveValue("01:00:10:00");
  await expect(hits(page).filter({ hasText: "whistle" }).first()).toBeVisible();
  await page.goto(`${shared().url}/next/?view=bins`);
  expect(new URL(page.url()).pathname + new URL(page.url()).search).toBe(`${path}?view=bins`);
});

test("a token in an address becomes a cookie, and the question stays", async ({ page }) => {
  for (const at of ["/", "/next/"]) {
    await page.context().clearCookies();
    await page.goto(`${shared().url}${at}${query({ token: tokenOf("editor"), q: "whistle" })}`);
    await expect(hits(page).filter({ hasText: "whistle" }).first()).toBeVisible();
    expect(new URL(page.url()).search).toBe("?q=whistle");
    expect(await page.evaluate(() => document.cookie)).toBe("");
  }
});

test("a link leads to its question through a wrong token and a right token @everywhere", async ({ page }) => {
  await page.goto(`${shared().url}${path}${query({ q: "coffee", way: "dialogue", title: "the-lighthouse" })}`);
  for (const token of ["wrong", tokenOf("editor")]) {
    await page.getByLabel("Your token").fill(token);
    await page.keyboard.press("Enter");
    if (token === "wrong") await expect(page.getByRole("alert")).toContainText("not known");
  }
  await expect(hits(page).filter({ hasText: "A strong black coffee, captain." }).first()).toBeVisible();
  await answered(page);
  await expect(chips(page)).toHaveText([/said.*coffee/, /The Lighthouse/]);
});
