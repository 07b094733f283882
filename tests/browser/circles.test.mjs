// Chromium with cookies blocked, or with a cookie_domain that it refuses: a page says what is wrong, and nothing goes round in circles.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { mkdirSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ALICE, accept, openDoor, signIn } from './door.mjs';
import { startBrowser, temporaryFolder } from './processes.mjs';

let upstream, door;

before(async () => {
  upstream = createServer((_, response) => response.end('the application')).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  door = await openDoor(`http://127.0.0.1:${upstream.address().port}`);
  const page = await (await door.person()).newPage();
  await accept(page, door.links[ALICE]);
  await page.context().close();
});
after(async () => {
  await door?.close();
  upstream?.close();
});

const heading = (page) => page.locator('h1').innerText();

/** Counts the answers to what the main frame asks of us. */
function counting(page) {
  const answers = [];
  page.on('response', (response) => { if (response.request().isNavigationRequest()) answers.push(response.status()); });
  return answers;
}

test('cookies blocked in the settings', async () => {
  const folder = temporaryFolder('blocked');
  const profile = join(folder.path, 'profile');
  mkdirSync(join(profile, 'Default'), { recursive: true });
  writeFileSync(join(profile, 'Default/Preferences'), JSON.stringify({ profile: { default_content_setting_values: { cookies: 2 } } }));
  const context = await startBrowser(folder.path, door.authority, { profile });
  try {
    const page = await context.newPage();
    const answers = counting(page);
    await page.goto(`${door.code}/`);
    await signIn(page, ALICE);
    assert.equal(await heading(page), 'Your browser returned no cookies');
    assert.ok(answers.length <= 6 && answers.at(-1) === 400, answers.join(' '));
    assert.deepEqual(await context.cookies(), []);
  } finally {
    await context.close();
    folder.remove();
  }
});

test('a cookie_domain that browsers refuse', async () => {
  // Chromium knows by its list that nobody owns all of github.io.
  const wrong = await openDoor(`http://127.0.0.1:${upstream.address().port}`, { site: 'github.io', settings: 'cookie_domain: github.io' });
  try {
    const page = await (await wrong.person()).newPage();
    await accept(page, wrong.links[ALICE]);
    const answers = counting(page);
    await page.goto(`${wrong.code}/page`);
    await signIn(page, ALICE);
    assert.equal(await heading(page), 'Your browser does not keep you signed in');
    assert.match(await page.locator('main').innerText(), /cookie_domain/);
    assert.ok(answers.length <= 6 && answers.at(-1) === 400, answers.join(' '));
    // Trying again does not help, and says so again.
    await Promise.all([page.waitForURL(/\/\.doorward\/sign_in/), page.locator('a.button').click()]);
    await signIn(page, ALICE);
    assert.equal(await heading(page), 'Your browser does not keep you signed in');
    assert.match(wrong.output(), /wrong-cookie-domain/);
  } finally {
    await wrong.close();
  }
});
