// The counterpart itself: a whole code flow with PKCE, keys changed under way, signing out, faults, and being away.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, createPublicKey, randomBytes, verify } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';

const CALLBACK = 'https://code.example.test/callback';
const AFTER_LOGOUT = 'https://code.example.test/.doorward/signed_out';
const CLIENT = {
  client_id: 'doorward', client_secret: 'a secret of this test', redirect_uris: [CALLBACK], post_logout_redirect_uris: [AFTER_LOGOUT],
};

let child, issuer, control;

before(async () => {
  const script = new URL('openid-provider.mjs', import.meta.url).pathname;
  child = spawn(process.execPath, [script, JSON.stringify({ exit_with_stdin: true, clients: [CLIENT] })], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = await once(createInterface(child.stdout), 'line');
  ({ issuer, control } = JSON.parse(line));
});
after(() => child.kill());

async function command(method, path, body) {
  const response = await fetch(control + path, { method, body: body && JSON.stringify(body) });
  assert.equal(response.status, 200, `${method} ${path}: ${await response.clone().text()}`);
  return response.json();
}

/** A browser without a window: cookies, and redirects followed while they stay with the provider. */
class Browser {
  #cookies = new Map();

  async go(url, form) {
    for (let hops = 0; hops < 10; hops += 1) {
      const response = await fetch(url, {
        method: form ? 'POST' : 'GET',
        body: form && new URLSearchParams(form),
        redirect: 'manual',
        headers: { cookie: [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      });
      for (const line of response.headers.getSetCookie()) {
        const [name, value] = line.split(';')[0].split(/=(.*)/s);
        if (value) this.#cookies.set(name, value); else this.#cookies.delete(name);
      }
      const location = response.headers.get('location');
      if (!location) return { url, status: response.status, text: await response.text() };
      url = new URL(location, url).href;
      form = undefined;
      if (!url.startsWith(issuer)) return { url };
    }
    throw new Error('too many redirects');
  }
}

function attempt(extra = {}, client = CLIENT) {
  const verifier = randomBytes(32).toString('base64url');
  const url = new URL(`${issuer}/auth`);
  url.search = new URLSearchParams({
    client_id: client.client_id, redirect_uri: CALLBACK, response_type: 'code', scope: 'openid email profile', state: 'the state', nonce: 'the nonce',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'), code_challenge_method: 'S256', ...extra,
  });
  return { url: url.href, verifier };
}

async function signIn(browser, login, extra, client) {
  const { url, verifier } = attempt(extra, client);
  let page = await browser.go(url);
  if (page.text?.includes('name="login"')) page = await browser.go(page.url, { login, password: 'anything' });
  return { page, verifier };
}

async function redeem({ page, verifier }, client = CLIENT) {
  const code = new URL(page.url).searchParams.get('code');
  assert.ok(code, `no code in ${page.url} ${page.text}`);
  const response = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`${client.client_id}:${encodeURIComponent(client.client_secret)}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier: verifier }),
  });
  return { status: response.status, ...await response.json() };
}

const part = (jwt, n) => JSON.parse(Buffer.from(jwt.split('.')[n], 'base64url'));
const publishedKeys = async () => (await (await fetch(`${issuer}/jwks`)).json()).keys;
const userinfo = async (token) => (await fetch(`${issuer}/me`, { headers: { authorization: `Bearer ${token}` } })).json();

test('a whole code flow with PKCE', async () => {
  const signedIn = await signIn(new Browser(), 'alice');
  const back = new URL(signedIn.page.url);
  assert.equal(back.searchParams.get('state'), 'the state');
  assert.equal(back.searchParams.get('iss'), issuer);
  const tokens = await redeem(signedIn);
  const [header, payload] = [part(tokens.id_token, 0), part(tokens.id_token, 1)];
  assert.equal(header.alg, 'RS256');
  assert.deepEqual([payload.iss, payload.aud, payload.sub, payload.nonce], [issuer, 'doorward', 'sub-alice', 'the nonce']);
  const jwk = (await publishedKeys()).find(({ kid }) => kid === header.kid);
  const [signed, signature] = [tokens.id_token.split('.').slice(0, 2).join('.'), tokens.id_token.split('.')[2]];
  assert.ok(verify('sha256', Buffer.from(signed), createPublicKey({ key: jwk, format: 'jwk' }), Buffer.from(signature, 'base64url')));
  const person = await userinfo(tokens.access_token);
  assert.deepEqual([person.email, person.email_verified, person.groups], ['alice@example.com', true, ['staff', 'wheel']]);
});

test('without PKCE nobody gets in, and a code works once', async () => {
  const plain = await new Browser().go(attempt({ code_challenge: '', code_challenge_method: '' }).url);
  assert.equal(new URL(plain.url).searchParams.get('error'), 'invalid_request');
  const signedIn = await signIn(new Browser(), 'bob');
  assert.equal((await redeem({ ...signedIn, verifier: 'x'.repeat(43) })).status, 400);
  assert.equal((await redeem(signedIn)).status, 200);
  assert.equal((await redeem(signedIn)).status, 400);
});

test('the people', async () => {
  const infoOf = async (login) => userinfo((await redeem(await signIn(new Browser(), login))).access_token);
  assert.equal((await infoOf('mallory@example.com')).email_verified, false);
  assert.equal((await infoOf('noemail')).email, undefined);
  assert.equal((await infoOf('many')).groups.length, 500);
  assert.match((await infoOf('strange')).name, /"the 'Łódź'" 李\r\nX-Injected/);
  assert.equal((await signIn(new Browser(), 'disabled')).page.status, 403);
  const { url } = attempt();
  const browser = new Browser();
  const form = await browser.go(url);
  assert.equal(new URL((await browser.go(form.url, { cancel: 'yes' })).url).searchParams.get('error'), 'access_denied');
});

test('every kind of signature', async () => {
  for (const alg of ['PS256', 'ES256', 'ES384', 'EdDSA']) {
    const client = { ...CLIENT, client_id: alg, id_token_signed_response_alg: alg };
    await command('POST', '/clients', client);
    const { id_token } = await redeem(await signIn(new Browser(), 'alice', {}, client), client);
    assert.equal(part(id_token, 0).alg, alg);
  }
});

test('keys change while somebody is signed in, and requests are counted', async () => {
  await command('DELETE', '/requests');
  const browser = new Browser();
  const first = part((await redeem(await signIn(browser, 'alice'))).id_token, 0).kid;
  await command('POST', '/rotate');
  const second = part((await redeem(await signIn(browser, 'nobody asks'))).id_token, 0).kid;
  assert.notEqual(first, second);
  const kids = (await publishedKeys()).map(({ kid }) => kid);
  assert.ok(kids.includes(first) && kids.includes(second));
  await command('POST', '/rotate', { forget: true });
  assert.ok(!(await publishedKeys()).some(({ kid }) => kids.includes(kid)));
  const { counts, requests } = await command('GET', '/requests');
  assert.equal(counts.jwks, 2);
  assert.equal(requests.find(({ endpoint }) => endpoint === 'token').authorization, 'Basic');
});

test('refresh tokens rotate', async () => {
  const tokens = await redeem(await signIn(new Browser(), 'alice', { scope: 'openid offline_access', prompt: 'consent' }));
  assert.ok(tokens.refresh_token);
  const refresh = (refresh_token) => fetch(`${issuer}/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(`doorward:${encodeURIComponent(CLIENT.client_secret)}`).toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token }),
  });
  const next = await (await refresh(tokens.refresh_token)).json();
  assert.notEqual(next.refresh_token, tokens.refresh_token);
  assert.equal((await refresh(tokens.refresh_token)).status, 400);
});

test('signing out needs one form, and is remembered', async () => {
  const browser = new Browser();
  const { id_token } = await redeem(await signIn(browser, 'alice'));
  const query = new URLSearchParams({ id_token_hint: id_token, post_logout_redirect_uri: AFTER_LOGOUT, state: 'bye' });
  const form = await browser.go(`${issuer}/session/end?${query}`);
  const fields = Object.fromEntries([...form.text.matchAll(/name="(xsrf|logout)" value="([^"]*)"/g)].map(([, name, value]) => [name, value]));
  const done = await browser.go(/action="([^"]+)"/.exec(form.text)[1], fields);
  assert.equal(done.url, `${AFTER_LOGOUT}?state=bye`);
  assert.ok((await browser.go(attempt().url)).text.includes('name="login"'));
});

test('faults, and being away', async () => {
  await command('POST', '/faults', { endpoint: 'jwks', kind: '500', times: 1 });
  assert.equal((await fetch(`${issuer}/jwks`)).status, 500);
  assert.equal((await fetch(`${issuer}/jwks`)).status, 200);
  await command('POST', '/faults', { endpoint: 'discovery', kind: 'answer', body: '{"issuer":"http://evil.example"}' });
  assert.equal((await (await fetch(`${issuer}/.well-known/openid-configuration`)).json()).issuer, 'http://evil.example');
  await command('POST', '/faults', { endpoint: 'discovery', kind: 'hang' });
  await assert.rejects(fetch(`${issuer}/.well-known/openid-configuration`, { signal: AbortSignal.timeout(300) }));
  await command('DELETE', '/faults');
  await command('POST', '/stop');
  await assert.rejects(fetch(`${issuer}/jwks`));
  await command('POST', '/resume');
  const discovery = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
  assert.equal(discovery.authorization_response_iss_parameter_supported, true);
  assert.equal(discovery.end_session_endpoint, `${issuer}/session/end`);
});
