import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { routes } from '@ollamamax/api';
import { startLocalCluster, type LocalCluster } from '../harness/local-cluster.ts';
import { inspectLooks, openBrowser, type Browser } from './browser.ts';

const user = { name: 'ann', password: 'correct horse battery', role: 'user' as const };
const count = Object.keys(routes).length;

let cluster: LocalCluster;
let browser: Browser;

beforeAll(async () => {
  cluster = await startLocalCluster({ users: [user] });
  browser = await openBrowser();
}, 180_000);

afterAll(async () => {
  await browser.close();
  await cluster.stop();
}, 60_000);

describe('the page of the API', () => {
  test('shows every route without a log-in, with an example for the agent that was asked', async () => {
    const { page } = browser;
    await page.goto(`${cluster.agent('agent-0').api}/docs`);
    await page.getByRole('heading', { level: 1, name: 'The API of OllamaMax' }).waitFor();
    expect(await page.locator('.operation').count()).toBe(count);
    const example = await page.locator('#tags pre').innerText();
    expect(example).toContain(`curl ${cluster.agent('agent-0').api}/api/tags`);
  });

  test('finds routes by words, and says how many', async () => {
    const { page } = browser;
    await page.getByLabel('Find a route').fill('post embed');
    await page.getByText(`4 of ${count} routes`).waitFor();
    expect(await page.locator('.operation:visible h3').allInnerTexts()).toEqual([
      expect.stringContaining('/api/embed'),
      expect.stringContaining('/api/embeddings'),
      expect.stringContaining('/v1/embeddings'),
      expect.stringContaining('/api/v1/embeddings'),
    ]);
    await page.getByLabel('Find a route').fill('nothing like it');
    await page.getByText(`0 of ${count} routes`).waitFor();
    await page.getByLabel('Find a route').fill('');
  });

  test('leads to a route by its link, and shows its fields', async () => {
    const { page } = browser;
    await page
      .getByRole('navigation', { name: 'Routes' })
      .getByRole('link', { name: '/v1/embeddings' })
      .first()
      .click();
    expect(new URL(page.url()).hash).toBe('#openaiEmbeddings');
    const route = page.locator('#openaiEmbeddings');
    await route.getByText('Request body', { exact: true }).click();
    await route.getByText('encoding_format', { exact: true }).waitFor();
  });

  test('is the same on the port of the dashboard', async () => {
    const { page } = browser;
    await page.goto(`${cluster.agent('agent-0').dashboard}/docs`);
    await page.getByRole('heading', { level: 1, name: 'The API of OllamaMax' }).waitFor();
    expect(await page.locator('.operation').count()).toBe(count);
  });

  test('is accessible in both themes, fits 360 px, and keeps to its policy', async () => {
    const { page } = browser;
    // All routes look alike: some are enough, with everything open.
    await page.getByLabel('Find a route').fill('chat');
    for (const part of await page.locator('#chat summary, #nativeChat summary').all()) await part.click();
    expect(await inspectLooks(page, 'api-docs')).toEqual([]);
    expect(browser.complaints).toEqual({ policy: [], console: [] });
    expect(browser.foreignRequests).toEqual([]);
  }, 300_000);
});
