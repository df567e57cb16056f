import assert from 'node:assert/strict';
import { test } from 'node:test';
import { login, LoginError } from '../src/login.ts';
import { SessionStore } from '../src/sessionStore.ts';

test('a session is found after the login', { timeout: 250 }, async () => {
  const store = new SessionStore();
  const session = await login(store, 'ada', 'difference engine');
  assert.deepEqual(await store.find(session.token), session);
});

test('a wrong password opens no session', async () => {
  await assert.rejects(login(new SessionStore(), 'ada', 'analytical engine'), LoginError);
});
