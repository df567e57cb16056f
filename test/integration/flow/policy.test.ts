import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { tidyllmJson } from '../../support/commandLine.ts';
import { writeFlowFile } from '../../support/flowFiles.ts';
import { runCommand } from '../../support/flowRuns.ts';
import { gatewayOnStandIn } from '../../support/gateways.ts';
import { recordsOf } from '../../support/records.ts';
import { temporaryFolder } from '../../support/temporary.ts';

const key = `AKIA${'Z7QX2MNB'.repeat(2)}`;
const email = 'ada.lovelace@example.org';

const ask = {
  trigger: '[Ask About]',
  flow_encoding: '@team#about!ask@model',
  expanded_meaning: 'Ask what somebody said.',
  action: 'ask_about',
  real_implementation: 'prompt',
  parameters: { who: { default: 'the team' } },
  prompt: { template: 'What did {{who}} say?' },
};

/** The command in a folder with an agreement, on a stand-in under a policy. */
async function policed(agreement: object, compliance: object = {}) {
  const gateway = await gatewayOnStandIn();
  writeFileSync(join(gateway.home, 'settings.yaml'), stringify({ compliance }));
  const cwd = temporaryFolder();
  const file = join(cwd, '.tidyllm', 'flow.yaml');
  mkdirSync(join(cwd, '.tidyllm'));
  const text = stringify({ agreements: [agreement] });
  writeFileSync(file, text);
  const environment = process.env as Record<string, string>;
  const json = (...args: string[]) => tidyllmJson(args, { environment, cwd });
  /** Faults as `line: severity: message`. */
  const faults = async () => {
    const { code, document } = await json('flow', 'validate', file);
    const found = document['faults'] as { line: number; column: number; severity: string; message: string }[];
    return { code, faults: found.map((one) => `${one.line}:${one.column} ${one.severity}: ${one.message}`) };
  };
  const placeOf = (part: string) => {
    const before = text.slice(0, text.indexOf(part)).split('\n');
    return `${before.length}:${(before.at(-1)?.length ?? 0) + 1}`;
  };
  return { ...gateway, json, faults, placeOf, file };
}

describe('flow validate', () => {
  it('places a secret in the prompt, the system prompt and a default, and what is recorded without', async () => {
    const prompt = { template: `With ${key}: {{who}}`, system: 'Answer in English.' };
    const expanded = `Ask what ${email} said.`;
    const parameters = { who: { default: `ghp_${'a1B2c3D4e5F6g7H8i9J0'.repeat(2).slice(0, 36)}` } };
    const { faults, placeOf } = await policed(
      { ...ask, prompt, parameters, expanded_meaning: expanded },
      { personal_data: 'redact' },
    );
    expect(await faults()).toEqual({
      code: 2,
      faults: [
        `${placeOf(email)} warning: expanded_meaning is redacted in the records: email`,
        `${placeOf(key)} error: prompt.template has what policy keeps back: aws-key`,
        `${placeOf('ghp_')} error: parameters.who.default has what policy keeps back: service-token`,
      ],
    });
  });

  it('warns of what is redacted when it is sent', async () => {
    const prompt = { template: `What did ${email} say to {{who}}?` };
    const { faults, placeOf, core } = await policed({ ...ask, prompt }, { personal_data: 'redact' });
    expect(await faults()).toEqual({
      code: 0,
      faults: [`${placeOf(email)} warning: prompt.template is redacted when it is sent: email`],
    });
    expect(existsSync(core.journal.directory)).toBe(false);
  });

  it('names a denied model beside a secret, at its place', async () => {
    const prompt = { template: `With ${key}: {{who}}`, model: 'claude-haiku' };
    const { faults, placeOf } = await policed({ ...ask, prompt }, { models_denied: ['claude-haiku'] });
    const { code, faults: found } = await faults();
    expect(code).toBe(2);
    expect(found).toHaveLength(2);
    expect(found[1]).toContain(
      `${placeOf('claude-haiku')} error: Policy keeps this request back: the model claude-haiku`,
    );
  });

  it('names a missing use class at the agreement, and an unknown or denied one at its place', async () => {
    const policy = {
      use_classes: ['internal', 'high_risk'],
      use_class_required: true,
      use_classes_denied: ['high_risk'],
    };
    const missing = await policed(ask, policy);
    expect((await missing.faults()).faults).toEqual([
      expect.stringMatching(new RegExp(`^${missing.placeOf('trigger')} error: .*states no use class`)),
    ]);
    for (const [useClass, what] of [
      ['high_risk', 'in compliance.use_classes_denied'],
      ['other', 'not one of compliance.use_classes'],
    ]) {
      const { faults, placeOf } = await policed({ ...ask, use_class: useClass }, policy);
      expect((await faults()).faults).toEqual([expect.stringContaining(what ?? '')]);
      expect((await faults()).faults[0]).toContain(`${placeOf(useClass ?? '')} error`);
    }
    expect(await (await policed({ ...ask, use_class: 'internal' }, policy)).faults()).toEqual({
      code: 0,
      faults: [],
    });
  });

  it('reports the file’s own faults where the policy can’t be read', async () => {
    const { json, home, file } = await policed(ask);
    writeFileSync(join(home, 'settings.yaml'), 'compliance: 3\n');
    const { code, document } = await json('flow', 'validate', file);
    expect({ code, document }).toMatchObject({
      code: 0,
      document: {
        agreements: 1,
        faults: [
          {
            severity: 'warning',
            message: expect.stringContaining('were not checked against policy') as string,
          },
        ],
      },
    });
  });
});

describe('a run of an agreement', () => {
  it('is refused before the start for what policy keeps back, which is recorded as a call', async () => {
    const { json } = await policed({ ...ask, prompt: { template: `With ${key}: {{who}}` } });
    const { code, document } = await json('flow', 'run', '[Ask About]');
    expect(code).toBe(8);
    expect(document).toMatchObject({ outcome: 'refused', calls: 0, error: { code: 'compliance_blocked' } });
    const { document: asked } = await json(
      'compliance',
      'exception',
      'request',
      '--reason',
      'JIRA-1 a sample',
    );
    expect(asked).toMatchObject({ terms: { allows: ['rule:aws-key'] } });
  });

  it('gives built-in agreements the use class that policy names for them', async () => {
    const { core, standIn } = await gatewayOnStandIn({
      TIDYLLM_COMPLIANCE_USE_CLASSES: 'internal, high_risk',
      TIDYLLM_COMPLIANCE_USE_CLASS_REQUIRED: 'true',
    });
    const { error } = await runCommand(core, '[Performance Test] calls=1');
    expect(error).toBeNull();
    expect(standIn.calls).toHaveLength(1);
    const [note] = (await recordsOf(core, 'note')).filter(({ topic }) => topic === 'compliance.request');
    expect(note?.data).toMatchObject({ use_class: 'internal' });
  });

  it('is recorded without what policy doesn’t let out of its meaning', async () => {
    const folder = temporaryFolder();
    writeFlowFile(folder, { ...ask, expanded_meaning: `Ask what ${email} said.` });
    const { core } = await gatewayOnStandIn(
      { TIDYLLM_COMPLIANCE_PERSONAL_DATA: 'redact' },
      { folders: [folder] },
    );
    expect((await runCommand(core, '[Ask About]')).error).toBeNull();
    const [start] = await recordsOf(core, 'flow_start');
    expect(start?.reason).toBe('[Ask About] Ask what [email] said.');
  });

  it('states no use class for built-in agreements where policy names none', async () => {
    const { core } = await gatewayOnStandIn();
    expect((await runCommand(core, '[Performance Test] calls=1')).error).toBeNull();
  });

  it('is refused before the start where policy denies the model of a built-in agreement', async () => {
    const { core, standIn } = await gatewayOnStandIn({ TIDYLLM_COMPLIANCE_MODELS_DENIED: 'claude-haiku' });
    const execution = await runCommand(core, '[Performance Test] model=claude-haiku calls=20');
    expect(execution).toMatchObject({ outcome: 'refused', error: { code: 'compliance_blocked' } });
    expect(standIn.calls).toHaveLength(0);
    expect((await recordsOf(core, 'REFUSE')).length).toBe(1);
  });
});
