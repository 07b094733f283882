// Every page of Doorward's own, as people see it: narrow and wide, light and dark, kept below target/screenshots/. Each must fit a
// telephone, say what it is, and break no rule of its own content security policy.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ALICE, EVE, PASSWORD, accept, openDoor, signIn } from './door.mjs';

const FOLDER = join(new URL('../..', import.meta.url).pathname, 'target/screenshots');
let upstream, door, alice, eve;

before(async () => {
  mkdirSync(FOLDER, { recursive: true });
  upstream = createServer((_, response) => response.end('the application')).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  door = await openDoor(`http://127.0.0.1:${upstream.address().port}`);
  [alice, eve] = [await newPage(), await newPage()];
});
after(async () => {
  await door?.close();
  upstream?.close();
});

async function newPage() {
  const page = await (await door.person()).newPage();
  page.complaints = [];
  page.on('console', (message) => {
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) page.complaints.push(message.text());
  });
  page.on('pageerror', (error) => page.complaints.push(error.message));
  return page;
}

/** Photographs the page as it stands, in every shape, and holds it to what each page owes its reader. */
async function photograph(page, name, scripts = 0) {
  for (const [shape, width] of [['narrow', 360], ['wide', 1280]]) {
    for (const colorScheme of ['light', 'dark']) {
      await page.setViewportSize({ width, height: 800 });
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: join(FOLDER, `${name}-${shape}-${colorScheme}.png`), fullPage: true });
    }
    const seen = await page.evaluate(() => ({
      overflow: document.documentElement.scrollWidth - innerWidth,
      lang: document.documentElement.lang,
      title: document.title,
      headings: document.querySelectorAll('h1').length,
      unlabelled: [...document.querySelectorAll('input:not([type="hidden"])')].filter((input) => !input.labels?.length).length,
      scripts: document.scripts.length,
    }));
    assert.ok(seen.overflow <= 0, `${name} is ${seen.overflow} pixels too wide at ${width}`);
    assert.ok(seen.lang && seen.title, `${name} has a language and a title`);
    assert.deepEqual([seen.headings, seen.unlabelled, seen.scripts], [1, 0, scripts], `${name}: one heading, every field labelled, no script`);
  }
  // A page must be readable in the dark: its background really changes.
  const background = async (colorScheme) => {
    await page.emulateMedia({ colorScheme });
    return page.evaluate(() => getComputedStyle(document.body).backgroundColor + getComputedStyle(document.documentElement).backgroundColor);
  };
  assert.notEqual(await background('light'), await background('dark'), `${name} is as bright in the dark`);
  assert.deepEqual(page.complaints, [], name);
}

test('choosing a password', async () => {
  await alice.goto(door.links[ALICE]);
  await photograph(alice, 'set-password');
  await alice.locator('input[name="password"]').fill(PASSWORD);
  await alice.locator('input[name="again"]').fill(`${PASSWORD}!`);
  await alice.locator('button[type="submit"]').click();
  await alice.locator('[role="alert"]').waitFor();
  await photograph(alice, 'set-password-refused');
  await accept(alice, door.links[ALICE]);
});

test('a link that has been used', async () => {
  const page = await newPage();
  const answer = await page.goto(door.links[ALICE]);
  assert.ok(answer.status() >= 400);
  await photograph(page, 'used-link');
});

test('signing in', async () => {
  const page = await newPage();
  await page.goto(`${door.code}/`);
  await photograph(page, 'sign-in');
  await signIn(page, ALICE, 'not the password');
  await page.locator('[role="alert"]').waitFor();
  await photograph(page, 'sign-in-refused');
  await signIn(page, ALICE);
  assert.equal(await page.locator('body').innerText(), 'the application');
});

test('who you are, and where you may go', async () => {
  await alice.goto(`${door.code}/.doorward/`);
  assert.match(await alice.locator('body').innerText(), new RegExp(ALICE.replaceAll('.', '\\.')));
  await photograph(alice, 'user');
  await alice.goto(`${door.code}/.doorward/routes`);
  assert.match(await alice.locator('body').innerText(), /Editor/);
  await photograph(alice, 'routes');
});

test('a list of sessions, each with what tells it apart', async () => {
  const agents = [
    'Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Mobile/15E148 Safari/604.1',
    'Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0',
    `a-robot-of-ours/1.0 (${'nobody knows what it does '.repeat(5)})`,
  ];
  for (const userAgent of agents) {
    const page = await (await door.person({ userAgent })).newPage();
    await page.goto(`${door.code}/`);
    await signIn(page, ALICE);
    await page.context().close();
  }
  await alice.goto(`${door.code}/.doorward/`);
  const text = await alice.locator('main').innerText();
  for (const part of ['Safari on an iPhone', 'Firefox on Windows', 'a-robot-of-ours', 'This one', '127.0.0.1', 'just now']) assert.ok(text.includes(part), `${part}: ${text}`);
  await photograph(alice, 'sessions');
  const list = alice.locator('ul.sessions li');
  const before = await list.count();
  const iphone = list.filter({ hasText: 'iPhone' });
  await Promise.all([alice.waitForNavigation(), iphone.getByRole('button', { name: 'End' }).click()]);
  assert.deepEqual([await list.count(), await iphone.count()], [before - 1, 0]);
  await Promise.all([alice.waitForNavigation(), alice.getByRole('button', { name: 'End all others' }).click()]);
  assert.equal(await list.count(), 1);
  assert.equal(await alice.getByRole('button', { name: 'End all others' }).count(), 0);
});

test('a sign-in in a window of its own has ended', async () => {
  await alice.goto(`${door.code}/.doorward/signed_in`);
  await photograph(alice, 'signed-in', 1);
});

test('denied', async () => {
  await accept(eve, door.links[EVE]);
  const answer = await eve.goto(`${door.code}/`);
  assert.equal(answer.status(), 403);
  await photograph(eve, 'denied');
  await eve.goto(`${door.code}/.doorward/routes`);
  assert.doesNotMatch(await eve.locator('body').innerText(), /The machine's editor/, 'a person is shown only what they may open');
});

test('nothing here', async () => {
  assert.equal((await alice.goto(`${door.down}/elsewhere`)).status(), 404);
  await photograph(alice, 'not-found');
});

test('the application does not answer', async () => {
  assert.equal((await alice.goto(`${door.down}/app/`)).status(), 502);
  await photograph(alice, 'bad-gateway');
});

test('a broken request', async () => {
  assert.equal((await alice.goto(`${door.code}/a%2fb`)).status(), 400);
  await photograph(alice, 'bad-request');
});

test('signing out', async () => {
  await alice.goto(`${door.code}/.doorward/sign_out`);
  await photograph(alice, 'sign-out');
  await Promise.all([alice.waitForNavigation(), alice.getByRole('button', { name: 'Sign out of this browser' }).click()]);
  await photograph(alice, 'signed-out');
  assert.match(await alice.locator('main').innerText(), /in this browser/);
});
