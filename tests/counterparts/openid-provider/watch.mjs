// Between the socket and the provider: counts what is asked, and spoils answers on demand.

const ENDPOINTS = [
  ['/.well-known/openid-configuration', 'discovery'],
  ['/jwks', 'jwks'],
  ['/auth', 'authorization'],
  ['/token/introspection', 'introspection'],
  ['/token/revocation', 'revocation'],
  ['/token', 'token'],
  ['/me', 'userinfo'],
  ['/session/end', 'end_session'],
  ['/interaction', 'interaction'],
];

function endpointOf(path) {
  const found = ENDPOINTS.find(([prefix]) => path === prefix || path.startsWith(`${prefix}/`));
  return found ? found[1] : 'other';
}

const KINDS = {
  500: (response) => send(response, 500, 'text/plain', 'the provider is not well'),
  hang: () => {},
  close: (response) => response.socket.destroy(),
  garbage: (response) => send(response, 200, 'application/json', '{"keys": [\u0000'),
  html: (response) => send(response, 200, 'text/html', '<h1>Maintenance</h1><script>alert(1)</script>'),
  empty: (response) => send(response, 200, 'application/json', ''),
};

function send(response, status, type, body) {
  response.writeHead(status, { 'content-type': type }).end(body);
}

export class Watch {
  #seen = [];
  #faults = new Map();

  /** Notes the request; true when a fault has answered it (or never will). */
  intercept(request, response) {
    const url = new URL(request.url, 'http://provider');
    const endpoint = endpointOf(url.pathname);
    const seen = {
      endpoint,
      method: request.method,
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      authorization: request.headers.authorization?.split(' ')[0] ?? null,
    };
    this.#seen.push(seen);
    response.on('finish', () => { seen.status = response.statusCode; });

    const fault = this.#faults.get(endpoint);
    if (!fault) return false;
    fault.times -= 1;
    if (fault.times <= 0) this.#faults.delete(endpoint);
    if (fault.kind === 'answer') send(response, fault.status ?? 200, fault.type ?? 'application/json', fault.body ?? '');
    else KINDS[fault.kind](response);
    return true;
  }

  /** `kind`: 500, hang, close, garbage, html, empty, or answer with its own status, type and body. For `times` requests, or until cleared. */
  setFault({ endpoint, kind, times = Infinity, ...answer }) {
    if (!ENDPOINTS.some(([, name]) => name === endpoint)) throw new Error(`no endpoint is called ${endpoint}`);
    if (kind !== 'answer' && !(kind in KINDS)) throw new Error(`no fault is called ${kind}`);
    this.#faults.set(endpoint, { kind, times, ...answer });
  }

  clearFaults() {
    this.#faults.clear();
  }

  report() {
    const counts = {};
    for (const { endpoint } of this.#seen) counts[endpoint] = (counts[endpoint] ?? 0) + 1;
    return { counts, requests: this.#seen };
  }

  forget() {
    this.#seen = [];
  }
}
