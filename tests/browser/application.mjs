// A single-page application under a strict content security policy, which uses /.doorward/session.js and nothing else of ours.
import { createServer } from 'node:http';
import { once } from 'node:events';

const PAGE = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Application</title>
<script src="/.doorward/session.js" defer></script><script src="/app.js" defer></script>
<h1>Application</h1>`;

// What it keeps in memory is lost when the page is loaded anew.
const SCRIPT = `window.app = { kept: Math.random(), answers: {} };
app.ask = (name, input, init) => fetch(input, init).then(
  async (answer) => { app.answers[name] = { status: answer.status, body: await answer.text() }; },
  (error) => { app.answers[name] = { error: error.name }; });`;

/** `headers` are added to its page. */
export async function startApplication(headers = {}) {
  const seen = [];
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://application');
    let body = '';
    for await (const chunk of request) body += chunk;
    seen.push({ method: request.method, pathname, body });
    if (pathname === '/app.js') return response.setHeader('content-type', 'text/javascript').end(SCRIPT);
    if (pathname.startsWith('/api/')) {
      const who = request.headers['x-doorward-claim-email'] ?? '';
      return response.setHeader('content-type', 'application/json').end(JSON.stringify({ path: pathname, body, who }));
    }
    return response.writeHead(200, {
      'content-type': 'text/html; charset=utf-8',
      'content-security-policy': "default-src 'none'; script-src 'self'; connect-src 'self'; require-trusted-types-for 'script'",
      ...headers,
    }).end(PAGE);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { url: `http://127.0.0.1:${server.address().port}`, seen, close: () => server.close() };
}

/** The application's page as a test holds it. */
export class Application {
  constructor(page) {
    this.page = page;
    this.complaints = [];
    page.on('pageerror', (error) => this.complaints.push(error.message));
    page.on('console', (message) => {
      if (/Content Security Policy|Trusted/.test(message.text())) this.complaints.push(message.text());
    });
  }

  /** Opens it, and waits until the script knows who is signed in. */
  async open(url) {
    await this.page.goto(url);
    // Asked of the page itself: the browser's own word that an answer is whole is at times never passed on.
    await this.page.waitForFunction(() => performance.getEntriesByType('resource')
      .some(({ name, responseEnd }) => name.endsWith('/.doorward/user') && responseEnd > 0));
    this.kept = await this.page.evaluate(() => app.kept);
  }

  ask(name, input, init) {
    return this.page.evaluate(([...what]) => { app.ask(...what); }, [name, input, init]);
  }

  /** The answer to what was asked by this name, once it has come. */
  async answer(name) {
    const handle = await this.page.waitForFunction((of) => app.answers[of], name, { timeout: 30_000 });
    return handle.jsonValue();
  }

  answers() {
    return this.page.evaluate(() => app.answers);
  }

  /** Whether the page is still the one that was opened. */
  async wasKept() {
    return await this.page.evaluate(() => app.kept) === this.kept;
  }

  get bar() {
    return this.page.getByRole('alert').filter({ hasText: 'You have been signed out.' });
  }

  get signIn() {
    return this.bar.getByRole('link', { name: 'Sign in' });
  }
}
