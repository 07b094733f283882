// visit.mjs LINK ORIGIN TLS_PORT PLAIN_PORT AUTHORITY_FILE
//
// Somebody without a browser: is turned away, opens the one-time link, sets a password, reaches code-server (page and WebSocket),
// signs in again with that password, and signs out. ORIGIN is what Doorward believes it is reached as; the ports are on loopback.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';

const [link, origin, tlsPort, plainPort, authority] = process.argv.slice(2);
const ca = readFileSync(authority);
const host = new URL(origin).host;
const email = process.env.EMAIL ?? 'you@example.com';
const password = randomBytes(18).toString('base64url');
const cookies = new Map();

function ask(url, { method = 'GET', form, headers = {}, plain = false } = {}) {
  const { pathname, search } = new URL(url, origin);
  const body = form && new URLSearchParams(form).toString();
  const options = {
    host: '127.0.0.1', port: plain ? plainPort : tlsPort, servername: host.split(':')[0], ca, method, path: pathname + search,
    headers: {
      host, accept: 'text/html', cookie: [...cookies].map((pair) => pair.join('=')).join('; '),
      ...(body && { 'content-type': 'application/x-www-form-urlencoded', 'content-length': Buffer.byteLength(body), origin }), ...headers,
    },
    timeout: 20_000, agent: false,
  };
  return new Promise((resolve, reject) => {
    const request = (plain ? http : https).request(options, (response) => {
      for (const line of response.headers['set-cookie'] ?? []) {
        const [name, value] = line.split(';')[0].split(/=(.*)/s);
        if (value) cookies.set(name, value); else cookies.delete(name);
      }
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('end', () => resolve({ url, status: response.statusCode, headers: response.headers, text: Buffer.concat(chunks).toString() }));
    });
    request.on('upgrade', (response, socket) => { socket.destroy(); resolve({ url, status: 101, headers: response.headers }); });
    request.on('timeout', () => request.destroy(new Error(`no answer from ${url}`)));
    request.on('error', reject);
    request.end(body);
  });
}

async function follow(url, options) {
  let answer = await ask(url, options);
  for (let hops = 0; answer.headers.location && hops < 10; hops += 1) {
    const next = new URL(answer.headers.location, new URL(url, origin));
    assert.equal(next.origin, origin, `sent away to ${next}`);
    url = next.href;
    answer = await ask(url);
  }
  return answer;
}

const decode = (text) => text?.replace(/&#(x?)([0-9a-f]+);/gi, (_, x, n) => String.fromCodePoint(parseInt(n, x ? 16 : 10)))
  .replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
const attribute = (tag, name) => decode(new RegExp(`\\s${name}="([^"]*)"`).exec(tag)?.[1]);

/** Sends the page's form with its hidden fields and the given ones. */
function submit(page, fields) {
  const form = page.text.match(/<form\b[^>]*method="post"[^>]*>[\s\S]*?<\/form>/i)?.[0];
  assert.ok(form, `no form on ${page.url} (${page.status})\n${page.text}`);
  const hidden = [...form.matchAll(/<input\b[^>]*type="hidden"[^>]*>/g)].map(([tag]) => [attribute(tag, 'name'), attribute(tag, 'value') ?? '']);
  const action = new URL(attribute(form, 'action') ?? page.url, new URL(page.url, origin)).href;
  return follow(action, { method: 'POST', form: { ...Object.fromEntries(hidden), ...fields } });
}

const upgrade = { connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13', 'sec-websocket-key': randomBytes(16).toString('base64'), origin };
const openSocket = () => ask('/stable-0?type=Management', { headers: upgrade });

const redirected = await ask('/some/page', { plain: true });
assert.deepEqual([redirected.status, redirected.headers.location], [301, `${origin}/some/page`], 'plain HTTP is sent to HTTPS');

const stranger = await ask('/');
assert.equal(stranger.status, 302, 'a stranger is asked to sign in');
assert.equal((await ask('/', { headers: { accept: 'application/json' } })).status, 401, 'an API call is told 401');
assert.equal((await openSocket()).status, 401, 'a WebSocket without a session is told 401');

const welcome = await follow(link);
await submit(welcome, { password, again: password });
const editor = await ask('/');
assert.ok([200, 302].includes(editor.status), `the editor answers ${editor.status}`);
assert.match((await follow('/')).text, /vscode|code-server/i, 'the page is the editor');
assert.equal(JSON.parse((await ask('/healthz')).text).status !== undefined, true, 'code-server itself answers');
assert.equal((await openSocket()).status, 101, 'a WebSocket is let through');
assert.equal((await ask('/stable-0', { headers: { ...upgrade, origin: 'https://evil.example' } })).status, 403, 'but not for another site');

cookies.clear();
const again = await follow(link);
assert.ok(again.status >= 400, 'the link works once');
cookies.clear();
assert.ok((await submit(await follow('/'), { email, password: 'something else entirely' })).status >= 400, 'a wrong password is refused');
cookies.clear();
await submit(await follow('/'), { email, password });
assert.match((await follow('/')).text, /vscode|code-server/i, 'the password works');

const stolen = new Map(cookies);
await submit(await ask('/.doorward/sign_out'), {});
for (const [name, value] of stolen) cookies.set(name, value);
assert.equal((await ask('/')).status, 302, 'a cookie kept from before signing out is worth nothing');
