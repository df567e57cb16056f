import { GatewayError } from '../errors.ts';
import type { Core } from '../core/core.ts';
import { checkpointsOf } from '../ledger/anchors.ts';
import { verifyLedger, type VerificationResult } from '../ledger/verifyLedger.ts';
import type { SignedCheckpoint } from '../ledger/signing.ts';
import { verifyTrail } from '../ledger/verifyTrail.ts';
import { isKeyName } from '../strayCharacters.ts';
import { visibleLine } from '../visibleText.ts';
import { dayOption } from './options.ts';
import { note, printJson, printLine, type Terminal } from './terminal.ts';

const progressEveryMs = 1_000;

/** `tidyllm audit verify`: checks every record of the ledger; exit code 7 when one is wrong. */
export async function auditVerify(
  core: Core,
  options: { from?: string; anchor?: string; key?: string },
  terminal: Terminal,
): Promise<number> {
  if (options.from !== undefined) dayOption(options.from, '--from');
  let told = performance.now();
  const { journal } = core;
  const location = { ...journal, pinnedKey: keyOption(options.key) ?? journal.pinnedKey };
  const verify = (anchors: readonly SignedCheckpoint[]): Promise<VerificationResult> =>
    verifyLedger(location, {
      from: options.from,
      anchors,
      onProgress: (bytes) => {
        if (performance.now() - told < progressEveryMs) return;
        told = performance.now();
        note(terminal, `${Math.round(bytes / 1e6)} MB checked`);
      },
    });
  const result =
    options.anchor === undefined
      ? await verifyTrail(core, (own) => verify(options.from === undefined ? own : []))
      : await verify(await anchorsAt(core, options.anchor));
  for (const { location: place, error } of core.anchoring.status)
    if (GatewayError.is(error, 'anchor_failed'))
      note(terminal, `Not compared with ${place}: ${error.message}`);
  const { head, firstFault } = result;
  if (terminal.json) {
    printJson({
      ok: result.ok,
      records: result.records,
      segments: result.segments,
      head,
      anchors: result.anchors,
      unendorsed_keys: result.unendorsedKeys,
      first_fault: firstFault,
    });
  } else if (firstFault) {
    const { segment, line, sequence, kind, detail } = firstFault;
    const where =
      line > 0 ? `Damaged at ${segment}:${line} (record ${sequence})` : 'Doesn’t match its anchor';
    printLine(`${where}: ${kind}: ${visibleLine(detail)}`);
    printLine(`${result.records} records before it are intact.`);
  } else {
    printLine(`${result.records} records intact in ${core.journal.directory}`);
    if (head) printLine(`head #${head.sequence} ${head.hash}`);
    if (options.anchor !== undefined || result.anchors > 0)
      printLine(`${result.anchors} anchored checkpoints match.`);
    if (location.pinnedKey !== null)
      printLine(`All of it is signed by ${location.pinnedKey} or its descendants.`);
    for (const key of result.unendorsedKeys)
      printLine(`Key ${key} enrolled itself: no earlier key endorsed it. Check what it signed.`);
  }
  return result.ok ? 0 : 7;
}

async function anchorsAt(core: Core, path: string) {
  const anchors = await checkpointsOf(core.anchorAt(path));
  if (anchors.length > 0) return anchors;
  throw new GatewayError('anchor_failed', `${path} has no checkpoint.`, {
    hint: 'Use a file of "tidyllm audit head --json" checkpoints, an anchor file, or a repository with anchors in its notes.',
  });
}

/** `tidyllm audit reopen`: a person's decision on a closed ledger. */
export async function auditReopen(
  core: Core,
  { reason = '', newLedger = false }: { reason?: string; newLedger?: boolean },
  terminal: Terminal,
): Promise<number> {
  const { sequence, hash, setAside } = await core.reopenLedger(reason, { newLedger });
  if (terminal.json) printJson({ sequence, hash, set_aside: setAside });
  else {
    if (setAside !== null) printLine(`The previous ledger was moved to ${setAside}; keep it.`);
    printLine(`The ledger takes calls again, recorded as #${sequence}.`);
  }
  return 0;
}

/** Throws `invalid_request` for anything but a key. */
function keyOption(key: string | undefined): string | null {
  if (key === undefined) return null;
  if (isKeyName(key)) return key;
  throw new GatewayError('invalid_request', `--key must be a key, not "${key}".`, {
    hint: 'Use the public_key or the 8-digit key_id from "tidyllm audit head --json".',
  });
}

/** `tidyllm audit head`: the chain's head and a signed checkpoint of it. */
export async function auditHead(core: Core, terminal: Terminal): Promise<number> {
  const head = await core.ledger.head();
  const document = {
    sequence: head?.sequence ?? 0,
    hash: head?.hash ?? null,
    ledger: head?.ledgerId ?? null,
    checkpoint: head?.checkpoint ?? null,
    key_id: head?.key?.id ?? null,
    public_key: head?.key?.publicKey ?? null,
  };
  if (terminal.json) printJson(document);
  else if (head) printLine(`#${head.sequence} ${head.hash}\n\n${head.checkpoint ?? ''}`);
  else printLine('The ledger is empty: nothing is recorded yet.');
  return 0;
}

/** `tidyllm audit anchor`: stores the head in every configured anchor, or in the named one. */
export async function auditAnchor(core: Core, to: string | undefined, terminal: Terminal): Promise<number> {
  const head = await core.ledger.head();
  if (!head?.checkpoint)
    throw new GatewayError('invalid_request', 'The ledger is empty: there is nothing to anchor yet.');
  if (to !== undefined) await core.anchorAt(to).publish(head.checkpoint);
  else if (core.anchoring.status.length > 0) await core.anchoring.publish();
  else
    throw new GatewayError('invalid_request', 'No anchor is configured.', {
      hint: 'Name one with --to, or set audit.anchor.file or audit.anchor.git in settings.yaml.',
    });
  const locations = to === undefined ? core.anchoring.status.map(({ location }) => location) : [to];
  if (terminal.json) printJson({ sequence: head.sequence, hash: head.hash, anchors: locations });
  else printLine(`Record #${head.sequence} is anchored in ${locations.join(' and ')}.`);
  return 0;
}

/** `tidyllm audit rotate-key`: replaces this installation's signing key. */
export async function auditRotateKey(core: Core, terminal: Terminal): Promise<number> {
  const { sequence, hash } = await core.ledger.rotateKey();
  if (terminal.json) printJson({ sequence, hash });
  else printLine(`A new key signs from record #${sequence} on.`);
  return 0;
}
