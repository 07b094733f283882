// How the provider reaches the applications it tells of sign-outs. The library's own way refuses loopback, where all of this lives.
import { request } from 'node:https';

const LOOPBACK = { address: '127.0.0.1', family: 4 };

export class Reach {
  #ca;

  trust(ca) {
    this.#ca = ca;
  }

  /** The `fetch` option of oidc-provider: hosts below `.test` exist nowhere else than here. */
  fetch = async (url, { dispatcher, ...options }) => {
    const { protocol, hostname } = new URL(url);
    if (protocol !== 'https:' || !hostname.endsWith('.test')) return globalThis.fetch(url, options);
    const body = options.body === undefined ? undefined : String(options.body);
    const headers = Object.fromEntries(new Headers(options.headers));
    if (body !== undefined) headers['content-length'] = Buffer.byteLength(body);
    const lookup = (name, how, done) => (how.all ? done(null, [LOOPBACK]) : done(null, LOOPBACK.address, LOOPBACK.family));
    return new Promise((resolve, reject) => {
      const asked = request(url, { method: options.method, headers, ca: this.#ca, lookup, signal: options.signal }, (answer) => {
        const chunks = [];
        answer.on('data', (chunk) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          const content = [204, 304].includes(answer.statusCode) ? null : Buffer.concat(chunks);
          resolve(new Response(content, { status: answer.statusCode }));
        });
      });
      asked.on('error', reject);
      asked.end(body);
    });
  };
}
