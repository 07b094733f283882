// The main promise in a real browser: somebody allowed works in a real code-server, somebody else is turned away, and signing out
// takes the editor away.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ALICE, EVE, accept, openDoor, signIn, signOut } from './door.mjs';
import { expectEventually } from './expect.mjs';
import { startEditor, temporaryFolder } from './processes.mjs';
import { Workbench } from './workbench.mjs';

let folder, editor, door, alice, workbench, url;

before(async () => {
  folder = temporaryFolder('editor');
  editor = await startEditor(folder.path);
  door = await openDoor(editor.url);
  url = `${door.code}/?folder=${editor.project}`;
  alice = await door.person();
  workbench = new Workbench(await alice.newPage());
});
after(async () => {
  await door?.close();
  await editor?.stop();
  folder?.remove();
});

const inProject = (name) => join(editor.project, name);

/** Whether a WebSocket that the page's script opens is let in. */
const openSocket = (page, origin, path) => page.evaluate((target) => new Promise((resolve) => {
  const socket = new WebSocket(target);
  socket.onopen = () => resolve('open');
  socket.onerror = () => resolve('refused');
}), `${origin.replace('https', 'wss')}${path}`);

/** What the page's script is told when it asks for the editor. */
const asScript = async (page) => ({
  status: await page.evaluate(async () => (await fetch('/healthz', { redirect: 'manual' })).status),
  socket: await openSocket(page, door.code, '/stable-0'),
});

test('a stranger who asks for the editor is asked to sign in, and lands where they wanted to go', async () => {
  const { page } = workbench;
  await accept(await alice.newPage(), door.links[ALICE]);
  await alice.clearCookies();
  await page.goto(url);
  await signIn(page, ALICE);
  assert.equal(page.url(), url);
});

test('the editor opens a file and takes what is typed', { timeout: 120_000 }, async () => {
  await workbench.open(url);
  await workbench.connected();
  assert.deepEqual(await asScript(workbench.page), { status: 200, socket: 'open' });
  await workbench.openFile('hello.txt');
  await workbench.typeAtEnd('typed through the door');
  await expectEventually('the file on disk', () => readFileSync(inProject('hello.txt'), 'utf8').endsWith('typed through the door'));
});

test('its terminal runs a command', { timeout: 60_000 }, async () => {
  await workbench.openTerminal();
  await workbench.runInTerminal('echo from-$((40+2))-terminal | tee proof.txt');
  await expectEventually('the answer on the screen', async () => (await workbench.terminalText()).includes('from-42-terminal'));
  assert.equal(readFileSync(inProject('proof.txt'), 'utf8'), 'from-42-terminal\n');
});

test('a page inside the editor (webview, service worker) works', { timeout: 60_000 }, async () => {
  const { page } = workbench;
  await workbench.runInTerminal("printf '# Seen through the door\\n' > page.md");
  await page.locator('.explorer-folders-view .monaco-list-row[aria-label^="page.md"]').waitFor({ timeout: 15_000 });
  await workbench.openFile('page.md');
  await page.keyboard.press('Control+Shift+v');
  const heading = page.frameLocator('iframe.webview').frameLocator('iframe').locator('h1');
  await heading.waitFor({ timeout: 30_000 });
  assert.equal(await heading.innerText(), 'Seen through the door');
});

test('somebody else is denied: page, script and WebSocket', async () => {
  // Our own pages let no script run; hers does what a hostile one would.
  const eve = await door.person({ bypassCSP: true });
  const page = await eve.newPage();
  await accept(page, door.links[EVE]);
  const answer = await page.goto(url);
  assert.equal(answer.status(), 403);
  assert.match(await page.locator('body').innerText(), new RegExp(EVE.replaceAll('.', '\\.')));
  assert.equal(await page.locator('.monaco-workbench').count(), 0);
  assert.deepEqual(await asScript(page), { status: 403, socket: 'refused' });
  await eve.close();
});

test('a neighbouring site cannot open a WebSocket with the visitor\'s cookies', async () => {
  // Same site, so the browser sends the cookie along: nothing but the Origin tells the two apart.
  const visitor = await door.person({ bypassCSP: true });
  const page = await visitor.newPage();
  await page.goto(url);
  await signIn(page, ALICE);
  await page.goto(`${door.code}/healthz`);
  assert.equal(await openSocket(page, door.code, '/own-attempt'), 'open');
  await page.goto(`${door.down}/nothing`);
  assert.equal(await openSocket(page, door.code, '/cross-origin-attempt'), 'refused');
  const logged = () => door.output().split('\n').find((line) => line.includes('/cross-origin-attempt') && line.endsWith('}'));
  await expectEventually('the attempt in the access log', logged);
  const { status, user } = JSON.parse(logged());
  assert.deepEqual([status, user], [403, ALICE], 'it came with her cookie, and was refused all the same');
  await visitor.close();
});

test('signing out takes the editor away within seconds', { timeout: 60_000 }, async () => {
  const { page } = workbench;
  await workbench.connected();
  const elsewhere = await alice.newPage();
  await signOut(elsewhere, door.code);
  await expectEventually('both WebSockets are cut', () => workbench.openSockets() === 0, 5_000);
  assert.deepEqual(await asScript(page), { status: 401, socket: 'refused' });
  await workbench.runInTerminal('touch after-signing-out').catch(() => { /* the editor covers itself when it loses its machine */ });
  await page.goto(url);
  assert.match(page.url(), /\/\.doorward\/sign_in/);
  assert.equal(workbench.openSockets(), 0);
  assert.ok(!existsSync(inProject('after-signing-out')), 'a keystroke arrived after signing out');
});

test('signing in again gives the editor back', { timeout: 120_000 }, async () => {
  await signIn(workbench.page, ALICE);
  await workbench.open(url);
  await workbench.connected();
  assert.match(readFileSync(inProject('hello.txt'), 'utf8'), /typed through the door/);
});
