// The frame of the application: entering, languages, themes, widths, roles, and a server that goes away.
import { ask, box, clean, enter, expect, fits, hits, path, shared, signIn, test, tokenOf } from "./day.ts";

test("a person without a token is asked for the token @everywhere", async ({ page }) => {
  await page.goto(shared().url + path);
  await expect(page.getByLabel("Your token")).toBeFocused();
  await page.getByLabel("Your token").fill("wrong");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alert")).toContainText("not known");
  await clean(page);
});

test("the page is entered by the keyboard alone @everywhere", async ({ page }) => {
  await page.goto(shared().url + path);
  await expect(page.getByLabel("Your token")).toBeFocused();
  await page.keyboard.type(tokenOf("editor"));
  await page.keyboard.press("Enter");
  await expect(box(page)).toBeVisible();
  await page.goto(shared().url + path);
  await expect(box(page)).toBeVisible();
});

test("leaving asks for the token again @everywhere", async ({ page }) => {
  await enter(page);
  await page.getByRole("button", { name: "Sign out" }).click();
  await expect(page.getByLabel("Your token")).toBeVisible();
  await page.goto(shared().url + path);
  await expect(page.getByLabel("Your token")).toBeVisible();
});

test("the token is in no address", async ({ page }) => {
  await enter(page, "?q=storm");
  expect(page.url()).not.toContain(tokenOf("editor"));
  expect(await page.evaluate(() => document.cookie)).toBe("");
});

const greetings: Record<string, string> = { en: "Search", de: "Suche", es: "Buscar", fr: "Recherche", ja: "検索" };
for (const [language, greeting] of Object.entries(greetings)) {
  test.describe(`a browser in ${language}`, () => {
    test.use({ locale: language });
    test(`is spoken to in ${language}, and axe finds no fault @everywhere`, async ({ page }) => {
      await enter(page);
      await expect(page.locator("html")).toHaveAttribute("lang", language);
      await expect(page.getByRole("navigation").first()).toContainText(greeting);
      await ask(page, "storm");
      await clean(page);
      await fits(page);
    });
  });
}

test.describe("a browser in a language that the page lacks", () => {
  test.use({ locale: "fi-FI" });
  test("is spoken to in English", async ({ page }) => {
    await enter(page);
    await expect(page.locator("html")).toHaveAttribute("lang", "en");
  });
});

test("the chosen language stays for the next visit", async ({ page }) => {
  await enter(page);
  await page.getByRole("combobox", { name: "Language" }).selectOption("de");
  await expect(page.locator("html")).toHaveAttribute("lang", "de");
  await page.reload();
  await expect(page.locator("html")).toHaveAttribute("lang", "de");
  await expect(page.getByRole("navigation").first()).toContainText("Suche");
});

for (const scheme of ["dark", "light"] as const) {
  test.describe(`a ${scheme} system`, () => {
    test.use({ colorScheme: scheme });
    test(`has a ${scheme} page, with contrast enough`, async ({ page }) => {
      await enter(page);
      await ask(page, "storm");
      const light = await page.evaluate(() => {
        const [r = 0, g = 0, b = 0] = getComputedStyle(document.documentElement).backgroundColor.match(/\d+/g)!.map(Number);
        return (r + g + b) / 3;
      });
      if (scheme === "dark") expect(light).toBeLessThan(100);
      else expect(light).toBeGreaterThan(155);
      await clean(page);
    });
  });
}

test("the chosen theme stays for the next visit", async ({ page }) => {
  await enter(page);
  await page.getByRole("combobox", { name: "Dark or light" }).selectOption("light");
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const chosen = await ground();
  await page.getByRole("combobox", { name: "Dark or light" }).selectOption("dark");
  expect(await ground()).not.toBe(chosen);
  await page.reload();
  expect(await ground()).not.toBe(chosen);
});

for (const [name, width, height] of [["a telephone", 390, 844], ["a tablet", 820, 1180], ["a desk", 1440, 900], ["a wall, 4K", 3840, 2160]] as const) {
  test.describe(name, () => {
    test.use({ viewport: { width, height } });
    test(`${name} shows the whole page, nothing cut @everywhere`, async ({ page }) => {
      await enter(page);
      await fits(page);
      await ask(page, "storm");
      await expect(hits(page).first()).toBeVisible();
      await fits(page);
    });
  });
}

test.describe("the page at 200 %", () => {
  test.use({ viewport: { width: 640, height: 400 }, deviceScaleFactor: 2 }); // 1280 x 800 at 200 %
  test("loses nothing", async ({ page }) => {
    await enter(page);
    await ask(page, "storm");
    await expect(box(page)).toBeVisible();
    await fits(page);
    await clean(page);
  });
});

test("letters of double size lose nothing", async ({ page }) => {
  await enter(page);
  await page.evaluate(() => document.documentElement.style.setProperty("font-size", "200%"));
  await ask(page, "storm");
  await fits(page);
});

test.describe("forced colours", () => {
  test.use({ forcedColors: "active" });
  test("leave every control seen", async ({ page }) => {
    await enter(page);
    await ask(page, "storm");
    await hits(page).first().focus();
    const outline = await hits(page).first().evaluate((e) => getComputedStyle(e).outlineStyle);
    expect(outline).not.toBe("none");
    await clean(page);
  });
});

test.describe("reduced motion", () => {
  test.use({ reducedMotion: "reduce" });
  test("moves nothing", async ({ page }) => {
    await enter(page);
    await ask(page, "storm");
    const moving = await page.evaluate(() =>
      [...document.querySelectorAll("*")].filter((e) => {
        const s = getComputedStyle(e);
        const long = (t: string) => t.split(",").some((x) => parseFloat(x) > 0.05);
        return (s.animationName !== "none" && long(s.animationDuration)) || (s.transitionProperty !== "none" && long(s.transitionDuration));
      }).length,
    );
    expect(moving).toBe(0);
  });
});

test("the parts of the page are landmarks with names", async ({ page }) => {
  await enter(page);
  await expect(page.getByRole("banner")).toHaveCount(1);
  await expect(page.getByRole("main")).toHaveCount(1);
  await expect(page.getByRole("search")).toHaveCount(1);
  await expect(page.getByRole("navigation")).toHaveAccessibleName(/.+/);
  const nameless = await page.evaluate(() => [...document.querySelectorAll("button, a, input, select")].filter((e) => !(e as HTMLElement).innerText && !e.getAttribute("aria-label") && !(e as HTMLInputElement).labels?.length).length);
  expect(nameless).toBe(0);
});

for (const view of ["bins", "library", "operators"]) {
  test(`a link leads to the part ${view} @everywhere`, async ({ page }) => {
    await enter(page, `?view=${view}`, "owner");
    await expect(page.getByRole("navigation").first().locator("[aria-current=page]")).toHaveAttribute("href", new RegExp(`view=${view}`));
    await expect(page.getByText("could not be loaded")).toHaveCount(0);
    await clean(page);
    await fits(page);
  });
}

test("back and forward walk through the parts", async ({ page }) => {
  await enter(page, "?q=storm", "owner");
  const parts = page.getByRole("navigation").first();
  for (const view of ["bins", "library"]) {
    await parts.locator(`a[href*="view=${view}"]`).click();
    await expect(page).toHaveURL(new RegExp(`view=${view}`));
  }
  await page.goBack();
  await expect(page).toHaveURL(/view=bins/);
  await page.goBack();
  await expect(page).not.toHaveURL(/view=/);
  await expect(hits(page).first()).toBeVisible();
  await page.goForward();
  await expect(page).toHaveURL(/view=bins/);
});

test("a part is opened in a tab of its own by the usual click", async ({ page, context }) => {
  await enter(page, "", "owner");
  const [second] = await Promise.all([context.waitForEvent("page"), page.getByRole("navigation").first().locator('a[href*="view=library"]').click({ modifiers: ["ControlOrMeta"] })]);
  await expect(second).toHaveURL(/view=library/);
  await expect(page).not.toHaveURL(/view=library/);
});

test("the page runs under its content security policy, and asks no other host @everywhere", async ({ page }) => {
  await signIn(page, "editor");
  const answer = await page.goto(shared().url + path);
  expect(answer!.headers()["content-security-policy"]).toContain("default-src 'self'");
  expect(answer!.headers()["x-content-type-options"]).toBe("nosniff");
  await ask(page, "storm");
  await expect(hits(page).first()).toBeVisible();
});
