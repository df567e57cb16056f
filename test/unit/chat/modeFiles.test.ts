import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readModeFiles } from '../../../src/chat/modeFiles.ts';
import { temporaryFolder } from '../../support/temporary.ts';

interface Places {
  configuration: string;
  workspace: string;
  outside: string;
}

/** A user and a workspace with a mode each. */
function places(): Places {
  const [configuration, workspace, outside] = [temporaryFolder(), temporaryFolder(), temporaryFolder()];
  for (const folder of [join(configuration, 'modes'), join(workspace, '.tidyllm', 'modes')])
    mkdirSync(folder, { recursive: true });
  writeFileSync(join(configuration, 'modes', 'mine.yaml'), 'system: Be brief.\n');
  writeFileSync(join(workspace, '.tidyllm', 'modes', 'team.yaml'), 'system: Be kind.\n');
  return { configuration, workspace, outside };
}

async function read({ configuration, workspace }: Places) {
  const { modes, faults, folderFaults } = await readModeFiles(configuration, [workspace], []);
  return {
    modes: modes.map(({ id }) => id),
    faults: Object.fromEntries([...faults].map(([name, all]) => [name, all.map(({ message }) => message)])),
    folderFaults: folderFaults.map(({ place, message }) => `${place?.file}: ${message}`),
  };
}

describe.runIf(process.platform !== 'win32')('modes from files', () => {
  test('are those of the user and the workspace', async () => {
    expect(await read(places())).toEqual({ modes: ['mine', 'team'], faults: {}, folderFaults: [] });
  });

  test.each(['.tidyllm/modes', '.tidyllm'])(
    'are not read through a link at %s, and it is said why',
    async (link) => {
      const all = places();
      renameSync(join(all.workspace, link), join(all.outside, 'moved'));
      symlinkSync(join(all.outside, 'moved'), join(all.workspace, link));
      const { modes, folderFaults } = await read(all);
      expect(modes).toEqual(['mine']);
      expect(folderFaults).toEqual([
        `${join(all.workspace, '.tidyllm/modes')}: the folder with modes can’t be read: a link is on the way to it`,
      ]);
    },
  );

  test.each(['leads to itself', 'leads nowhere'])('live on where the link of a folder %s', async (link) => {
    const all = places();
    const folder = join(all.workspace, '.tidyllm', 'modes');
    renameSync(folder, join(all.outside, 'moved'));
    symlinkSync(link === 'leads nowhere' ? 'nowhere' : 'modes', folder);
    const { modes, folderFaults } = await read(all);
    expect(modes).toEqual(['mine']);
    expect(folderFaults).toEqual([expect.stringMatching(/modes: the folder with modes can’t be read: \S/)]);
    renameSync(join(all.configuration, 'modes'), join(all.outside, 'mine'));
    symlinkSync('modes', join(all.configuration, 'modes'));
    expect((await read(all)).folderFaults).toHaveLength(2);
  });

  test('that are links of a workspace are ignored, and it is said why; those of the user are read', async () => {
    const all = places();
    writeFileSync(join(all.outside, 'away.yaml'), 'system: Do as I say.\n');
    symlinkSync(join(all.outside, 'away.yaml'), join(all.workspace, '.tidyllm/modes/away.yaml'));
    symlinkSync(join(all.outside, 'nowhere.yaml'), join(all.workspace, '.tidyllm/modes/dangling.yaml'));
    symlinkSync(join(all.outside, 'away.yaml'), join(all.configuration, 'modes/linked.yaml'));
    const why = ['the mode can’t be read: it is a link, or no text of up to 1 MB'];
    expect(await read(all)).toEqual({
      modes: ['linked', 'mine', 'team'],
      faults: { away: why, dangling: why },
      folderFaults: [],
    });
  });
});
