import { readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startLocalCluster, type LocalCluster } from '../harness/local-cluster.ts';
import { inspectLooks, openBrowser, type Browser } from './browser.ts';

const assets = fileURLToPath(new URL('../../agent/dashboard/dist/assets', import.meta.url));
const user = { name: 'ann', password: 'correct horse battery', role: 'user' as const };

let cluster: LocalCluster;
let browser: Browser;
let looks: string[] = [];

beforeAll(async () => {
  cluster = await startLocalCluster({ agents: 3, users: [user] });
  browser = await openBrowser();
}, 180_000);

afterAll(async () => {
  await browser.close();
  await cluster.stop();
}, 60_000);

test('the first view stays below 300 KB of compressed JavaScript and CSS', () => {
  const first = readdirSync(assets).filter((name) => /^index-.*\.(js|css)\.gz$/.test(name));
  expect(first.map((name) => name.split('.')[1]).sort()).toEqual(['css', 'js']);
  const bytes = first.reduce((sum, name) => sum + statSync(`${assets}/${name}`).size, 0);
  expect(bytes).toBeLessThan(300_000);
});

describe('the dashboard in a browser', () => {
  const messageBox = () => browser.page.getByRole('textbox', { name: 'Message' });

  test('leads to the log-in, refuses a wrong password in words, and lets the right one in', async () => {
    const { page } = browser;
    await page.goto(cluster.agent('agent-0').dashboard);
    await page.getByRole('heading', { name: 'Log in' }).waitFor();
    looks.push(...(await inspectLooks(page, 'login')));

    await page.getByLabel('User name').fill(user.name);
    await page.getByRole('textbox', { name: 'Password' }).fill('wrong');
    await page.getByRole('button', { name: 'Log in' }).click();
    const alert = page.getByRole('alert');
    await alert.waitFor();
    expect(await alert.innerText()).toMatch(/password is wrong/);
    looks.push(...(await inspectLooks(page, 'login-wrong')));
    expect(browser.complaints.console.splice(0)).toEqual([expect.stringMatching(/401/)]);

    await page.getByRole('textbox', { name: 'Password' }).fill(user.password);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Agents', exact: true }).waitFor();
  });

  test('shows every agent, the model and one sentence of health', async () => {
    const { page } = browser;
    await page
      .getByRole('heading', { level: 1, name: 'All 3 agents are ready and the model answers.' })
      .waitFor();
    for (const id of ['agent-0', 'agent-1', 'agent-2'])
      await page.getByRole('row', { name: new RegExp(`^${id} .*Ready`) }).waitFor();
    await page.getByRole('row', { name: /ollamamax-tiny.*3 of 3/ }).waitFor();
    await page.getByText('Live from agent-0').waitFor();
    expect(page.url()).not.toContain('token');
  });

  test('streams an answer, with its speed at the end', async () => {
    const { page } = browser;
    await page.getByRole('link', { name: /^Chat with ollamamax-tiny/ }).click();
    await messageBox().fill('Tell me a story about a dolphin.');
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Stop' }).waitFor();
    await page.getByText(/tokens?, [\d.]+ tokens\/s/).waitFor();
    const answer = page.locator('.turn[data-role="assistant"] .turn-text');
    expect((await answer.innerText()).length).toBeGreaterThan(0);
    looks.push(...(await inspectLooks(page, 'chat')));
  });

  test('stop ends an answer and frees the input', async () => {
    const { page } = browser;
    const { process: agent } = cluster.agent('agent-0');
    // The model is too fast to be caught at work: its agent holds still until the button was used.
    agent.kill('SIGSTOP');
    try {
      await messageBox().fill('Tell me another one.');
      await page.getByRole('button', { name: 'Send' }).click();
      await page.getByText('Waiting for the first token').waitFor();
      await page.getByRole('button', { name: 'Stop' }).click();
      await page.getByText('Stopped', { exact: true }).waitFor();
    } finally {
      agent.kill('SIGCONT');
    }
    await messageBox().fill('Hello');
    await page.getByRole('button', { name: 'Send' }).click();
    await page
      .getByText(/tokens?, [\d.]+ tokens\/s/)
      .nth(1)
      .waitFor();
  });

  test('keeps the conversation while another page is shown', async () => {
    const { page } = browser;
    await page.getByRole('link', { name: 'Overview' }).click();
    await page.getByRole('heading', { name: 'Activity' }).waitFor();
    looks.push(...(await inspectLooks(page, 'overview')));
    await page.getByRole('link', { name: 'Chat', exact: true }).first().click();
    await messageBox().waitFor();
    expect(await page.locator('.turn').count()).toBe(6);
  });

  test('an error of a request is told in words', async () => {
    const { page } = browser;
    await page.getByLabel('Temperature').fill('-5');
    await messageBox().fill('Hello');
    await page.keyboard.press('Enter');
    const alert = page.getByRole('alert');
    await alert.waitFor();
    expect(await alert.innerText()).toMatch(/temperature/);
    expect(browser.complaints.console.splice(0)).toEqual([expect.stringMatching(/400/)]);
    await page.getByRole('button', { name: 'New chat' }).click();
    await page.getByText('Nothing said yet').waitFor();
    await page.getByLabel('Temperature').fill('');
    looks.push(...(await inspectLooks(page, 'chat-empty')));
  });

  test('works by keyboard alone', async () => {
    const { page } = browser;
    await page.reload();
    await messageBox().waitFor();
    await page.locator('body').press('Tab');
    const focused = () => page.evaluate(() => document.activeElement?.textContent ?? '');
    expect(await focused()).toBe('Skip to content');
    await page.keyboard.press('Tab');
    expect(await focused()).toBe('Overview');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Activity' }).waitFor();
  });

  test('the theme and the time zone can be switched and stay', async () => {
    const { page } = browser;
    await page.getByRole('button', { name: 'Switch to the dark theme' }).click();
    await page.getByRole('button', { name: /switch to UTC/ }).click();
    await page.reload();
    await page.getByRole('button', { name: 'Switch to the light theme' }).waitFor();
    await page.getByRole('button', { name: /switch to local time/ }).waitFor();
    // From here on the system decides again.
    await page.evaluate(() => localStorage.clear());
    await page.reload();
  });

  test('an agent that is killed shows up with cause and what to do, and its return too', async () => {
    const { page } = browser;
    await page.getByRole('row', { name: /^agent-2 .*Ready/ }).waitFor();
    await cluster.kill('agent-2', 'SIGKILL');
    await page.getByRole('row', { name: /^agent-2 .*Offline/ }).waitFor();
    await page.getByRole('heading', { level: 1, name: /^2 of 3 agents are ready/ }).waitFor();
    const attention = page.getByRole('region', { name: 'Needs attention' });
    await attention.getByText('agent-2 is offline').waitFor();
    await attention.getByText(/Start it again/).waitFor();
    looks.push(...(await inspectLooks(page, 'overview-offline')));
    await cluster.start('agent-2');
    await page.getByRole('heading', { level: 1, name: /^All 3 agents are ready/ }).waitFor();
  }, 120_000);

  test('says how old its data is when its own agent goes, and comes back by itself', async () => {
    const { page } = browser;
    await cluster.kill('agent-0', 'SIGKILL');
    await page.getByText(/Last data \d+ s ago from agent-0, reconnecting/).waitFor();
    await page.getByText('Another agent shows the same cluster').waitFor();
    expect(await page.locator('[data-stale="true"]').count()).toBe(1);
    looks.push(...(await inspectLooks(page, 'overview-stale')));
    // A browser reports every refused connection, whatever the page does about it.
    const refused = browser.complaints.console.splice(0);
    expect(refused.filter((text) => !/ERR_CONNECTION_REFUSED|WebSocket/.test(text))).toEqual([]);
    await cluster.start('agent-0');
    await page.getByText('Live from agent-0').waitFor({ timeout: 60_000 });
    await page.getByRole('heading', { level: 1, name: /^All 3 agents are ready/ }).waitFor();
    browser.complaints.console.splice(0);
  }, 180_000);

  test('a token that is no longer good leads back to the log-in, without a storm of retries', async () => {
    const { page } = browser;
    let calls = 0;
    page.on('request', (request) => {
      if (/session|ticket/.test(request.url())) calls += 1;
    });
    await page.evaluate(() => sessionStorage.setItem('ollamamax.token', 'no.longer.good'));
    await page.reload();
    await page.getByRole('heading', { name: 'Log in' }).waitFor();
    await page.waitForTimeout(3000);
    expect(calls).toBeLessThanOrEqual(2);
    browser.complaints.console.splice(0);
  });

  test('passed every look: accessible, fits 360 px, no policy violation, no complaint, no foreign host', () => {
    expect(looks).toEqual([]);
    expect(browser.complaints).toEqual({ policy: [], console: [] });
    expect(browser.foreignRequests).toEqual([]);
    looks = [];
  });
});
