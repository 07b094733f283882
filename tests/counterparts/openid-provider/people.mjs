// The people who can sign in at the test provider. Any password is right.

const groups = (count) => Array.from({ length: count }, (_, n) => `group-${String(n).padStart(3, '0')}`);

const KNOWN = [
  { login: 'alice', email: 'alice@example.com', email_verified: true, name: 'Alice Example', groups: ['staff', 'wheel'] },
  { login: 'bob', email: 'bob@example.com', email_verified: true, name: 'Bob Example' },
  // Claims an address nobody has checked: no e-mail rule may ever match it.
  { login: 'mallory', email: 'mallory@example.com', email_verified: false, name: 'Mallory' },
  { login: 'noemail', name: 'No Address', groups: ['staff'] },
  { login: 'many', email: 'many@example.com', email_verified: true, name: 'Many Groups', groups: groups(500) },
  {
    login: 'strange',
    email: 'strange@example.com',
    email_verified: true,
    name: 'Zoë "the \'Łódź\'" 李\r\nX-Injected: yes',
    groups: ['a,b', 'c;d', 'e\r\nX-Injected: yes', 'ünïcode', ''],
  },
  { login: 'disabled', email: 'disabled@example.com', email_verified: true, name: 'Disabled', disabled: true },
];

export class People {
  #people = new Map();

  constructor() {
    for (const person of KNOWN) this.put(person.login, person);
  }

  /** Adds somebody, or changes what is given of somebody known. */
  put(login, change) {
    this.#people.set(login, { sub: `sub-${login}`, ...this.#people.get(login), ...change, login });
  }

  /** By what is typed into the form: the login name or the e-mail address. */
  byLogin(typed) {
    return this.#people.get(typed) ?? [...this.#people.values()].find((person) => person.email === typed);
  }

  bySubject(sub) {
    return [...this.#people.values()].find((person) => person.sub === sub);
  }
}

export const CLAIMS = {
  openid: ['sub', 'amr', 'acr'],
  email: ['email', 'email_verified'],
  // Groups come with the profile too, as most providers are set up by hand to do.
  profile: ['name', 'preferred_username', 'groups', 'realm_access'],
  groups: ['groups'],
};

export function claimsOf({ login, disabled, amr, acr, ...person }) {
  return { preferred_username: login, ...person };
}
