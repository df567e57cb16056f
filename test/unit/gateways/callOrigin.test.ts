import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { recordedOrigin } from '../../../src/gateways/callOrigin.ts';
import { realPath } from '../../../src/workspaceKey.ts';
import { temporaryFolder } from '../../support/temporary.ts';

function workspace(): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, '.tidyllm'));
  mkdirSync(join(folder, 'src'));
  writeFileSync(join(folder, 'src', 'a.ts'), '');
  return realPath(folder);
}

describe('the origin of a call in its record', () => {
  it('has one name for a workspace, and a file by its path in it', () => {
    const folder = workspace();
    const link = join(temporaryFolder(), 'link');
    symlinkSync(folder, link);
    for (const reached of [folder, link, join(folder, 'src')]) {
      const origin = {
        door: 'chat',
        folder: reached,
        branch: 'main',
        file: join(reached === link ? link : folder, 'src/a.ts'),
      };
      expect(recordedOrigin(origin)).toEqual({
        workspace: folder,
        branch: 'main',
        command: 'chat',
        file: 'src/a.ts',
      });
    }
  });

  it.each([
    ['outside the workspace', (folder: string) => join(folder, '..', 'secret.txt')],
    [
      'of a link that leads outside',
      (folder: string) => {
        const link = join(folder, 'out');
        symlinkSync(temporaryFolder(), link);
        return join(link);
      },
    ],
    ['that is the workspace itself', (folder: string) => folder],
  ])('names no file %s', (_name, file) => {
    const folder = workspace();
    expect(recordedOrigin({ door: 'cli', folder, branch: null, file: file(folder) })).toEqual({
      ...{ workspace: folder, branch: null, command: 'cli' },
    });
  });

  it('is empty where nobody says', () => {
    expect(recordedOrigin(undefined)).toEqual({ workspace: null, branch: null, command: null });
    expect(recordedOrigin({ door: 'chat', folder: null, branch: null, file: '/etc/passwd' })).toEqual({
      ...{ workspace: null, branch: null, command: 'chat' },
    });
  });
});
