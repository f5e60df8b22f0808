// What the tests of an editor's day have in common: a person at the page, and the page looked at.
import AxeBuilder from "@axe-core/playwright";
import { expect, test as base, type Locator, type Page } from "@playwright/test";
import type { Served } from "./platform.ts";

export { expect } from "@playwright/test";

/** The platform that all tests share. A test that ends or changes a platform starts one of its own (Platform.copyOf). */
export const shared = (): Served => JSON.parse(process.env["CINEDEX_WEB"]!) as Served;

/** The path of the application. */
export const path = "/";

/** The token of a caller of the tests: owner, editor, colleague, uploader, lighthouse-only, leaver, painter. */
export const tokenOf = (caller: string): string => `${caller}-of-the-tests`;

/** signIn gives the browser the cookie of a caller, as the form of the page does. */
export async function signIn(page: Page, caller: string, at: Served = shared()): Promise<void> {
  const answer = await page.request.post(`${at.url}/login`, { form: { token: tokenOf(caller) }, maxRedirects: 0 });
  expect(answer.status(), "the sign-in is answered with the way to the page").toBe(303);
}

/** enter opens the application for a caller, at a query such as "?q=storm". */
export async function enter(page: Page, query = "", caller = "editor", at: Served = shared()): Promise<void> {
  await signIn(page, caller, at);
  await page.goto(`${at.url}${path}${query}`);
  await expect(page.getByRole("navigation").first()).toBeVisible();
}

/** box is the box of the question. */
export const box = (page: Page): Locator => page.getByRole("search").getByRole("combobox");

/** hits are the moments of the answer that are in sight. */
export const hits = (page: Page): Locator => page.locator("#hits .hit:not(.waits)");

/** status is the sentence about the answer. */
export const status = (page: Page): Locator => page.getByRole("search").locator("xpath=..").getByRole("status").first();

/** chips are the terms of the question. */
export const chips = (page: Page): Locator => page.locator(".chip");

/** ask types a question, and waits for the answer. */
export async function ask(page: Page, question: string): Promise<void> {
  await box(page).click();
  await box(page).fill(question);
  await box(page).press("Enter");
  await answered(page);
}

/** answered waits until the page asks nothing any more. */
export async function answered(page: Page): Promise<void> {
  await expect(page.locator("[aria-busy=true]")).toHaveCount(0);
}

/** clean fails on any violation that axe finds in the page, of any impact. */
export async function clean(page: Page, within?: string): Promise<void> {
  // The page has no frames of other hosts, so axe needs no page of its own to put the findings of frames together.
  let axe = new AxeBuilder({ page }).setLegacyMode().withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]);
  if (within) axe = axe.include(within);
  const { violations } = await axe.analyze();
  expect(violations.map((v) => `${v.impact} ${v.id}: ${v.help}: ${v.nodes.map((n) => n.target.join(" ")).slice(0, 4).join(", ")}`)).toEqual([]);
}

/** fits fails if the page is wider than the window. */
export async function fits(page: Page): Promise<void> {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  expect(over, "pixels beyond the right edge").toBeLessThanOrEqual(0);
}

/**
 * test is Playwright's test over a page that must stay faultless: an error of a script, a refusal of the content security policy, or a
 * request to another host fails the test.
 */
export const test = base.extend<{ faults: string[]; faultless: void }>({
  faults: async ({}, use) => {
    await use([]);
  },
  faultless: [
    async ({ page, faults }, use) => {
      page.on("pageerror", (e) => faults.push(`a script failed: ${e.message}`));
      page.on("console", (m) => {
        if (/Content.Security.Policy/i.test(m.text())) faults.push(m.text());
      });
      page.on("request", (r) => {
        const { protocol, hostname } = new URL(r.url());
        if (protocol.startsWith("http") && hostname !== "127.0.0.1") faults.push(`a request left the machine: ${r.url()}`);
      });
      await use();
      expect(faults).toEqual([]);
    },
    { auto: true },
  ],
});
