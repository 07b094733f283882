// Doorward as these tests set it up: two hosts of one site, and two people with accounts of their own, of whom one may come in.
import assert from 'node:assert/strict';
import { freePort, startDoorward, temporaryFolder, startBrowser } from './processes.mjs';

export const ALICE = 'alice@example.com';
export const EVE = 'eve@example.com';
export const PASSWORD = 'wicker otter among lamps';

/** `upstream` is what stands behind code.example.test, or the same of another site; `settings` are more lines of the configuration. */
export async function openDoor(upstream, { site = 'example.test', settings = '' } = {}) {
  const folder = temporaryFolder('doorward');
  const port = await freePort();
  const at = (host) => `https://${host}.${site}:${port}`;
  const door = await startDoorward(folder.path, `
address: 127.0.0.1:${port}
health_check_addr: 127.0.0.1:0
data_dir: ${folder.path}/data
users: [${ALICE}, ${EVE}]
${settings}
routes:
  - name: Editor
    description: The machine's editor.
    from: ${at('code')}
    to: ${upstream}
    allow_websockets: true
    preserve_host_header: true
    policy: [{allow: {or: [{email: {is: ${ALICE}}}]}}]
  - name: Somewhere else
    from: ${at('down')}
    to: http://127.0.0.1:9
    prefix: /app/
    allow_any_authenticated_user: true
`, [ALICE, EVE]);
  const browser = await startBrowser(folder.path, door.authority, { site });
  return {
    code: at('code'),
    down: at('down'),
    links: door.links,
    authority: door.authority,
    output: door.output,
    person: (options) => browser.newContext({ viewport: { width: 1280, height: 800 }, ...options }),
    async close() {
      await browser.close();
      await door.stop();
      folder.remove();
    },
  };
}

/** Opens the one-time link and sets the password, which signs in. */
export async function accept(page, link) {
  await page.goto(link);
  await page.locator('input[name="password"]').fill(PASSWORD);
  await page.locator('input[name="again"]').fill(PASSWORD);
  await submit(page);
  assert.doesNotMatch(page.url(), /\/\.doorward\/welcome/, 'the password was not taken');
}

/** Fills Doorward's own sign-in page, wherever the browser stands before it. */
export async function signIn(page, email, password = PASSWORD) {
  assert.match(page.url(), /\/\.doorward\/sign_in/);
  await page.locator('input[name="email"]').fill(email);
  await page.locator('input[name="password"]').fill(password);
  await submit(page);
}

export async function signOut(page, origin) {
  await page.goto(`${origin}/.doorward/sign_out`);
  await submit(page);
}

async function submit(page) {
  await Promise.all([page.waitForNavigation(), page.locator('form button[type="submit"]').first().click()]);
}
