// Signing out with a provider: of one browser or everywhere, at the provider too, and on to where the configuration says. And the
// pop-up of a single-page application on another host than the one people sign in at.
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { Application, startApplication } from './application.mjs';
import { expectEventually } from './expect.mjs';
import { freePort, startBrowser, startDoorward, startProvider, temporaryFolder } from './processes.mjs';

let folder, application, goodbye, provider, door, browser, at;

before(async () => {
  folder = temporaryFolder('doorward-sign-out');
  application = await startApplication();
  goodbye = createServer((_, response) => response.end('goodbye')).listen(0, '127.0.0.1');
  await once(goodbye, 'listening');
  const port = await freePort();
  at = (host) => `https://${host}.example.test:${port}`;
  provider = await startProvider({
    client_id: 'doorward',
    client_secret: 'a secret of no importance',
    redirect_uris: [`${at('auth')}/oauth2/callback`],
    post_logout_redirect_uris: [`${at('auth')}/.doorward/signed_out`],
  });
  door = await startDoorward(folder.path, `
address: 127.0.0.1:${port}
health_check_addr: 127.0.0.1:0
data_dir: ${folder.path}/data
authenticate_service_url: ${at('auth')}
signout_redirect_url: http://127.0.0.1:${goodbye.address().port}/
idp_provider: oidc
idp_provider_url: ${provider.issuer}
idp_client_id: doorward
idp_client_secret: a secret of no importance
routes:
  - {from: "${at('one')}", to: "${application.url}", allow_any_authenticated_user: true, pass_identity_headers: true}
  - {from: "${at('two')}", to: "${application.url}", allow_any_authenticated_user: true}
`, []);
  browser = await startBrowser(folder.path, door.authority);
});
after(async () => {
  await browser?.close();
  await door?.stop();
  await provider?.stop();
  application?.close();
  goodbye?.close();
  folder?.remove();
});

async function signInAtProvider(page, login) {
  await page.locator('input[name="login"]').fill(login);
  await page.locator('input[name="password"]').fill('any');
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** A browser of its own, signed in on both hosts. */
async function signedIn(login = 'alice') {
  const page = await (await browser.newContext()).newPage();
  await page.goto(`${at('one')}/`);
  await signInAtProvider(page, login);
  await page.waitForURL(`${at('one')}/`);
  await page.goto(`${at('two')}/`);
  assert.equal(page.url(), `${at('two')}/`, 'the other host takes the same session');
  return page;
}

async function signOut(page, host, button) {
  await page.goto(`${at(host)}/.doorward/sign_out`);
  await page.getByRole('button', { name: button }).click();
}

/** What a script of the application gets on this host. */
async function status(page, host) {
  const tab = await page.context().newPage();
  await tab.goto(`${at(host)}/.doorward/session.js`);
  const seen = await tab.evaluate(async () => (await fetch('/api/x')).status);
  await tab.close();
  return seen;
}

test('signing out of this browser ends it on every host and at the provider, and no other browser', async () => {
  const [here, there] = [await signedIn(), await signedIn()];
  await signOut(here, 'one', 'Sign out of this browser');
  await here.waitForURL(/^http:\/\/127\.0\.0\.1:\d+\/$/);
  assert.equal(await here.locator('body').innerText(), 'goodbye', 'by way of the provider and our last page');
  assert.deepEqual([await status(here, 'one'), await status(here, 'two')], [401, 401]);
  assert.deepEqual([await status(there, 'one'), await status(there, 'two')], [200, 200]);
  await here.goto(`${at('one')}/`);
  await here.locator('input[name="login"]').waitFor();
});

test('signing out everywhere ends every browser of the person, and nobody else', async () => {
  const [here, there, bob] = [await signedIn(), await signedIn(), await signedIn('bob')];
  await signOut(here, 'two', 'Sign out everywhere');
  await here.waitForURL(/^http:\/\/127\.0\.0\.1:\d+\/$/);
  for (const page of [here, there]) assert.deepEqual([await status(page, 'one'), await status(page, 'two')], [401, 401]);
  assert.equal(await status(bob, 'one'), 200);
});

test('with a provider that knows the browser, a pop-up on another host asks nothing and closes', async () => {
  const [page, elsewhere] = [await signedIn(), await signedIn()];
  const app = new Application(page);
  await app.open(`${at('one')}/`);
  await elsewhere.goto(`${at('two')}/.doorward/`);
  await elsewhere.getByRole('button', { name: 'End all others' }).click();
  await expectEventually('the session has ended', async () => await status(page, 'one') === 401);
  await app.ask('get', '/api/get');
  const [popUp] = await Promise.all([page.waitForEvent('popup'), app.signIn.click()]);
  if (!popUp.isClosed()) await popUp.waitForEvent('close', { timeout: 30_000 });
  assert.equal((await app.answer('get')).status, 200);
  assert.ok(await app.wasKept());
});
