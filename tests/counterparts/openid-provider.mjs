#!/usr/bin/env node
// A certified OpenID provider (npm `oidc-provider`) for the end-to-end tests, with a control port.
//
//   node openid-provider.mjs '{"port": 0, "clients": [{"client_id": "doorward", "client_secret": "…", "redirect_uris": ["https://…"]}]}'
//
// prints one line, {"issuer": "http://127.0.0.1:P", "control": "http://127.0.0.1:C"}, when both answer. All settings are optional:
//   port             where to listen on 127.0.0.1; 0 for a free port
//   clients          see POST /clients
//   claims_in        "userinfo" (as OpenID Connect has it for the code flow) or "id_token" (both places)
//   lifetimes        seconds, by oidc-provider's names: {"IdToken": 3600, "AccessToken": 3600, "RefreshToken": …, "Session": …}
//   exit_with_stdin  end when standard input does, so that no test leaves a provider behind
//
// Signing in: a form with `login` and `password`; people.mjs says who there is. Consent is given unasked. PKCE is demanded.
//
// Control port (JSON in, JSON out):
//   GET    /requests         {"counts": {"jwks": 2, …}, "requests": [{"endpoint", "method", "path", "query", "authorization", "status"}, …]}
//   DELETE /requests         start counting anew
//   POST   /clients          {"client_id", "client_secret", "redirect_uris", "post_logout_redirect_uris", "id_token_signed_response_alg", …}
//                            or a list of them; any client metadata of OpenID Connect Registration
//   POST   /people           {"login", …}: adds or changes somebody: "email", "email_verified", "name", "groups", "disabled",
//                            "realm_access" (as Keycloak has it: {"roles": […]}), and how they sign in: "amr", "acr"
//   POST   /rotate           new signing keys; the old ones stay published unless {"forget": true}
//   POST   /faults           {"endpoint": "jwks", "kind": "500"|"hang"|"close"|"garbage"|"html"|"empty", "times": 1}, or
//                            {"endpoint", "kind": "answer", "status", "type", "body"}; endpoints are named as in /requests
//   DELETE /faults           no faults any more
//   POST   /trust            {"ca": PEM}: applications on *.test are this machine's, with certificates of this authority
//   POST   /stop, /resume    the provider stops listening (connections are cut), and comes back on the same port
import { createServer } from 'node:http';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import Provider from 'oidc-provider';

import { CLAIMS, People, claimsOf } from './openid-provider/people.mjs';
import { Reach } from './openid-provider/reach.mjs';
import { Store } from './openid-provider/store.mjs';
import { Watch } from './openid-provider/watch.mjs';
import { failed, loginForm, logoutForm, signedOut } from './openid-provider/pages.mjs';

const settings = JSON.parse(process.argv[2] ?? '{}');
const people = new People();
const store = new Store();
const watch = new Watch();
const reach = new Reach();
const cookieKeys = [randomBytes(32).toString('hex')];
let keys = newKeys();
let provider;

function newKeys() {
  const pairs = [
    generateKeyPairSync('rsa', { modulusLength: 2048 }),
    generateKeyPairSync('ec', { namedCurve: 'P-256' }),
    generateKeyPairSync('ec', { namedCurve: 'P-384' }),
    generateKeyPairSync('ed25519'),
  ];
  return pairs.map(({ privateKey }) => ({ ...privateKey.export({ format: 'jwk' }), use: 'sig' }));
}

function addClients(clients) {
  for (const client of [clients].flat()) {
    store.putClient({
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      // A secret that is not given is a client that has none.
      token_endpoint_auth_method: client.client_secret ? 'client_secret_basic' : 'none',
      ...client,
    });
  }
}

async function findAccount(_context, sub) {
  const person = people.bySubject(sub);
  if (!person || person.disabled) return undefined;
  return { accountId: sub, claims: async () => claimsOf(person) };
}

/** Everybody agrees to everything: what is asked for is granted. */
async function loadExistingGrant({ oidc }) {
  const { provider: at, client, session, result } = oidc;
  const known = result?.consent?.grantId ?? session.grantIdFor(client.clientId);
  if (known) return at.Grant.find(known);
  const grant = new at.Grant({ clientId: client.clientId, accountId: session.accountId });
  grant.addOIDCScope(oidc.params.scope);
  await grant.save();
  return grant;
}

function build(issuer) {
  return new Provider(issuer, {
    adapter: store.adapter,
    jwks: { keys },
    cookies: { keys: cookieKeys },
    pkce: { required: () => true },
    claims: CLAIMS,
    scopes: ['openid', 'offline_access', 'groups'],
    conformIdTokenClaims: settings.claims_in !== 'id_token',
    enabledJWA: {
      idTokenSigningAlgValues: ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'],
      userinfoSigningAlgValues: ['RS256', 'PS256', 'ES256', 'ES384', 'EdDSA'],
    },
    ttl: { IdToken: 3600, AccessToken: 3600, Interaction: 600, Grant: 86400, Session: 86400, RefreshToken: 86400, ...settings.lifetimes },
    rotateRefreshToken: true,
    findAccount,
    loadExistingGrant,
    interactions: { url: (_context, interaction) => `/interaction/${interaction.uid}` },
    features: {
      devInteractions: { enabled: false },
      userinfo: { enabled: true },
      jwtUserinfo: { enabled: true },
      revocation: { enabled: true },
      introspection: { enabled: true },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: {
        enabled: true,
        logoutSource: (context, form) => { context.body = logoutForm(form); },
        postLogoutSuccessSource: (context) => { context.body = signedOut; },
      },
    },
    renderError: (context, out) => { context.type = 'html'; context.body = failed(out); },
    fetch: reach.fetch,
  });
}

async function readBody(request, limit = 1 << 20) {
  let text = '';
  for await (const chunk of request) {
    text += chunk;
    if (text.length > limit) throw new Error('too long');
  }
  return text;
}

async function interact(request, response) {
  const { prompt, params, session, grantId } = await provider.interactionDetails(request, response);
  const show = (status, error) =>
    response.writeHead(status, { 'content-type': 'text/html; charset=utf-8' }).end(loginForm(request.url, error));
  const finish = (result, options) => provider.interactionFinished(request, response, result, options);

  if (prompt.name === 'consent') {
    const grant = (grantId && await provider.Grant.find(grantId))
      ?? new provider.Grant({ clientId: params.client_id, accountId: session.accountId });
    grant.addOIDCScope(params.scope);
    return finish({ consent: { grantId: await grant.save() } });
  }
  if (request.method !== 'POST') return show(200);
  const form = new URLSearchParams(await readBody(request));
  if (form.get('cancel')) {
    return finish({ error: 'access_denied', error_description: 'the person went away' }, { mergeWithLastSubmission: false });
  }
  const person = people.byLogin(form.get('login'));
  if (!person) return show(403, 'nobody is called that');
  if (person.disabled) return show(403, 'this account is disabled');
  const { sub: accountId, amr, acr } = person;
  return finish({ login: { accountId, amr, acr } }, { mergeWithLastSubmission: false });
}

async function answer(request, response) {
  if (watch.intercept(request, response)) return;
  try {
    if (request.url.startsWith('/interaction/')) await interact(request, response);
    else await provider.callback()(request, response);
  } catch (error) {
    if (!response.headersSent) response.writeHead(400, { 'content-type': 'text/plain' });
    response.end(String(error.message));
  }
}

async function listen(server, port) {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server.address().port;
}

async function stop(server) {
  if (!server.listening) return;
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}

const front = createServer(answer);
const port = await listen(front, settings.port ?? 0);
const issuer = `http://127.0.0.1:${port}`;
provider = build(issuer);
addClients(settings.clients ?? []);

const controls = {
  'GET /requests': () => watch.report(),
  'DELETE /requests': () => watch.forget(),
  'POST /clients': (clients) => addClients(clients),
  'POST /people': ({ login, ...change }) => people.put(login, change),
  'POST /rotate': ({ forget } = {}) => {
    keys = [...newKeys(), ...(forget ? [] : keys)];
    provider = build(issuer);
  },
  'POST /trust': ({ ca }) => reach.trust(ca),
  'POST /faults': (fault) => watch.setFault(fault),
  'DELETE /faults': () => watch.clearFaults(),
  'POST /stop': () => stop(front),
  'POST /resume': () => front.listening || listen(front, port),
};

const control = createServer(async (request, response) => {
  const reply = (status, body) => response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  try {
    const action = controls[`${request.method} ${request.url}`];
    if (!action) return reply(404, { error: `one of: ${Object.keys(controls).join(', ')}` });
    const body = await readBody(request);
    return reply(200, (await action(body ? JSON.parse(body) : undefined)) ?? {});
  } catch (error) {
    return reply(400, { error: error.message });
  }
});
const controlPort = await listen(control, 0);

if (settings.exit_with_stdin) process.stdin.on('end', () => process.exit(0)).resume();
process.on('SIGTERM', () => process.exit(0));
process.stdout.write(`${JSON.stringify({ issuer, control: `http://127.0.0.1:${controlPort}` })}\n`);
