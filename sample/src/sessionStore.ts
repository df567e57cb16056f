export interface Session {
  user: string;
  token: string;
}

/** Sessions live on another machine: a look-up takes anything between 20 and 220 ms. */
export class SessionStore {
  readonly #sessions = new Map<string, Session>();

  async create(user: string): Promise<Session> {
    await networkDelay();
    const session = { user, token: crypto.randomUUID() };
    this.#sessions.set(session.token, session);
    return session;
  }

  async find(token: string): Promise<Session | undefined> {
    await networkDelay();
    return this.#sessions.get(token);
  }
}

function networkDelay(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20 + Math.random() * 200));
}
