// The provider's forms: plain enough for an HTTP client with a cookie jar, real enough for a browser.

const ESCAPES = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
const escape = (text) => String(text).replace(/[&<>"']/g, (c) => ESCAPES[c]);

const page = (title, body) =>
  `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escape(title)}</title><h1>${escape(title)}</h1>${body}`;

export function loginForm(action, error) {
  return page('Sign in at the test provider', `
    ${error ? `<p role="alert">${escape(error)}</p>` : ''}
    <form method="post" action="${escape(action)}">
      <label>Login <input name="login" autofocus></label>
      <label>Password <input name="password" type="password"></label>
      <button type="submit">Sign in</button>
      <button type="submit" name="cancel" value="yes">Cancel</button>
    </form>`);
}

/** Wraps the library's logout form: a browser sends it by itself, an HTTP client finds `xsrf` and adds `logout=yes`. */
export function logoutForm(form) {
  return page('Signing out', `
    ${form.replace('</form>', '<input type="hidden" name="logout" value="yes"><button type="submit">Sign out</button></form>')}
    <script>document.forms[0].submit()</script>`);
}

export const signedOut = page('Signed out', '<p>You are signed out of the test provider.</p>');

export const failed = (out) => page('That did not work', `<pre>${escape(JSON.stringify(out, null, 1))}</pre>`);
