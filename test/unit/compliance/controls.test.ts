import { describe, expect, it } from 'vitest';
import { checkControls, controls, type CallFacts } from '../../../src/compliance/controls.ts';
import { forbiddenPlaces, type Placement } from '../../../src/compliance/placement.ts';
import { settingsSchema } from '../../../src/settings/schema.ts';

const nothing = { images: 0, documents: 0, sealed: 0 };
const here: Placement = {
  modelNames: ['claude-sonnet', 'm'],
  modelId: 'm',
  region: 'eu-central-1',
  geography: null,
};
const grace = { name: 'grace', public_key: Buffer.alloc(32, 7).toString('base64') };
const personal = [{ rule: 'email', class: 'personal_data' as const, count: 1 }];

function policyOf(compliance: object): CallFacts['policy'] {
  return settingsSchema.parse({ compliance }).compliance;
}

function facts(changes: Partial<CallFacts> = {}): CallFacts {
  return {
    screened: { decision: 'allow', findings: [], exceptions: new Map(), late: false, unreadable: nothing },
    placement: here,
    reason: 'JIRA-1 why',
    caller: { account: 'ada' },
    useClass: null,
    retentionDays: 400,
    policy: policyOf({ level: ['enterprise', 'sox', 'gdpr', 'ai_act'] }),
    ...changes,
  };
}

function result(id: string, changes: Partial<CallFacts>): string | undefined {
  return checkControls(facts(changes)).get(id);
}

describe('the controls', () => {
  it('have ids of their level, each once, and say what they rest on', () => {
    expect(new Set(controls.map(({ id }) => id)).size).toBe(controls.length);
    for (const { id, level, evidence, source, title } of controls) {
      expect(id.startsWith(`${level}.`)).toBe(true);
      expect([evidence, source, title].every((text) => text.length > 5)).toBe(true);
    }
  });

  it('of the policy’s levels are checked, and no others', () => {
    const ids = [...checkControls(facts({ policy: policyOf({ level: 'sox' }) })).keys()];
    const own = ['identity', 'ticket', 'records', 'retention', 'segregation'];
    expect(ids).toEqual(own.map((name) => `sox.${name}`));
  });

  it.each<[string, Partial<CallFacts>, string]>([
    ['sox.ticket', {}, 'passed'],
    ['sox.ticket', { reason: 'see #12' }, 'passed'],
    ['sox.ticket', { reason: 'just asking' }, 'failed'],
    ['sox.ticket', { reason: 'convert the files to UTF-8 and ISO-8859-1' }, 'failed'],
    [
      'sox.ticket',
      { reason: 'SHA-256 or SHA3-512, AES-128, RFC-2616, HTTP-2, TLS-1, CVE-2024-1234' },
      'failed',
    ],
    ['sox.ticket', { reason: 'UTF-8 for UTFX-8' }, 'passed'],
    ['sox.ticket', { reason: 'CVE-2024-1234, see OPS-7' }, 'passed'],
    ['sox.identity', { caller: {} }, 'failed'],
    ['sox.retention', {}, 'failed'],
    ['sox.retention', { retentionDays: 2555 }, 'passed'],
    ['ai_act.19', { retentionDays: 183 }, 'passed'],
    ['enterprise.models', {}, 'unchecked'],
    ['enterprise.models', { policy: policyOf({ models_denied: ['x'] }) }, 'passed'],
    ['enterprise.secrets', {}, 'passed'],
    ['sox.segregation', {}, 'failed'],
    ['sox.segregation', { policy: policyOf({ level: 'sox', approvers: [grace] }) }, 'passed'],
    ['ai_act.26', {}, 'unchecked'],
    ['ai_act.26', { useClass: 'internal' }, 'passed'],
    ['ai_act.26', { policy: policyOf({ level: 'ai_act', use_classes: ['internal'] }) }, 'failed'],
    ['gdpr.9', {}, 'unchecked'],
    ['gdpr.44', {}, 'unchecked'],
    ['gdpr.44', { policy: policyOf({ level: 'gdpr', regions_allowed: ['eu-central-1'] }) }, 'passed'],
    ['gdpr.44', { policy: policyOf({ level: 'gdpr', regions_allowed: ['eu'] }) }, 'failed'],
  ])('%s with %j: %s', (id, changes, expected) => {
    expect(result(id, changes)).toBe(expected);
  });

  it('of what leaves fail where it is let through, and are unchecked where it can’t be read', () => {
    const screened = { ...facts().screened, findings: personal };
    expect(result('gdpr.5_1_c', { screened })).toBe('passed');
    expect(
      result('gdpr.5_1_c', { screened, policy: policyOf({ level: 'gdpr', personal_data: 'allow' }) }),
    ).toBe('failed');
    const excepted = { ...screened, exceptions: new Map([['rule:email', '0a1b2c3d']]) };
    expect(result('gdpr.5_1_c', { screened: excepted })).toBe('failed');
    const pictured = { ...facts().screened, unreadable: { ...nothing, images: 1 } };
    expect(result('gdpr.5_1_c', { screened: pictured })).toBe('unchecked');
    expect(result('enterprise.secrets', { screened: { ...facts().screened, late: true } })).toBe('unchecked');
  });
});

describe('policy on models and places', () => {
  const across: Placement = { ...here, geography: 'eu' };

  it.each<[object, Placement, boolean]>([
    [{}, here, true],
    [{ models_allowed: ['claude-sonnet'] }, here, true],
    [{ models_allowed: ['m'] }, here, true],
    [{ models_allowed: ['other'] }, here, false],
    [{ models_denied: ['m'] }, here, false],
    [{ models_allowed: ['claude-sonnet'], models_denied: ['m'] }, here, false],
    [{ regions_allowed: ['eu-central-1'] }, here, true],
    [{ regions_allowed: ['eu-central-1'] }, across, false],
    [{ regions_allowed: ['eu'] }, across, true],
    [{ regions_allowed: ['us-east-1'] }, here, false],
    [{ cross_region: 'block' }, across, false],
    [{ cross_region: 'block' }, here, true],
    [{ cross_region: 'without_personal_data' }, across, true],
  ])('%j for %j: permitted %s', (compliance, placement, permitted) => {
    const found = forbiddenPlaces(placement, { findings: [], late: false }, policyOf(compliance));
    expect(found.length === 0).toBe(permitted);
  });

  it('keeps personal data out of other regions, redacted or not', () => {
    const policy = policyOf({ cross_region: 'without_personal_data' });
    const why = (placement: Placement, findings: typeof personal, late: boolean): string[] =>
      forbiddenPlaces(placement, { findings, late }, policy).map((one) => one.why);
    expect(why(across, personal, false)).toEqual([expect.stringContaining('personal data')]);
    expect(why(across, [], true)).toEqual([expect.stringContaining('personal data')]);
    expect(why(here, personal, false)).toEqual([]);
  });
});
