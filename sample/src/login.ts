import { SessionStore, type Session } from './sessionStore.ts';

const passwords = new Map([['ada', 'difference engine']]);

export class LoginError extends Error {}

/** Checks the password and opens a session. */
export async function login(store: SessionStore, user: string, password: string): Promise<Session> {
  if (passwords.get(user) !== password) throw new LoginError(`Wrong name or password for ${user}`);
  return store.create(user);
}
