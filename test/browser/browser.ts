import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AxeBuilder } from '@axe-core/playwright';
import { chromium, type BrowserContext, type Page } from 'playwright-core';

const pictures = fileURLToPath(new URL('../../.cache/pictures', import.meta.url));

const chromiumPath = process.env.OLLAMAMAX_CHROMIUM ?? '/usr/bin/chromium';

/** What a page must never do: break its own policy, or complain on the console. */
export interface Complaints {
  readonly policy: string[];
  readonly console: string[];
}

export interface Browser {
  readonly page: Page;
  readonly complaints: Complaints;
  /** Loads nothing but what the agents serve: every other host is a failure. */
  readonly foreignRequests: string[];
  close(): Promise<void>;
}

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** The machine's Chromium with a profile of its own. */
export const openBrowser = async (): Promise<Browser> => {
  if (!existsSync(chromiumPath))
    throw new Error(`there is no Chromium at ${chromiumPath}: install it or set OLLAMAMAX_CHROMIUM`);
  const profile = mkdtempSync(join(tmpdir(), 'ollamamax-chromium-'));
  const context: BrowserContext = await chromium.launchPersistentContext(profile, {
    executablePath: chromiumPath,
    headless: true,
    args: flags,
    viewport: { width: 1280, height: 900 },
    colorScheme: 'light',
  });
  const complaints: Complaints = { policy: [], console: [] };
  const foreignRequests: string[] = [];
  await context.exposeFunction('reportViolation', (text: string) => complaints.policy.push(text));
  await context.addInitScript(() => {
    document.addEventListener('securitypolicyviolation', (event) => {
      const report = (globalThis as unknown as { reportViolation: (text: string) => void }).reportViolation;
      report(`${event.violatedDirective}: ${event.blockedURI} ${event.sample} ${event.sourceFile}`);
    });
  });
  const page = context.pages()[0] ?? (await context.newPage());
  page.setDefaultTimeout(30_000);
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.console.push(message.text());
  });
  page.on('pageerror', (error) => complaints.console.push(String(error)));
  page.on('request', (request) => {
    if (!/^(http|ws):\/\/127\.0\.0\.1:|^data:/.test(request.url())) foreignRequests.push(request.url());
  });
  return {
    page,
    complaints,
    foreignRequests,
    close: async () => {
      await context.close();
      rmSync(profile, { recursive: true, force: true });
    },
  };
};

/** Breaches of the accessibility rules, as text. */
const accessibilityViolations = async (page: Page): Promise<string[]> => {
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, any, all }) => `${id} at ${target.join(' ')}: ${(any[0] ?? all[0])?.message ?? ''}`),
  );
};

/** A picture of the whole page, to be looked at. */
const takePicture = async (page: Page, name: string): Promise<void> => {
  mkdirSync(pictures, { recursive: true });
  await page.screenshot({ path: join(pictures, `${name}.png`), fullPage: true, animations: 'disabled' });
};

const sizes = [
  { name: '1280', width: 1280, height: 900 },
  { name: '390', width: 390, height: 844 },
] as const;

/** Looks at the page in both themes and sizes: pictures are kept, breaches and sideways scrolling are returned. */
export const inspectLooks = async (page: Page, name: string): Promise<string[]> => {
  const found: string[] = [];
  for (const scheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme: scheme, reducedMotion: 'reduce' });
    for (const { name: size, width, height } of sizes) {
      await page.setViewportSize({ width, height });
      await takePicture(page, `${name}-${scheme}-${size}`);
      const violations = await accessibilityViolations(page);
      found.push(...violations.map((violation) => `${name} ${scheme} ${size}: ${violation}`));
    }
  }
  await page.setViewportSize({ width: 360, height: 740 });
  const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (overflow > 0) found.push(`${name}: ${overflow} px too wide at 360 px`);
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.emulateMedia({ colorScheme: 'light', reducedMotion: null });
  return found;
};
