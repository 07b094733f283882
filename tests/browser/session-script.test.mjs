// A single-page application whose session ends while it is open: it asks for a sign-in, gets it in a pop-up or another tab, and
// goes on where it was, with nothing lost and nobody mixed up.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { Application, startApplication } from './application.mjs';
import { PASSWORD, accept, signIn } from './door.mjs';
import { expectEventually } from './expect.mjs';
import { freePort, startBrowser, startDoorward, temporaryFolder } from './processes.mjs';

const ALICE = 'alice@example.com';
const BOB = 'bob@example.com';
const FOLDER = join(new URL('../..', import.meta.url).pathname, 'target/screenshots');
let folder, plain, alone, door, browser, origin, severed, fresh, elsewhere;

before(async () => {
  mkdirSync(FOLDER, { recursive: true });
  folder = temporaryFolder('doorward-script');
  [plain, alone] = [await startApplication(), await startApplication({ 'cross-origin-opener-policy': 'same-origin' })];
  const port = await freePort();
  const at = (host) => `https://${host}.example.test:${port}`;
  door = await startDoorward(folder.path, `
address: 127.0.0.1:${port}
health_check_addr: 127.0.0.1:0
data_dir: ${folder.path}/data
users: [${ALICE}, ${BOB}]
routes:
  - from: ${at('app')}
    to: ${plain.url}
    allow_any_authenticated_user: true
    pass_identity_headers: true
  - from: ${at('severed')}
    to: ${alone.url}
    allow_any_authenticated_user: true
  - from: ${at('fresh')}
    to: ${plain.url}
    allow_any_authenticated_user: true
    authentication_max_age: 1m
`, [ALICE, BOB]);
  [origin, severed, fresh] = [at('app'), at('severed'), at('fresh')];
  browser = await startBrowser(folder.path, door.authority);
  // Another browser of Alice's, from which she ends her sessions elsewhere.
  elsewhere = await (await browser.newContext()).newPage();
  await accept(elsewhere, door.links[ALICE]);
  await accept(await (await browser.newContext()).newPage(), door.links[BOB]);
});
after(async () => {
  await browser?.close();
  await door?.stop();
  plain?.close();
  alone?.close();
  folder?.remove();
});

/** A browser of its own in which Alice has the application open. */
async function opened(at = origin, prepare = () => {}) {
  const context = await browser.newContext({ viewport: { width: 1000, height: 700 } });
  await prepare(context);
  const page = await context.newPage();
  await page.goto(`${at}/`);
  await signIn(page, ALICE);
  const application = new Application(page);
  await application.open(`${at}/`);
  return { context, page, application };
}

/** Alice ends every session but the one she ends them from. */
async function endAll() {
  await elsewhere.goto(`${origin}/.doorward/`);
  await Promise.all([elsewhere.waitForNavigation(), elsewhere.getByRole('button', { name: 'End all others' }).click()]);
}

async function signInInPopUp(page, application, email = ALICE, opener = application.signIn) {
  const [popUp] = await Promise.all([page.waitForEvent('popup'), opener.click()]);
  await popUp.waitForURL(/\/\.doorward\/sign_in/);
  await popUp.locator('input[name="email"]').fill(email);
  await popUp.locator('input[name="password"]').fill(PASSWORD);
  const closed = popUp.waitForEvent('close', { timeout: 30_000 });
  await popUp.locator('form button[type="submit"]').click();
  await closed;
}

const body = async (application, name) => JSON.parse((await application.answer(name)).body);

test('the page goes on where it was, after a sign-in in a pop-up', async () => {
  const { page, application } = await opened();
  await application.ask('before', '/api/before');
  assert.equal((await body(application, 'before')).who, ALICE);
  await endAll();
  await application.ask('get', '/api/get');
  await application.ask('post', '/api/post', { method: 'POST', body: 'forty-two' });
  await page.evaluate(() => { app.ask('request', new Request('/api/request', { method: 'PUT', body: 'of a Request' })); });
  await application.bar.waitFor();
  assert.deepEqual(Object.keys(await application.answers()), ['before'], 'they wait');
  for (const [shape, width] of [['narrow', 360], ['wide', 1280]]) {
    await page.setViewportSize({ width, height: 400 });
    await page.screenshot({ path: join(FOLDER, `bar-${shape}.png`) });
  }
  await signInInPopUp(page, application);
  assert.deepEqual(await body(application, 'get'), { path: '/api/get', body: '', who: ALICE });
  assert.equal((await body(application, 'post')).body, 'forty-two');
  assert.equal((await body(application, 'request')).body, 'of a Request');
  await application.bar.waitFor({ state: 'detached' });
  assert.ok(await application.wasKept(), 'the page was loaded anew');
  assert.deepEqual(application.complaints, [], 'and broke none of its own rules');
  assert.equal(plain.seen.filter(({ pathname }) => pathname === '/api/post').length, 1, 'it arrived once');
});

test('a sign-in within the second of the one before it counts', async () => {
  const { page, application } = await opened(origin, (made) => made.addInitScript(() => {
    const moment = '2027-01-15T08:00:00Z';
    const send = window.fetch;
    window.fetch = async (input, init) => {
      const answer = await send(input, init);
      if (input !== '/.doorward/user' || !answer.ok) return answer;
      return Response.json({ ...await answer.json(), signed_in_at: moment, authenticated_at: moment });
    };
  }));
  await endAll();
  await application.ask('get', '/api/get');
  await signInInPopUp(page, application);
  assert.equal((await body(application, 'get')).who, ALICE);
  assert.ok(await application.wasKept());
});

test('twenty expired requests at once show one bar and leave no cookie', async () => {
  const { context, page, application } = await opened();
  await endAll();
  const jar = async () => (await context.cookies()).map(({ name, value, domain }) => `${domain} ${name} ${value}`).sort();
  const kept = await jar();
  const names = Array.from({ length: 20 }, (_, number) => `r${number}`);
  await page.evaluate((all) => { for (const name of all) app.ask(name, `/api/${name}`); }, names);
  await application.bar.waitFor();
  await expectEventually('a 401 for each', async () => page.evaluate(() => performance.getEntriesByType('resource')
    .filter(({ name, responseStatus }) => name.includes('/api/r') && responseStatus === 401).length === 20));
  assert.equal(await page.locator('doorward-session').count(), 1);
  assert.deepEqual(await jar(), kept);
  await signInInPopUp(page, application);
  for (const name of names) assert.equal((await application.answer(name)).status, 200);
  assert.equal(await page.locator('doorward-session').count(), 0);
});

test('where pop-ups are blocked the sign-in is in a tab', async () => {
  const { context, page, application } = await opened(origin, (made) => made.addInitScript(() => { window.open = () => null; }));
  await endAll();
  await application.ask('get', '/api/get');
  const [tab] = await Promise.all([context.waitForEvent('page'), application.signIn.click()]);
  await tab.waitForURL(/\/\.doorward\/sign_in/);
  await signIn(tab, ALICE);
  assert.equal((await application.answer('get')).status, 200);
  assert.ok(await application.wasKept());
  if (!tab.isClosed()) assert.match(await tab.locator('body').innerText().catch(() => 'signed in'), /signed in/);
});

test('other tabs go on too', async () => {
  const { context, page, application } = await opened();
  const second = new Application(await context.newPage());
  await second.open(`${origin}/second`);
  await endAll();
  await Promise.all([application.ask('one', '/api/one'), second.ask('two', '/api/two')]);
  await Promise.all([application.bar.waitFor(), second.bar.waitFor()]);
  await signInInPopUp(page, application);
  assert.equal((await application.answer('one')).status, 200);
  assert.equal((await second.answer('two')).status, 200);
  await second.bar.waitFor({ state: 'detached' });
  assert.ok(await application.wasKept() && await second.wasKept());
});

test('a page that has cut itself off from its pop-ups goes on as well', async () => {
  const { page, application } = await opened(severed);
  await endAll();
  await application.ask('get', '/api/get');
  await signInInPopUp(page, application);
  assert.equal((await application.answer('get')).status, 200);
  assert.ok(await application.wasKept());
});

test('where a sign-in has to be recent, the page of somebody whose is not goes on after a new one', async () => {
  const { page, application } = await opened(fresh);
  await application.ask('at once', '/api/at-once');
  assert.equal((await application.answer('at once')).status, 200);
  await expectEventually('a request comes too late', async () => {
    await application.ask('late', '/api/late');
    return application.bar.isVisible();
  }, 100_000);
  await application.ask('waiting', '/api/waiting');
  await signInInPopUp(page, application);
  assert.equal((await application.answer('waiting')).status, 200);
  assert.ok(await application.wasKept());
});

test('when somebody else signs in the page begins anew, and nothing of the first is sent as the second', async () => {
  const { page, application } = await opened();
  await endAll();
  const before = plain.seen.length;
  await application.ask('get', '/api/of-alice', { method: 'POST', body: 'written by Alice' });
  await application.bar.waitFor();
  const reloaded = page.waitForEvent('load');
  await signInInPopUp(page, application, BOB);
  await reloaded;
  await page.waitForFunction(() => window.app);
  assert.equal(await application.wasKept(), false);
  assert.deepEqual(plain.seen.slice(before).filter(({ pathname }) => pathname === '/api/of-alice'), []);
  await application.ask('who', '/api/who');
  assert.equal((await body(application, 'who')).who, BOB);
});

test('who would rather not sign in gets the refusal, and is asked again by the next request', async () => {
  const { page, application } = await opened();
  await endAll();
  await application.ask('one', '/api/one');
  await application.bar.getByRole('button', { name: 'Not now' }).click();
  const { status, body: text } = await application.answer('one');
  assert.deepEqual([status, JSON.parse(text).error], [401, 'sign-in-required'], 'its body can still be read');
  await application.bar.waitFor({ state: 'detached' });
  await application.ask('two', '/api/two');
  await application.bar.waitFor();
  await page.close();
});

test('a request that is given up, or cannot be sent again, fails as it would', async () => {
  const { page, application } = await opened();
  await endAll();
  await page.evaluate(() => {
    app.stop = new AbortController();
    app.ask('given up', '/api/slow', { signal: app.stop.signal });
    const stream = new ReadableStream({ start(to) { to.enqueue(new TextEncoder().encode('once')); to.close(); } });
    app.ask('stream', '/api/stream', { method: 'POST', body: stream, duplex: 'half' });
    app.ask('nobody', '/api/nobody', { credentials: 'omit' });
  });
  await application.bar.waitFor();
  assert.equal((await application.answer('stream')).status, 401);
  assert.equal((await application.answer('nobody')).status, 401);
  await page.evaluate(() => app.stop.abort());
  assert.deepEqual(await application.answer('given up'), { error: 'AbortError' });
});

test('a request of the old kind shows the bar, and a script may ask for a sign-in', async () => {
  const { page, application } = await opened();
  await endAll();
  const status = await page.evaluate(() => new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open('GET', '/api/old');
    request.onload = () => resolve(request.status);
    request.send();
  }));
  assert.equal(status, 401);
  await application.bar.waitFor();
  await page.evaluate(() => {
    const button = document.body.appendChild(document.createElement('button'));
    button.textContent = 'Ask';
    button.onclick = () => doorward.signIn().then((yes) => { app.answers.signIn = { yes }; });
  });
  await signInInPopUp(page, application, ALICE, page.getByRole('button', { name: 'Ask' }));
  assert.deepEqual(await application.answer('signIn'), { yes: true });
});

test('a forged message changes nothing', async () => {
  const { page, application } = await opened();
  await endAll();
  await application.ask('get', '/api/get');
  await application.bar.waitFor();
  await page.evaluate(() => {
    window.postMessage('doorward:signed-in', location.origin);
    new BroadcastChannel('doorward').postMessage('doorward:signed-in');
  });
  // Each of them makes the page look who is signed in.
  await page.waitForResponse(/\/\.doorward\/user$/);
  assert.ok(await application.bar.isVisible());
  assert.deepEqual(await application.answers(), {});
});
