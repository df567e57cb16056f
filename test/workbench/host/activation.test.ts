import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as vscode from 'vscode';

const id = 'tidyllm.tidyllm-gateway';

interface Manifest {
  contributes: { commands: { command: string }[]; views: Record<string, { id: string }[]> };
}

interface PerformanceMark {
  name: string;
  startTime: number;
}

describe('activation', () => {
  it('activates', async () => {
    const extension = vscode.extensions.getExtension(id);
    assert.ok(extension, `${id} is installed`);
    await extension.activate();
    assert.ok(extension.isActive);
  });

  it('registers exactly the commands that its manifest declares', async () => {
    const { contributes } = vscode.extensions.getExtension(id)?.packageJSON as Manifest;
    const views = Object.values(contributes.views).flatMap((list) => list.map((view) => view.id));
    const registered = (await vscode.commands.getCommands(true))
      .filter((command) => command.startsWith('tidyllm.'))
      // The editor adds commands of its own to each view, for example tidyllm.chat.focus.
      .filter((command) => !views.some((view) => command.startsWith(`${view}.`)));
    assert.deepEqual(registered.sort(), contributes.commands.map(({ command }) => command).sort());
  });

  it('activates quickly', () => {
    const { MonacoPerformanceMarks } = globalThis as unknown as {
      MonacoPerformanceMarks: { getMarks(): PerformanceMark[] };
    };
    const marks = MonacoPerformanceMarks.getMarks();
    const at = (event: string) => {
      const mark = marks.find(({ name }) => name === `code/extHost/${event}/${id}`);
      assert.ok(mark, `${event} was marked`);
      return mark.startTime;
    };
    const loadMs = at('didLoadExtensionCode') - at('willLoadExtensionCode');
    const activateMs = at('didActivateExtension') - at('willActivateExtension');
    const report = JSON.stringify({ loadMs, activateMs });
    writeFileSync(join(process.env.HOST_TEST_RESULTS ?? '.', 'activation.json'), report);
    assert.ok(activateMs < 1000, `activation took ${activateMs} ms`);
  });
});
