// Lets a page go on when its session has ended: <script src="/.doorward/session.js" defer></script>. See docs/sessions.md.
// Comments and indentation are left out when it is sent; what is sent stays under 4 KiB.
(() => {
  'use strict';
  if (window.doorward) return;
  const here = location.origin;
  const send = fetch.bind(window);
  let bar, wait, gone;
  let times = 0;

  // Who is signed in: null for nobody, undefined when nobody knows.
  const look = async () => {
    try {
      const answer = await send('/.doorward/user', { cache: 'no-store' });
      if (answer.status === 401) return null;
      const user = await answer.json();
      return user.subject && { who: user.issuer + user.subject, since: user.session + user.authenticated_at };
    } catch {}
  };
  let person = look();

  // Perhaps somebody has signed in. Only our own look at who it is counts, whoever says so.
  const told = async () => {
    const before = await person;
    const now = await look();
    if (!now || (before === undefined && !wait)) return;
    if (before === undefined || (before && before.who !== now.who)) {
      gone = true;
      location.reload();
    } else if (before?.since !== now.since) {
      person = now;
      times++;
      finish(true);
    }
  };

  const finish = (yes) => {
    bar?.remove();
    wait?.resolve(yes);
    bar = wait = undefined;
  };

  // One bar, however many wait: true once somebody has signed in, false when they would rather not.
  const ask = (url) => {
    if (!wait) {
      wait = {};
      wait.promise = new Promise((resolve) => { wait.resolve = resolve; });
      told().then(() => wait && !gone && !bar && show(url));
    }
    return wait.promise;
  };

  const urlOf = (said) => {
    const path = '/.doorward/sign_in';
    let url = new URL(said ?? path, here);
    if (url.origin !== here || url.pathname !== path) url = new URL(path, here);
    url.searchParams.set('return', '/.doorward/signed_in');
    return url.href;
  };

  const popUp = (url) => {
    const opened = open(url, 'doorward', 'popup,width=520,height=720');
    return opened?.closed === false;
  };

  // Styles are set one by one, which no content security policy of the application forbids.
  const show = (url) => {
    const make = (parent, name, text, style) => {
      const made = document.createElement(name);
      made.style.cssText = style;
      made.textContent = text;
      return parent.appendChild(made);
    };
    const button = 'all:unset;outline:revert;cursor:pointer;padding:6px 14px;border:1px solid;border-radius:6px;';
    bar = make(document.body, 'doorward-session', '', 'all:initial;position:fixed;inset:auto 0 0;z-index:2147483647');
    const box = make(bar.attachShadow({ mode: 'open' }), 'div', 'You have been signed out.', 'display:flex;flex-wrap:wrap;gap:12px;align-items:center;justify-content:center;padding:12px;font:16px system-ui;color:#fff;background:#17614f');
    box.setAttribute('role', 'alert');
    const link = make(box, 'a', 'Sign in', button + 'color:#17614f;background:#fff');
    link.href = url;
    link.target = '_blank';
    link.onclick = (event) => { if (popUp(url)) event.preventDefault(); };
    make(box, 'button', 'Not now', button).onclick = () => finish(false);
  };

  const isOurs = ({ status }, url, header) => status === 401 && new URL(url, here).origin === here && header('x-doorward-intercepted-response');

  window.fetch = async (input, init) => {
    if (gone) return new Promise(() => {});
    const request = input instanceof Request && input;
    const stream = init?.body instanceof ReadableStream;
    const copy = request && !request.bodyUsed && !stream ? request.clone() : input;
    const before = times;
    const answer = await send(input, init);
    if (!isOurs(answer, answer.url, (h) => answer.headers.get(h)) || (init?.credentials ?? request.credentials) === 'omit') return answer;
    const said = await answer.clone().json().catch(() => ({}));
    const asked = before === times ? ask(urlOf(said.sign_in_url)) : true;
    if (stream) return answer;
    const signal = init?.signal ?? request.signal;
    const aborted = new Promise((_, reject) => signal?.addEventListener('abort', () => reject(signal.reason)));
    return await Promise.race([asked, aborted]) ? send(copy, init) : answer;
  };

  // A request of the old kind is not sent again, but its person learns why it failed.
  const { prototype } = XMLHttpRequest;
  const { send: sendOld } = prototype;
  prototype.send = function (body) {
    const before = times;
    this.addEventListener('load', () => {
      if (isOurs(this, this.responseURL, (h) => this.getResponseHeader(h)) && before === times) ask(urlOf());
    });
    return sendOld.call(this, body);
  };

  new BroadcastChannel('doorward').onmessage = told;
  addEventListener('message', ({ origin, data }) => { if (origin === here && data === 'doorward:signed-in') told(); });
  addEventListener('focus', () => wait && told());

  window.doorward = {
    signIn() {
      const asked = ask(urlOf());
      if (navigator.userActivation?.isActive) popUp(urlOf());
      return asked;
    },
  };
})();
