// A server that goes away and comes back, rights that end, and libraries without a film.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ask, box, clean, enter, expect, fits, hits, path, shared, test, tokenOf } from "./day.ts";
import { Platform, work } from "./platform.ts";

test.describe("a platform of the tests' own", () => {
  test.describe.configure({ mode: "serial", timeout: 120_000 });
  let own: Platform;
  test.beforeAll(async () => {
    own = Platform.copyOf(join(work, "library"), join(work, "away"));
    await own.start();
  });
  test.afterAll(() => own.stop());

  test("that is killed leaves what is shown, says so, and is asked again when it is back", async ({ page }) => {
    await enter(page, "?q=whistle", "editor", own.served);
    await expect(hits(page).first()).toContainText("whistle");
    await own.kill();
    await box(page).fill("telescope");
    await box(page).press("Enter");
    await expect(page.getByRole("alert").first()).toBeVisible();
    await expect(hits(page).first()).toContainText("whistle");
    await clean(page);
    await own.start();
    await expect(hits(page).filter({ hasText: "telescope" }).first()).toBeVisible({ timeout: 60_000 });
    await expect(page.getByRole("alert")).toHaveCount(0);
  });

  test("that is killed while a part is loaded says so, and the part loads later", async ({ page }) => {
    await enter(page, "?q=whistle", "editor", own.served);
    await expect(hits(page).first()).toBeVisible();
    await own.kill();
    await page.getByRole("navigation").first().locator('a[href*="view=bins"]').click();
    await expect(page.getByRole("status").or(page.getByRole("alert")).first()).not.toBeEmpty();
    await own.start();
    await page.reload();
    await expect(page).toHaveURL(/view=bins/);
    await expect(page.getByRole("navigation").first().locator("[aria-current=page]")).toHaveAttribute("href", /view=bins/);
  });

  test("that withdraws a token asks for another, and leads back to the question", async ({ page }) => {
    await enter(page, "?q=whistle", "leaver", own.served);
    await expect(hits(page).first()).toBeVisible();
    const before = readFileSync(own.served.tokenFile, "utf8");
    const entries = before.split(/(?=  - name: )/);
    writeFileSync(own.served.tokenFile, entries.filter((e) => !e.includes('"leaver"')).join(""));
    // A withdrawn token is admitted for at most a second and a half.
    await expect(async () => {
      if (await page.getByLabel("Your token").isVisible()) return;
      await ask(page, `captain ${Date.now()}`);
      await expect(page.getByLabel("Your token")).toBeVisible({ timeout: 1000 });
    }).toPass({ timeout: 30_000 });
    await page.getByLabel("Your token").fill(tokenOf("editor"));
    await page.keyboard.press("Enter");
    await expect(hits(page).first()).toBeVisible();
    await expect(page).toHaveURL(/q=(whistle|captain)/);
  });
});

test.describe("a platform without a film", () => {
  test.describe.configure({ mode: "serial" });
  const own = new Platform(join(work, "empty"), true);
  test.beforeAll(() => own.start());
  test.afterAll(() => own.stop());

  test("says that there is nothing to search yet", async ({ page }) => {
    await enter(page, "", "editor", own.served);
    await expect(page.getByRole("main")).toContainText(/no titles yet|no films yet/i);
    await clean(page);
  });

  test("answers a question with nothing, and without a fault", async ({ page }) => {
    await enter(page, "?q=whistle", "editor", own.served);
    await expect(page.getByRole("main").getByRole("status").first()).toHaveText(/nothing found|no good match|no titles/i);
    await clean(page);
  });

  test("shows every part without a fault", async ({ page }) => {
    await enter(page, "", "owner", own.served);
    for (const view of ["bins", "library", "operators"]) {
      await page.goto(`${own.served.url}${path}?view=${view}`);
      await expect(page.getByRole("main")).toBeVisible();
      await clean(page);
      await fits(page);
    }
  });
});

test("a caller of one title sees that title alone", async ({ page }) => {
  await enter(page, "?q=thunder", "lighthouse-only");
  await expect(page.locator("#status")).not.toBeEmpty();
  await expect(page.getByText("<script>")).toHaveCount(0);
  await ask(page, "captain");
  await expect(hits(page).first()).toContainText("The Lighthouse");
  await page.goto(`${shared().url}${path}?view=library`);
  await expect(page.getByRole("main")).not.toContainText("قصة الميناء");
});

test("a caller without the operator's role is told so in plain words", async ({ page }) => {
  await enter(page, "?view=operators", "editor");
  await expect(page.getByRole("main")).toContainText(/role|right|operator/i);
  await clean(page);
});

test("an address of a film that is not there is told, and the page stays", async ({ page }) => {
  await enter(page, `?q=whistle&asset=${"0".repeat(64)}&frame=12`);
  await expect(hits(page).first()).toBeVisible();
  await expect(page.getByRole("navigation").first()).toBeVisible();
});

test("an address full of nonsense opens the page @everywhere", async ({ page }) => {
  await enter(page, "?view=%00&q=%F0%9F%8E%AC&frame=-1&asset=../../etc&lang=%3Cscript%3E&group=x&title=%25");
  await expect(box(page)).toBeVisible();
  await fits(page);
});

test.describe("a browser without JavaScript", () => {
  test.use({ javaScriptEnabled: false });
  test("is told the other ways to ask", async ({ page }) => {
    await page.request.post(`${shared().url}/login`, { form: { token: tokenOf("editor") }, maxRedirects: 0 });
    await page.goto(shared().url + path);
    // Playwright reads no text of this element: the element is seen, and holds the text.
    expect((await page.locator("noscript").boundingBox())!.height).toBeGreaterThan(10);
    expect(await page.content()).toContain("needs JavaScript");
  });
});
