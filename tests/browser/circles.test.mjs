// Chromium with cookies blocked, or with one of ours taken away on the way: a page says what is wrong, and nothing goes round in circles.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { mkdirSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ALICE, PASSWORD, accept, openDoor, signIn } from './door.mjs';
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

test('the session cookie is taken away on the way, then no longer', async () => {
  const page = await (await door.person()).newPage();
  const answers = counting(page);
  // What a proxy in front may do, or a browser that refuses the cookie's domain.
  const session = await page.context().newCDPSession(page);
  await session.send('Fetch.enable', { patterns: [{ requestStage: 'Response' }] });
  let takes = true;
  session.on('Fetch.requestPaused', async ({ requestId, responseStatusCode, responseHeaders = [] }) => {
    const kept = responseHeaders.filter(({ name, value }) => !(takes && /^set-cookie$/i.test(name) && value.startsWith('__Host-doorward=')));
    await session.send('Fetch.continueResponse', { requestId, responseCode: responseStatusCode, responseHeaders: kept });
  });
  await page.goto(`${door.code}/page`);
  await signIn(page, ALICE);
  assert.equal(await heading(page), 'Your browser does not keep you signed in');
  assert.ok(answers.length <= 6 && answers.at(-1) === 400, answers.join(' '));
  assert.match(await page.locator('footer').innerText(), /\w/, 'the number of the request is there');
  takes = false;
  await Promise.all([page.waitForURL(/\/\.doorward\/sign_in/), page.locator('a.button').click()]);
  await signIn(page, ALICE, PASSWORD);
  assert.equal(new URL(page.url()).pathname, '/page');
  assert.equal(await page.locator('body').innerText(), 'the application');
});
