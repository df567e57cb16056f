import { basename } from 'node:path';
import { afterEach } from 'vitest';
import { openWindows } from './editor.ts';

afterEach(async ({ task }) => {
  if (task.result?.state !== 'fail') return;
  const name = `${basename(task.file.name, '.test.ts')}-${task.name}`.replaceAll(/\W+/g, '-');
  for (const [index, window] of [...openWindows].entries())
    await window.screenshot(`failed-${name}-${index}`);
});
