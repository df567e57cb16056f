import { messageOf } from '../../../errors.ts';
import { checkpointsOf, type Anchor } from '../../../ledger/anchors.ts';
import type { Fault } from '../../../ledger/fault.ts';
import type { LedgerLocation } from '../../../ledger/readJournal.ts';
import { verifyLedger } from '../../../ledger/verifyLedger.ts';
import type { Finding } from '../../report.ts';
import { textSection, type Checked } from './check.ts';

export interface ChainToCheck {
  journal: LedgerLocation;
  /** The configured anchors. */
  anchors: readonly Anchor[];
}

/** Verifies every record, and each anchor against them. Throws `ledger_unavailable`. */
export async function checkChain({ journal, anchors }: ChainToCheck, signal: AbortSignal): Promise<Checked> {
  const { firstFault: fault, records, head } = await verifyLedger(journal, { signal });
  if (fault) {
    const broken: Finding = {
      severity: 'problem',
      id: 'chain_broken',
      title: 'The audit chain is broken',
      evidence: `${placeOf(fault)}: ${fault.detail}. ${records} records before it are intact.`,
      remedy: 'Don’t change the folder, and compare it with a backup and the anchors.',
    };
    return { findings: [broken], section: section([['Chain', 'broken', broken.evidence]]) };
  }
  const intact = `${records} records are intact, up to #${head?.sequence ?? 0} ${head?.hash ?? ''}`;
  const rows = [['Chain', 'intact', intact]];
  const findings: Finding[] = [];
  for (const anchor of anchors) {
    const { evidence, finding } = await checkAnchor(anchor, journal, records, signal);
    rows.push([anchor.location, finding ? finding.title : 'fits', evidence]);
    if (finding) findings.push(finding);
  }
  return { findings, section: section(rows) };
}

async function checkAnchor(
  anchor: Anchor,
  journal: LedgerLocation,
  records: number,
  signal: AbortSignal,
): Promise<{ evidence: string; finding: Finding | null }> {
  const at = anchor.location;
  let checkpoints;
  try {
    checkpoints = await checkpointsOf(anchor);
  } catch (error) {
    return failed('anchor_unreadable', `The anchor ${at} can’t be read`, messageOf(error), {
      severity: 'problem',
      remedy: 'Correct audit.anchor in settings.yaml, or make the anchor readable.',
    });
  }
  if (checkpoints.length === 0)
    return failed(
      'anchor_empty',
      `The anchor ${at} has no checkpoint`,
      `The ledger has ${records} records, and none of them is anchored there.`,
      {
        severity: 'warning',
        remedy: 'Run "tidyllm audit anchor". If it had checkpoints before, find out who removed them.',
      },
    );
  const { firstFault: fault, anchors } = await verifyLedger(journal, { anchors: checkpoints, signal });
  if (!fault) return { evidence: `${anchors} checkpoints match the chain`, finding: null };
  return failed(
    'anchor_mismatch',
    `The anchor ${at} doesn’t match the records`,
    `${placeOf(fault)}: ${fault.detail}.`,
    {
      severity: 'problem',
      remedy: 'The ledger was rewritten or truncated after it was anchored: compare it with a backup.',
    },
  );
}

function failed(
  id: string,
  title: string,
  evidence: string,
  { severity, remedy }: Pick<Finding, 'severity' | 'remedy'>,
): { evidence: string; finding: Finding } {
  return { evidence, finding: { severity, id, title, evidence, remedy } };
}

function placeOf({ segment, line, sequence }: Fault): string {
  return `${segment}:${line} (record ${sequence})`;
}

function section(rows: string[][]) {
  return textSection(
    'chain',
    'Audit chain and anchors',
    'Every record’s hash, number, signature and meaning, as "tidyllm audit verify" checks them.',
    ['What', 'Result', 'Evidence'],
    rows,
  );
}
