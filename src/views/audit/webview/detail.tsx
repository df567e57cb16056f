import { Icon } from '../../webviewKit/icon.tsx';
import { t } from '../../webviewKit/l10n.ts';
import type { Detail, RecordDetail, ViewMessage } from '../protocol.ts';
import { outcomeIcon, outcomeName } from './outcomes.tsx';

interface DetailProperties {
  detail: Detail;
  post: (message: ViewMessage) => void;
  onClose: () => void;
}

/** One call: reason, user, origin, cost, place in the chain, and every field of every record. */
export function DetailPane({ detail, post, onClose }: DetailProperties) {
  const { row, facts, tokens, records } = detail;
  return (
    <aside class="detail" aria-label={t('Call #{0}', row.sequence)} tabIndex={0}>
      <header class="detail-head">
        <h2>
          {outcomeIcon(row.outcome)} {t('Call #{0}', row.sequence)}
          <span class="detail-outcome">{outcomeName(row.outcome)}</span>
        </h2>
        <button
          type="button"
          class="icon-button"
          title={t('Copy Records as JSON')}
          aria-label={t('Copy Records as JSON')}
          onClick={() => post({ type: 'copy', text: detail.json })}
        >
          <Icon name="copy" />
        </button>
        <button
          type="button"
          class="icon-button"
          title={t('Close (Escape)')}
          aria-label={t('Close')}
          onClick={onClose}
        >
          <Icon name="close" />
        </button>
      </header>
      <dl class="facts">
        {facts.map(({ name, value }) => (
          <Fact key={name} name={name} value={value} />
        ))}
        <Fact name={t('Call id')} value={row.callId} />
      </dl>
      {detail.traced !== null && (
        <button
          type="button"
          class="link"
          onClick={() => post({ type: 'openInMlflow', call: detail.traced ?? '' })}
        >
          <Icon name="link-external" /> {t('Open in MLflow')}
        </button>
      )}
      {tokens.length > 0 && <Tokens detail={detail} />}
      <Content detail={detail} post={post} />
      <ChainPlace detail={detail} />
      <section>
        <h3>{t('Records')}</h3>
        {records.map((record) => (
          <RecordFields
            key={record.sequence}
            record={record}
            onOpen={() => post({ type: 'openRecord', place: record.place })}
          />
        ))}
      </section>
    </aside>
  );
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  );
}

function Tokens({ detail: { tokens, row, charged } }: { detail: Detail }) {
  const priced = tokens.some(({ price }) => price !== null);
  return (
    <section>
      <h3>{t('Tokens')}</h3>
      <table>
        <thead>
          <tr>
            <th scope="col">{t('Class')}</th>
            <th scope="col">{t('Tokens')}</th>
            {priced && <th scope="col">{t('Per 1M')}</th>}
            {priced && <th scope="col">{t('Cost')}</th>}
          </tr>
        </thead>
        <tbody>
          {tokens.map(({ name, count, price, cost }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{count.toLocaleString()}</td>
              {priced && <td>{price}</td>}
              {priced && <td>{cost}</td>}
            </tr>
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row">{priced ? t('Charged, rounded up') : t('Charged (upper bound)')}</th>
            <td>{row.tokens?.toLocaleString()}</td>
            {priced && <td />}
            {priced && <td>{charged}</td>}
          </tr>
        </tfoot>
      </table>
      {!priced && <p class="note">{t('The provider reported no usage; {0} was charged.', charged ?? '')}</p>}
    </section>
  );
}

function Content({ detail, post }: Pick<DetailProperties, 'detail' | 'post'>) {
  const { content, row } = detail;
  return (
    <section>
      <h3>{t('Prompt and answer')}</h3>
      {content.state === 'none' && <p class="note">{t('They were not kept.')}</p>}
      {content.state === 'erased' && <p class="note">{t('They were erased at {0}.', content.erased)}</p>}
      {content.state === 'unavailable' && <p class="note problem">{content.message}</p>}
      {content.state === 'kept' && (
        <>
          <p class={content.matchesRecords === false ? 'note problem' : 'note'}>{matchText(content)}</p>
          {content.messages.map(({ role, content: text }, index) => (
            <div key={index} class="message">
              <h4>{role}</h4>
              <p>{text}</p>
            </div>
          ))}
          <button type="button" class="link" onClick={() => post({ type: 'erase', user: row.user })}>
            <Icon name="trash" /> {t('Erase Kept Content of {0}…', row.user)}
          </button>
        </>
      )}
    </section>
  );
}

function matchText({ redacted, matchesRecords }: Extract<Detail['content'], { state: 'kept' }>): string {
  if (redacted) return t('Kept with secrets and personal data redacted.');
  return matchesRecords ? t('Kept in full, as recorded.') : t('Content doesn’t match its recorded hash.');
}

function ChainPlace({ detail: { records, checkpoint } }: { detail: Detail }) {
  const first = records[0];
  const proven = records.every(({ fits }) => fits);
  return (
    <section>
      <h3>{t('Place in the chain')}</h3>
      {first && (
        <>
          <p class={proven ? 'note' : 'note problem'}>
            <Icon name={proven ? 'pass' : 'error'} />{' '}
            {proven
              ? t('Each hash matches its record and the previous record.')
              : t('A hash doesn’t match its record and the previous record: the journal was changed.')}
          </p>
          <dl class="chain">
            <dt>{t('before')}</dt>
            <dd class="hash">{first.previous}</dd>
            {records.map(({ kind, sequence, hash, place, fits }) => (
              <>
                <dt>
                  {kind}
                  <br />#{sequence}
                </dt>
                <dd>
                  <span class={fits ? 'hash' : 'hash problem'}>{hash}</span>
                  <br />
                  <span class="place">{place}</span>
                </dd>
              </>
            ))}
            <dt>{t('checkpoint')}</dt>
            <dd>
              {checkpoint ? (
                <>
                  {t('Signed by key {0} at #{1}', checkpoint.keyIds.join(', '), checkpoint.size)}
                  <br />
                  <span class="hash">{checkpoint.root}</span>
                </>
              ) : (
                t('None yet. It is signed when the segment is closed.')
              )}
            </dd>
          </dl>
        </>
      )}
    </section>
  );
}

function RecordFields({ record, onOpen }: { record: RecordDetail; onOpen: () => void }) {
  return (
    <details>
      <summary>
        {record.kind} #{record.sequence}
      </summary>
      <dl class="fields-list">
        {record.fields.map(({ name, value }) => (
          <Fact key={name} name={name} value={value} />
        ))}
      </dl>
      <button type="button" class="link" onClick={onOpen}>
        <Icon name="go-to-file" /> {t('Open {0}', record.place)}
      </button>
    </details>
  );
}
