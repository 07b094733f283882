// WebSockets of a real browser: over HTTP/2 wherever that is spoken (RFC 8441), over HTTP/1.1 where it is not, and alike in all that
// a page can see.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ALICE, accept, openDoor, signOut } from './door.mjs';
import { startEcho } from './echo.mjs';
import { expectEventually } from './expect.mjs';

/** Opens one as `name` in the page, which keeps what is said in order. */
const open = (page, name, path) => page.evaluate(([as, to]) => new Promise((resolve) => {
  const socket = new WebSocket(`${location.origin.replace('https', 'wss')}${to}`);
  socket.binaryType = 'arraybuffer';
  window[as] = { socket, said: [], ended: undefined };
  const size = (data) => (typeof data === 'string' ? data : new Uint8Array(data));
  socket.onopen = () => resolve('open');
  socket.onmessage = ({ data }) => window[as].said.push(size(data));
  socket.onclose = ({ code, reason, wasClean }) => { window[as].ended = { code, reason, wasClean }; resolve('refused'); };
}), [name, path]);

const ended = async (page, name) => (await page.waitForFunction((of) => window[of].ended, name)).jsonValue();

for (const { codec, protocol, status } of [{ codec: 'auto', protocol: 'HTTP/2', status: 200 }, { codec: 'http1', protocol: 'HTTP/1.1', status: 101 }]) {
  let echo, door, context, page;

  before(async () => {
    echo = await startEcho();
    door = await openDoor(echo.url, { settings: `codec_type: ${codec}` });
    context = await door.person();
    page = await context.newPage();
    await accept(page, door.links[ALICE]);
    await page.goto(`${door.code}/`);
  });
  after(async () => {
    await door?.close();
    echo?.close();
  });

  /** The access line of this path, once it is there. */
  async function accessLine(path) {
    let line;
    await expectEventually(`an access line of ${path}`, () => {
      const lines = door.output().split('\n').filter((text) => text.includes(`"path":"${path}"`));
      line = lines.map((text) => JSON.parse(text)).find(({ message }) => message === 'request');
      return line;
    });
    return line;
  }

  test(`messages pass both ways over ${protocol}, and the page closes`, async () => {
    assert.equal(await open(page, 'mine', '/of-the-page'), 'open');
    const said = await page.evaluate(async () => {
      const { socket, said: heard } = window.mine;
      const bytes = new Uint8Array(300_000).map((_, index) => index * 7);
      for (const message of ['', 'hello', 'ö'.repeat(100_000), bytes]) socket.send(message);
      while (heard.length < 4) await new Promise((resolve) => { setTimeout(resolve, 10); });
      return [heard[0], heard[1], heard[2] === 'ö'.repeat(100_000), heard[3].length === bytes.length && heard[3].every((byte, index) => byte === bytes[index])];
    });
    assert.deepEqual(said, ['', 'hello', true, true]);
    await page.evaluate(() => window.mine.socket.close(4001, 'the page is done'));
    assert.deepEqual(await ended(page, 'mine'), { code: 4001, reason: 'the page is done', wasClean: true });
    assert.deepEqual(echo.closes, [{ code: 4001, reason: 'the page is done' }]);

    // The application sees an ordinary handshake either way; what the browser spoke is in the log.
    const [{ url, version, method, headers }] = echo.handshakes;
    assert.deepEqual([url, version, method, headers.origin], ['/of-the-page', '1.1', 'GET', door.code]);
    const line = await accessLine('/of-the-page');
    assert.deepEqual([line.protocol, line.websocket, line.status, line.user], [protocol, true, status, ALICE]);
  });

  test(`the application closes over ${protocol}`, async () => {
    assert.equal(await open(page, 'theirs', '/of-the-application'), 'open');
    echo.end(4002, 'the application is done');
    assert.deepEqual(await ended(page, 'theirs'), { code: 4002, reason: 'the application is done', wasClean: true });
    assert.equal((await accessLine('/of-the-application')).protocol, protocol);
  });

  test(`a sign-out ends it over ${protocol}, and there is no other`, async () => {
    assert.equal(await open(page, 'held', '/held'), 'open');
    await signOut(await context.newPage(), door.code);
    const { wasClean } = await ended(page, 'held');
    await expectEventually('the application has heard of it', () => echo.open() === 0);
    assert.equal(await open(page, 'none', '/none'), 'refused');
    assert.equal(echo.handshakes.some(({ url }) => url === '/none'), false);
    const line = await accessLine('/none');
    assert.deepEqual([line.protocol, line.status, wasClean], [protocol, 401, false]);
  });
}
