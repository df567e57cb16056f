import { cpSync, globSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { root as project } from '../../tools/setup.mjs';

/**
 * A copy of the first text files of the packages, by path, where neither git nor its name hides them. It is gone when the
 * process ends.
 */
export function packagesFolder(manyFiles: number): string {
  const target = mkdtempSync(join(tmpdir(), 'tidyllm-bench-'));
  process.on('exit', () => rmSync(target, { recursive: true, force: true }));
  const packages = join(project, 'node_modules');
  const files = globSync('**/*.{js,cjs,mjs,ts,md,json}', { cwd: packages })
    .filter((path) => !/\.min\.js$|package-lock\.json$/.test(path))
    .filter((path) => !path.split(/[\\/]/).some((part) => part.startsWith('.')))
    .filter(
      (path) => statSync(join(packages, path)).isFile() && statSync(join(packages, path)).size < 1_000_000,
    )
    .sort()
    .slice(0, manyFiles);
  for (const path of files) {
    const place = join(target, path.replaceAll('node_modules', 'packages'));
    mkdirSync(dirname(place), { recursive: true });
    cpSync(join(packages, path), place);
  }
  return target;
}
