// What the provider remembers, outside the provider: it survives a change of keys, for which the provider is built anew.

const now = () => Date.now() / 1000;

export class Store {
  #records = new Map();

  /** The `adapter` option of oidc-provider. */
  adapter = (model) => ({
    find: async (id) => this.#find(`${model}:${id}`),
    findByUid: async (uid) => this.#first(model, (payload) => payload.uid === uid),
    findByUserCode: async (code) => this.#first(model, (payload) => payload.userCode === code),
    upsert: async (id, payload, lifetime) => {
      this.#records.set(`${model}:${id}`, { payload, until: lifetime ? now() + lifetime : Infinity });
    },
    consume: async (id) => {
      this.#records.get(`${model}:${id}`).payload.consumed = Math.floor(now());
    },
    destroy: async (id) => {
      this.#records.delete(`${model}:${id}`);
    },
    revokeByGrantId: async (grant) => {
      for (const [key, { payload }] of this.#records) {
        if (payload.grantId === grant) this.#records.delete(key);
      }
    },
  });

  /** Registers a client, or replaces it. */
  putClient(client) {
    this.#records.set(`Client:${client.client_id}`, { payload: client, until: Infinity });
  }

  #find(key) {
    const record = this.#records.get(key);
    return record && record.until > now() ? record.payload : undefined;
  }

  #first(model, matches) {
    for (const [key, { payload, until }] of this.#records) {
      if (key.startsWith(`${model}:`) && until > now() && matches(payload)) return payload;
    }
    return undefined;
  }
}
