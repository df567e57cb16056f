import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { GatewayError } from '../../../src/errors.ts';
import { ContentHasher } from '../../../src/ledger/contentHash.ts';
import { temporaryFolder } from '../../support/temporary.ts';

describe('content hashes', () => {
  it('are the same for the same subject, call and content, in every process', () => {
    const folder = temporaryFolder();
    const hash = new ContentHasher(folder).hash('ada', 'call', 'hello');
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
    expect(new ContentHasher(folder).hash('ada', 'call', 'hello')).toBe(hash);
  });

  it('differ by subject, call and content', () => {
    const hasher = new ContentHasher(temporaryFolder());
    const hashes = [
      hasher.hash('ada', 'call', 'hello'),
      hasher.hash('bob', 'call', 'hello'),
      hasher.hash('ada', 'other', 'hello'),
      hasher.hash('ada', 'call', 'other'),
    ];
    expect(new Set(hashes).size).toBe(4);
  });

  it('mean nothing once the subject’s key is deleted', () => {
    const folder = temporaryFolder();
    const hash = new ContentHasher(folder).hash('ada', 'call', 'hello');
    const [key] = readdirSync(folder);
    expect(statSync(join(folder, key ?? '')).mode & 0o077).toBe(0);
    rmSync(join(folder, key ?? ''));
    expect(new ContentHasher(folder).hash('ada', 'call', 'hello')).not.toBe(hash);
  });

  it('refuse a key file that is not a key', () => {
    const folder = temporaryFolder();
    new ContentHasher(folder).hash('ada', 'call', 'hello');
    writeFileSync(join(folder, readdirSync(folder)[0] ?? ''), 'short');
    const action = () => new ContentHasher(folder).hash('ada', 'call', 'hello');
    expect(action).toThrow(expect.objectContaining({ code: 'ledger_unavailable' }) as GatewayError);
  });
});
