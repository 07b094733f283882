// What somebody reads who may not come in: who they are, whom to ask, and what would have been needed only where the route tells.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { accept, signIn } from './door.mjs';
import { freePort, startBrowser, startDoorward, temporaryFolder } from './processes.mjs';

const FOLDER = join(new URL('../..', import.meta.url).pathname, 'target/screenshots');
// As long as people's addresses get.
const EVE = 'evangeline.featherstonehaugh-cholmondeley@department-of-accounts.example.org';
const CONTACT = {
  address: 'help@example.com',
  url: 'https://help.example.com/access-requests/new?team=platform&kind=request-for-access-to-an-editor',
  words: `the people on the third floor, Monday to Thursday, ${'extraordinarily'.repeat(5)}, or ring 0123 456789`,
};
const RULES = `[{allow: {or: [{email: {in: [alice@example.com, bob@example.com]}}, {groups: {has: wheel}},
      {source_ip: 10.9.0.0/16}, {http_header/X-Key: s3cret}]}}]`;
const SECRETS = /alice@|bob@|s3cret|10\.9\.|unauthorized|wheel/;

const stages = {};
let upstream;

before(async () => {
  mkdirSync(FOLDER, { recursive: true });
  upstream = createServer((_, response) => response.end('the application')).listen(0, '127.0.0.1');
  await once(upstream, 'listening');
  const contacts = { nobody: undefined, ...CONTACT };
  for (const [name, contact] of Object.entries(contacts)) stages[name] = await stage(name, contact);
});
after(async () => {
  for (const { close } of Object.values(stages)) await close();
  upstream?.close();
});

/** A doorward of its own, and Eve's page there, signed in. */
async function stage(name, contact) {
  const folder = temporaryFolder(`doorward-${name}`);
  const port = await freePort();
  const at = (host) => `https://${host}.example.test:${port}`;
  const route = (host, keys) => `
  - from: ${at(host)}
    to: http://127.0.0.1:${upstream.address().port}
    ${keys}`;
  const door = await startDoorward(folder.path, `
address: 127.0.0.1:${port}
health_check_addr: 127.0.0.1:0
data_dir: ${folder.path}/data
cookie_domain: example.test
users: [${EVE}]
${contact ? `support_contact: ${JSON.stringify(contact)}` : ''}
routes:${[
    route('home', 'allow_any_authenticated_user: true'),
    route('silent', `policy: ${RULES}`),
    route('told', `show_error_details: true\n    policy: ${RULES}`),
    route('fresh', 'show_error_details: true\n    policy: [{allow: {and: [{domain: {ends_with: example.org}}, {authentication_age: 1s}]}}]'),
    route('shut', 'show_error_details: true\n    policy: [{allow: {or: [accept: true]}}, {deny: {or: [{source_ip: 127.0.0.0/8}]}}]'),
  ].join('')}
`, [EVE]);
  const browser = await startBrowser(folder.path, door.authority);
  const page = await (await browser.newContext()).newPage();
  await accept(page, door.links[EVE]);
  return {
    at,
    page,
    stranger: async () => (await browser.newContext()).newPage(),
    async close() {
      await browser.close();
      await door.stop();
      folder.remove();
    },
  };
}

/** Opens a page that says no, photographs it in every shape, and gives its text on one line. */
async function denied(page, url, name) {
  const answer = await page.goto(url);
  assert.equal(answer.status(), 403);
  for (const [shape, width] of [['narrow', 360], ['wide', 1280]]) {
    for (const colorScheme of ['light', 'dark']) {
      await page.setViewportSize({ width, height: 800 });
      await page.emulateMedia({ colorScheme });
      await page.screenshot({ path: join(FOLDER, `denied-${name}-${shape}-${colorScheme}.png`) });
    }
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(overflow <= 0, `${name} is ${overflow} pixels too wide at ${width}`);
  }
  const text = (await page.locator('body').innerText()).replaceAll(/\s+/g, ' ');
  assert.ok(text.includes(answer.headers()['x-request-id']), `${name} has the number of the request: ${text}`);
  return text;
}

const links = (page) => page.locator('main a').evaluateAll((all) => all.map((link) => [link.textContent, link.getAttribute('href')]));

test('by default nothing is said of the rules', async () => {
  for (const [name, { page, at }] of Object.entries(stages)) {
    const text = await denied(page, `${at('silent')}/deep/page?x=y`, `silent-${name}`);
    assert.ok(text.includes(`You are signed in as ${EVE}`), text);
    const [ask, give] = name === 'url' ? ['ask at', 'give'] : ['ask', 'give them'];
    assert.ok(text.includes(`${ask} ${CONTACT[name] ?? 'whoever runs this site'} and ${give} the request number below`), text);
    assert.doesNotMatch(text, SECRETS);
    assert.doesNotMatch(text, /need|rule|reason/);
  }
});

test('an address and a URL to ask are links, and words are not', async () => {
  const again = ['Sign in as somebody else', '/.doorward/sign_out'];
  for (const [name, expected] of Object.entries({
    nobody: [again],
    address: [[CONTACT.address, `mailto:${CONTACT.address}`], again],
    url: [[CONTACT.url, CONTACT.url], again],
    words: [again],
  })) {
    const { page, at } = stages[name];
    await page.goto(`${at('silent')}/`);
    assert.deepEqual(await links(page), expected, name);
  }
});

test('where the route tells, one sentence says what would have been needed', async () => {
  for (const [name, { page, at }] of Object.entries(stages)) {
    const text = await denied(page, `${at('told')}/`, `told-${name}`);
    assert.match(text, /an e-mail address that is on the list.*the group wheel/);
    assert.doesNotMatch(text.replace('the group wheel', ''), SECRETS);
  }
});

test('somebody whose sign-in is too old is asked to sign in again, and may', async () => {
  const { page, at } = stages.address;
  const text = await denied(page, `${at('fresh')}/`, 'fresh');
  assert.match(text, /You need to sign in again, as a sign-in may be at most 1s old\./);
  await page.getByRole('link', { name: 'Sign in again' }).click();
  await page.locator('form button[type="submit"]').first().click();
  await page.waitForLoadState();
  assert.equal((await page.goto(`${at('home')}/`)).status(), 200);
  await signIn(page, EVE);
  assert.equal(await page.locator('body').innerText(), 'the application');
});

test('a stranger is told without a name, and is not offered to sign out', async () => {
  const page = await stages.address.stranger();
  const text = await denied(page, `${stages.address.at('shut')}/`, 'stranger');
  assert.doesNotMatch(text, /signed in as|127\.0\.0\.0/);
  assert.deepEqual(await links(page), [[CONTACT.address, `mailto:${CONTACT.address}`]]);
});
